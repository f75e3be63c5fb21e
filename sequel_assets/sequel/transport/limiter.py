"""Limits how many requests are under way at once, and adapts to Sequel's undocumented rate limit.

Additive increase, multiplicative decrease, as in TCP: every 429 halves the window (never below one), every success lets
it grow by one divided by itself, so by about one per round of responses, up to the maximum. A burst of 429s to requests
that were under way together counts as one: they have the same cause. `Retry-After` pauses all threads, since the quota
belongs to the account and not to the request. What is halved is what the window really lets through: one of eight with
two places of its own becomes one.

Where several processes share the account, `share` says how many places this one has, and until when: after that it makes one
request at a time.

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

ALONE = 1
"""Requests at once of a process whose places have gone to others."""
LOOK_SECONDS = 1.0
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
        self.maximum = max_concurrency
        """The most requests at once, over all processes that share them."""
        self._window = float(max_concurrency)
        self._places, self._places_until = max_concurrency, float("inf")
        self._under_way = self._waiting = self._most_wanted = 0
        self.on_throttled: Callable[[float, bool], None] | None = None
        """Called with the pause that Sequel requests, and whether this is the first 429 of a burst; not with what adds nothing."""
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

    def share(self, places: int, until: float) -> None:
        """Have at most so many requests under way, until a monotonic time; after it one at a time, unless it is renewed."""
        with self._changed:
            self._places, self._places_until = places, until
            self._changed.notify_all()

    def demand(self) -> tuple[int, int]:
        """Return the requests that may be under way until `share` says otherwise, and the most wanted since the last call."""
        with self._changed:
            now = self._under_way + self._waiting
            most, self._most_wanted = max(self._most_wanted, now), now
            return max(self._under_way, self._allowed()), most

    def under_way(self) -> int:
        """Return the requests under way."""
        with self._changed:
            return self._under_way

    def window(self) -> float:
        """Return the width of the window: below `maximum` after a 429."""
        with self._changed:
            return self._window

    def slow_down(self) -> None:
        """Halve the window: another process was answered 429."""
        with self._changed:
            self._halve()

    def pause(self, seconds: float) -> None:
        """Make no request for so long."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def _allowed(self) -> int:
        return self._places if self._monotonic() < self._places_until else ALONE

    def _halve(self) -> None:
        self._window, self._round = max(1.0, min(self._window, self._allowed()) / 2), self._round + 1

    def _has_place(self) -> bool:
        return self._under_way < min(int(self._window), self._allowed())

    def _wait_for_place(self) -> None:
        """Wait, the lock held; a lease that ends wakes nobody, so it is looked at again from time to time."""
        self._waiting += 1
        self._most_wanted = max(self._most_wanted, self._under_way + self._waiting)
        try:
            while not self._changed.wait_for(self._has_place, timeout=LOOK_SECONDS):
                pass
        finally:
            self._waiting -= 1

    def _acquire(self) -> Permit:
        slept_until = -float("inf")  # each pause is slept through once: a test's sleep takes no time, and would loop
        while True:
            with self._changed:
                self._wait_for_place()
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
                self._window = min(float(self.maximum), self._window + 1 / self._window)
            elif permit.outcome == "throttled":
                is_first = permit.round_number == self._round
                if is_first:
                    self._halve()
                paused_until = self._monotonic() + permit.pause_seconds
                is_longer, self._paused_until = paused_until > self._paused_until, max(self._paused_until, paused_until)
                if self.on_throttled is not None and (is_first or is_longer):
                    self.on_throttled(permit.pause_seconds, is_first)
            free = min(int(self._window), self._allowed()) - self._under_way
            self._changed.notify(max(1, free))  # not all: most would only wait once more


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
