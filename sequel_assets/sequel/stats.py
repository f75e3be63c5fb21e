"""Counters of a client (requests, retries, bytes, waits), and the difference between Sequel's clock and ours."""

from __future__ import annotations

import statistics
import threading
from collections import deque
from dataclasses import dataclass, field

CLOCK_SAMPLES = 31


@dataclass(eq=False)
class ClientStats:
    """Counters that every thread may add to and anyone may read."""

    requests: int = 0
    """Requests sent, tokens and repetitions included."""
    retries: int = 0
    """Attempts that repeated a failed one."""
    bytes_received: int = 0
    """Bytes of bodies, after decompression."""
    seconds_waited: float = 0.0
    """Seconds that threads slept, all together: between attempts, and in pauses that Sequel requested."""
    throttled: int = 0
    """Answers that said 429."""
    retry_after_seconds: float | None = None
    """The `Retry-After` of the last 429 that had one."""
    token_lifetime_seconds: float | None = None
    """How long the last token lives, as far as Sequel says."""
    _skews_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=CLOCK_SAMPLES), init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def add(
        self,
        *,
        requests: int = 0,
        retries: int = 0,
        bytes_received: int = 0,
        seconds_waited: float = 0.0,
        throttled: int = 0,
    ) -> None:
        """Count."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.bytes_received += bytes_received
            self.seconds_waited += seconds_waited
            self.throttled += throttled

    def saw_clock(self, skew_seconds: float) -> None:
        """Remember the server's time minus ours, as seen in one answer."""
        with self._lock:
            self._skews_seconds.append(skew_seconds)

    @property
    def clock_skew_seconds(self) -> float | None:
        """Median of the server's `Date` minus our clock over the last answers; None when no answer had the header."""
        with self._lock:
            return statistics.median(self._skews_seconds) if self._skews_seconds else None
