"""Limits how many requests are under way at once, and adapts to Sequel's undocumented rate limit.

Additive increase, multiplicative decrease, as in TCP: every 429 halves the window (never below one), every success lets
it grow by one divided by itself, so by about one per round of responses, up to the maximum. A burst of 429s to requests
that were under way together counts as one: they have the same cause. `Retry-After` pauses all threads, since the quota
belongs to the account and not to the request.

Large responses are processed one at a time. Eight at once would take eight times the memory and no less time, since
Python decodes one by one anyway. A response is large once it has LARGE_BYTES or LARGE_VALUES; from then on it has the
one permit, until it is parsed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

LARGE_BYTES = 4 * 1024 * 1024
LARGE_VALUES = 100_000
Outcome = Literal["success", "throttled", "neither"]


class Permit:
    """Permission for one request. Its user notes the outcome in it."""

    def __init__(self, round_number: int) -> None:
        self.round_number = round_number
        self.outcome: Outcome = "neither"
        self.pause_seconds = 0.0

    def succeeded(self) -> None:
        """Sequel answered."""
        self.outcome = "success"

    def throttled(self, pause_seconds: float = 0.0) -> None:
        """Sequel answered 429, with the pause that it requests."""
        self.outcome, self.pause_seconds = "throttled", pause_seconds


class Limiter:
    """A window that many threads share. They wait on a condition or sleep through a pause; none polls."""

    def __init__(
        self,
        max_concurrency: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        on_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._maximum = max_concurrency
        self._window = float(max_concurrency)
        self._under_way = 0
        self._round = 0
        self._paused_until = -float("inf")
        self._changed = threading.Condition()
        self._sleep, self._monotonic, self._on_wait = sleep, monotonic, on_wait

    @contextmanager
    def permit(self) -> Iterator[Permit]:
        """Permission for one request: waits for a place and the end of a pause; releases the place in any case."""
        permit = self._acquire()
        try:
            yield permit
        finally:
            self._release(permit)

    def _acquire(self) -> Permit:
        slept_until = -float("inf")  # each pause is slept through once: a test's sleep takes no time, and would loop
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._under_way < int(self._window))
                paused_until = self._paused_until
                pause_seconds = paused_until - self._monotonic()
                if pause_seconds <= 0 or paused_until <= slept_until:
                    self._under_way += 1
                    return Permit(self._round)
                self._changed.notify()  # the place stays free: the next waiting thread sleeps through the pause as well
            self._on_wait(pause_seconds)
            self._sleep(pause_seconds)
            slept_until = paused_until

    def _release(self, permit: Permit) -> None:
        with self._changed:
            self._under_way -= 1
            if permit.outcome == "success":
                self._window = min(float(self._maximum), self._window + 1 / self._window)
            elif permit.outcome == "throttled":
                if permit.round_number == self._round:
                    self._window = max(1.0, self._window / 2)
                    self._round += 1
                self._paused_until = max(self._paused_until, self._monotonic() + permit.pause_seconds)
            self._changed.notify(max(0, int(self._window) - self._under_way))  # not all: most would only wait once more


class LargeResponsePermit:
    """One response's use of the permit for large ones: acquired at most once, released at the end."""

    def __init__(self, lock: threading.Lock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._monotonic = lock, monotonic
        self._is_acquired = False

    def acquire(self) -> float:
        """Wait for the permit, unless it is acquired already, and return the seconds that this took."""
        if self._is_acquired:
            return 0.0
        began = self._monotonic()
        self._lock.acquire()
        self._is_acquired = True
        return self._monotonic() - began

    def release(self) -> None:
        """Let the next one in."""
        if self._is_acquired:
            self._is_acquired = False
            self._lock.release()
