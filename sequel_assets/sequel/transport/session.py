"""One call from start to end: token, concurrency permit, request, response, retries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import httpx

from sequel_assets.sequel.codes import code_of, response_code
from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.exceptions import OutOfRequests, SequelError, SignInRefused
from sequel_assets.sequel.parsing.decoding import max_value_count
from sequel_assets.sequel.stats import ClientStats
from sequel_assets.sequel.transport.auth import Grant, Tokens, grant_from
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.debug_answers import DebugAnswerFile
from sequel_assets.sequel.transport.http import HttpResponse, Transport
from sequel_assets.sequel.transport.limiter import LARGE_VALUES, LargeResponsePermit, Limiter
from sequel_assets.sequel.transport.response_parsing import http_time, retry_after_seconds, value_of
from sequel_assets.sequel.transport.retrying import Retrier

T = TypeVar("T")


class Session:
    """Connects the parts of the transport. `request` may be called from any number of threads."""

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
        self._debug_file, self._large_response_lock = DebugAnswerFile(config.debug_answers), threading.Lock()
        self._transport = Transport(config, transport=transport, monotonic=monotonic)
        self.limiter = Limiter(
            config.max_concurrency,
            sleep=sleep,
            monotonic=monotonic,
            on_wait=lambda seconds: self.stats.add(seconds_waited=seconds),
        )
        self._retrier = Retrier(config, self.stats, sleep=sleep, monotonic=monotonic)
        self._tokens = Tokens(self._new_token, monotonic=monotonic)

    def request(self, call: Call, parse: Callable[[object], T]) -> T:
        """The parsed response, or a `SequelError` with its number of attempts."""
        return self._retrier.run(call, lambda: self._attempt(call, parse, self._signed_in))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _attempt(
        self, call: Call, parse: Callable[[object], T], send: Callable[[Call, LargeResponsePermit], HttpResponse]
    ) -> T:
        """One request and its parsed response. A large one keeps the permit for large ones until it is parsed."""
        large = LargeResponsePermit(self._large_response_lock)
        try:
            return self._request_once(call, parse, send, large)
        except SequelError as error:
            error.__traceback__ = None  # its frames would keep the response, which may be large, in memory
            raise
        finally:
            large.release()

    def _request_once(
        self,
        call: Call,
        parse: Callable[[object], T],
        send: Callable[[Call, LargeResponsePermit], HttpResponse],
        large: LargeResponsePermit,
    ) -> T:
        answer = send(call, large)
        if max_value_count(answer.body) > LARGE_VALUES:
            large.acquire()
        try:
            return value_of(answer, call, parse, self._wall_clock(), self._config.max_values)
        except SequelError as error:
            self._keep(call, answer, error)
            raise

    def _signed_in(self, call: Call, large: LargeResponsePermit) -> HttpResponse:
        """The response to a call with a token, which is fetched before a permit is taken: it needs one itself."""
        lease = self._tokens.current()
        answer = self._sent(call, lease.token, large)
        if answer.status != 401:
            return answer
        answer = self._sent(call, self._tokens.renewed(lease).token, large)
        if answer.status == 401:
            code = code_of(answer.body, answer.content_type)
            message = f"Sequel refuses a fresh token as well{response_code(code)}"
            refused = SignInRefused(message, status=401, path=call.path, code=code)
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

        grant = self._retrier.run(
            call,
            lambda: self._attempt(
                call,
                lambda value: grant_from(value, self._wall_clock()),
                lambda sent, large: self._sent(sent, None, large),
            ),
        )
        self.stats.token_lifetime_seconds = grant.lifetime_seconds
        return grant

    def _sent(self, call: Call, token: str | None, large: LargeResponsePermit) -> HttpResponse:
        with self.limiter.permit() as permit:
            if self._config.max_requests is not None and self.stats.requests >= self._config.max_requests:
                raise OutOfRequests(f"all {self._config.max_requests} requests are used up", path=call.path)
            self.stats.add(requests=1)
            answer = self._transport.send(call, token, large)
            if answer.status == 429:
                wait_seconds = retry_after_seconds(answer, self._wall_clock())
                self.stats.retry_after_seconds = (
                    self.stats.retry_after_seconds if wait_seconds is None else wait_seconds
                )
                permit.throttled(wait_seconds or 0.0)
            elif answer.status < 400 or answer.status == 404:
                permit.succeeded()
        self.stats.add(bytes_received=len(answer.body), throttled=answer.status == 429)
        sent_at = http_time(answer.date)
        if sent_at is not None:
            self.stats.saw_clock(sent_at - self._wall_clock())
        return answer

    def _keep(self, call: Call, answer: HttpResponse, error: SequelError) -> None:
        secrets = (self._config.client_secret, self._config.client_id, *self._tokens.secrets(), *call.secrets)
        self._debug_file.keep(call, answer, error, secrets, self._wall_clock())
