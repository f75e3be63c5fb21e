"""A Sequel that answers what a test tells it to, and a clock that moves only when somebody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sequel_assets.sequel import SequelClient, SequelConfig

SECRET = "s3cr3t-of-the-client"
TOKEN_PATH = "/api/oauth/token"
NOW = 1_770_000_000.0  # Mon, 02 Feb 2026 02:40:00 GMT

Reply = httpx.Response | Exception


class SleepingClock:
    """Time for one test: `sleep` takes none of ours and moves both clocks."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds
            self.slept.append(seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return NOW + self.seconds


class Wire:
    """The far end. Replies are taken in order, the last for ever; tokens are `token-1`, `token-2` and so on."""

    def __init__(self, clock: SleepingClock) -> None:
        self.clock = clock
        self.replies: list[Reply] = []
        self.token_replies: list[Reply] = []
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None
        self.requests: list[httpx.Request] = []
        self.sign_ins: list[httpx.Request] = []
        self._lock = threading.Lock()

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if request.url.path == TOKEN_PATH:
                self.sign_ins.append(request)
                reply: Reply = (
                    self._next(self.token_replies)
                    if self.token_replies
                    else httpx.Response(200, json={"access_token": f"token-{len(self.sign_ins)}"})
                )
            else:
                self.requests.append(request)
                reply = self._next(self.replies) if self.answer is None else self.answer(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @staticmethod
    def _next(replies: list[Reply]) -> Reply:
        if len(replies) > 1:
            return replies.pop(0)
        reply = replies[0]
        if isinstance(reply, httpx.Response):  # a response can be read once
            return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
        return reply

    def client(self, **changes: Any) -> SequelClient:
        return SequelClient(
            config(**changes),
            transport=httpx.MockTransport(self.handle),
            sleep=self.clock.sleep,
            monotonic=self.clock.monotonic,
            wall_clock=self.clock.wall,
        )


def config(**changes: Any) -> SequelConfig:
    return SequelConfig(
        **{
            "api_url": "https://api.test",
            "analytics_url": "https://analytics.test",
            "client_id": "the-client-id",
            "client_secret": SECRET,
            **changes,
        }
    )


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock()


@pytest.fixture
def wire(clock: SleepingClock) -> Wire:
    return Wire(clock)


@pytest.fixture
def client(wire: Wire) -> Iterator[SequelClient]:
    with wire.client() as client:
        yield client
