"""One call from start to end: a token, a place, the request, the verdict, another try."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx

from sequel_assets.sequel.answers import http_time, retry_after_seconds, value_of
from sequel_assets.sequel.auth import Grant, Tokens, grant_from
from sequel_assets.sequel.call import Call
from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.exceptions import SignInRefused
from sequel_assets.sequel.limiter import Limiter
from sequel_assets.sequel.retrying import Retrier
from sequel_assets.sequel.stats import ClientStats
from sequel_assets.sequel.transport import Answer, Transport

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
        return self._retrier.run(call, lambda: self._value(self._signed_in(call), call, parse))

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _signed_in(self, call: Call) -> Answer:
        """The answer to a call with a token. A place is never held while a token is fetched, which needs one too."""
        lease = self._tokens.current()
        answer = self._sent(call, lease.token)
        if answer.status != 401:
            return answer
        answer = self._sent(call, self._tokens.renewed(lease).token)
        if answer.status == 401:
            raise SignInRefused("Sequel refuses a fresh token as well", status=401, path=call.path)
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

        return self._retrier.run(call, lambda: self._value(self._sent(call, None), call, parse))

    def _sent(self, call: Call, token: str | None) -> Answer:
        with self._limiter.slot() as slot:
            self.stats.add(requests=1)
            answer = self._transport.send(call, token)
            if answer.status == 429:
                slot.throttled(retry_after_seconds(answer, self._wall_clock()) or 0.0)
            elif answer.status < 400 or answer.status == 404:
                slot.succeeded()
        self.stats.add(bytes_received=len(answer.body), throttled=answer.status == 429)
        sent_at = http_time(answer.date)
        if sent_at is not None:
            self.stats.saw_clock(sent_at - self._wall_clock())
        return answer

    def _value(self, answer: Answer, call: Call, parse: Callable[[object], T]) -> T:
        secrets = (self._config.client_secret, self._config.client_id, *self._tokens.secrets(), *call.secrets)
        return value_of(answer, call, parse, secrets, self._wall_clock())
