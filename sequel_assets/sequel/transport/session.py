"""One call from start to end: a token, a place, the request, the verdict, another try."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import httpx

from sequel_assets.sequel.codes import code_of, response_code
from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.exceptions import SequelError, SignInRefused
from sequel_assets.sequel.parsing.decoding import values_at_most
from sequel_assets.sequel.stats import ClientStats
from sequel_assets.sequel.transport.answers import http_time, retry_after_seconds, value_of
from sequel_assets.sequel.transport.auth import Grant, Tokens, grant_from
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.debug_answers import KeptAnswers
from sequel_assets.sequel.transport.http import HttpAnswer, Transport
from sequel_assets.sequel.transport.large_answers import LARGE_VALUES, LargeAnswerPlace
from sequel_assets.sequel.transport.limiter import Limiter
from sequel_assets.sequel.transport.retrying import Retrier

T = TypeVar("T")


class Session:
    """Puts the parts together. `ask` may be called from any number of threads."""

    def __init__(
        self,
        config: SequelConfig,
        *,
        transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._config, self._wall_clock = config, wall_clock
        self.stats = ClientStats()
        self._kept_answers, self._one_large = KeptAnswers(config.debug_answers), threading.Lock()
        self._transport = Transport(config, transport=transport, monotonic=monotonic)
        self._limiter = Limiter(
            config.max_concurrency,
            sleep=sleep,
            monotonic=monotonic,
            on_wait=lambda seconds: self.stats.add(seconds_waited=seconds),
        )
        self._retrier = Retrier(config, self.stats, sleep=sleep, monotonic=monotonic)
        self._tokens = Tokens(self._new_token, monotonic=monotonic)

    def ask(self, call: Call, parse: Callable[[object], T]) -> T:
        """The parsed answer, or a `SequelError` that knows how often it was tried."""
        return self._retrier.run(call, lambda: self._attempt(call, parse, self._signed_in))

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _attempt(
        self, call: Call, parse: Callable[[object], T], send: Callable[[Call, LargeAnswerPlace], HttpAnswer]
    ) -> T:
        """One request and what it means. A large answer holds the place of large ones until it is a value."""
        place = LargeAnswerPlace(self._one_large)
        try:
            return self._asked_once(call, parse, send, place)
        except SequelError as error:
            error.__traceback__ = None  # its frames hold the answer, which may be large
            raise
        finally:
            place.give_back()

    def _asked_once(
        self,
        call: Call,
        parse: Callable[[object], T],
        send: Callable[[Call, LargeAnswerPlace], HttpAnswer],
        place: LargeAnswerPlace,
    ) -> T:
        answer = send(call, place)
        if values_at_most(answer.body) > LARGE_VALUES:
            place.take()
        return self._value(answer, call, parse)

    def _signed_in(self, call: Call, place: LargeAnswerPlace) -> HttpAnswer:
        """The answer to a call with a token. A place is never held while a token is fetched, which needs one too."""
        lease = self._tokens.current()
        answer = self._sent(call, lease.token, place)
        if answer.status != 401:
            return answer
        answer = self._sent(call, self._tokens.renewed(lease).token, place)
        if answer.status == 401:
            code = code_of(answer.body, answer.content_type)
            words = f"Sequel refuses a fresh token as well{response_code(code)}"
            refused = SignInRefused(words, status=401, path=call.path, code=code)
            self._keep(call, answer, refused)
            raise refused
        return answer

    def _new_token(self) -> Grant:
        config = self._config
        call = Call(
            name="token",
            path=config.paths.token,
            method="POST",
            body={
                "client_id": config.client_id,
                "client_secret": config.client_secret,
                "audience": config.audience,
                "grant_type": "client_credentials",
            },
        )

        def parse(value: object) -> Grant:
            return grant_from(value, self._wall_clock())

        return self._retrier.run(
            call, lambda: self._attempt(call, parse, lambda asked, place: self._sent(asked, None, place))
        )

    def _sent(self, call: Call, token: str | None, place: LargeAnswerPlace) -> HttpAnswer:
        with self._limiter.slot() as slot:
            self.stats.add(requests=1)
            answer = self._transport.send(call, token, place)
            if answer.status == 429:
                slot.throttled(retry_after_seconds(answer, self._wall_clock()) or 0.0)
            elif answer.status < 400 or answer.status == 404:
                slot.succeeded()
        self.stats.add(bytes_received=len(answer.body), throttled=answer.status == 429)
        sent_at = http_time(answer.date)
        if sent_at is not None:
            self.stats.saw_clock(sent_at - self._wall_clock())
        return answer

    def _value(self, answer: HttpAnswer, call: Call, parse: Callable[[object], T]) -> T:
        try:
            return value_of(answer, call, parse, self._wall_clock(), self._config.max_values)
        except SequelError as error:
            self._keep(call, answer, error)
            raise

    def _keep(self, call: Call, answer: HttpAnswer, error: SequelError) -> None:
        secrets = (self._config.client_secret, self._config.client_id, *self._tokens.secrets(), *call.secrets)
        self._kept_answers.keep(call, answer, error, secrets, self._wall_clock())
