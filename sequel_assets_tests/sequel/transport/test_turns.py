"""Large answers are decoded one at a time, and waiting for that is not counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from sequel_assets.sequel.transport.limiter import LARGE_BYTES, LargeResponsePermit
from sequel_assets_tests.sequel.conftest import Wire
from sequel_assets_tests.sequel.transport.served import _no_proxy

__all__ = ["_no_proxy"]


def test_large_answers_come_one_at_a_time(wire: Wire) -> None:
    """From the first byte too many until they are what was asked for; small ones go on meanwhile."""
    at_once, most = 0, 0
    lock = threading.Lock()

    def body() -> Iterator[bytes]:
        nonlocal at_once, most
        yield b'{"uid": "c", "a": "' + b"x" * (LARGE_BYTES + 1)
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        yield b'"}'

    wire.answer = lambda request: (
        httpx.Response(200, content=body()) if "large" in str(request.url) else httpx.Response(200, json={"uid": "c"})
    )
    with wire.client() as client, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(client.company, ["large", "small"] * 8))
    assert ({one.uid for one in found}, most) == ({"c"}, 1)


def test_a_place_is_taken_once_and_given_back_once() -> None:
    """Also where nothing was taken."""
    lock = threading.Lock()
    permit = LargeResponsePermit(lock)
    permit.release()
    permit.acquire()
    assert permit.acquire() == 0.0
    permit.release()
    permit.release()
    assert not lock.locked()


def test_waiting_for_its_place_is_not_counted_against_an_answer(wire: Wire) -> None:
    """Else the last of eight would be given up for the seven before it."""
    wire.replies = [httpx.Response(200, content=b'{"uid": "c", "a": "' + b"x" * (LARGE_BYTES + 1) + b'"}')]
    with wire.client(total_timeout_seconds=10) as client:
        waited = client._session._large_response_lock = SlowLock(wire)  # type: ignore[assignment]
        assert client.company("c").uid == "c"
        assert waited.is_given_back


class SlowLock:
    """A place that is free after a minute by the test's clock."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self.is_given_back = wire, False

    def acquire(self) -> None:
        self._wire.clock.sleep(60)

    def release(self) -> None:
        self.is_given_back = True
