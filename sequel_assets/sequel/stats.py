"""Counters of a client (requests, retries, bytes, waits), and the difference between Sequel's clock and ours."""

from __future__ import annotations

import statistics
import threading
from collections import deque

CLOCK_SAMPLES = 31


class ClientStats:
    """Counters that every thread may add to and anyone may read.

    `requests` are those sent, tokens and repetitions included; `bytes_received` counts bodies after decompression;
    `seconds_waited` is the sum over all threads, of waits between attempts and of pauses that Sequel requested.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = dict.fromkeys(
            ("requests", "retries", "bytes_received", "seconds_waited", "throttled"), 0
        )
        self._skews_seconds: deque[float] = deque(maxlen=CLOCK_SAMPLES)

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
            self._counts["requests"] += requests
            self._counts["retries"] += retries
            self._counts["bytes_received"] += bytes_received
            self._counts["seconds_waited"] += seconds_waited
            self._counts["throttled"] += throttled

    def saw_clock(self, skew_seconds: float) -> None:
        """Remember the server's time minus ours, as seen in one answer."""
        with self._lock:
            self._skews_seconds.append(skew_seconds)

    @property
    def requests(self) -> int:
        """Requests sent."""
        return int(self._get("requests"))

    @property
    def retries(self) -> int:
        """Attempts that repeated a failed one."""
        return int(self._get("retries"))

    @property
    def bytes_received(self) -> int:
        """Bytes of bodies."""
        return int(self._get("bytes_received"))

    @property
    def seconds_waited(self) -> float:
        """Seconds that threads slept."""
        return self._get("seconds_waited")

    @property
    def throttled(self) -> int:
        """Answers that said 429."""
        return int(self._get("throttled"))

    @property
    def clock_skew_seconds(self) -> float | None:
        """Median of the server's `Date` minus our clock over the last answers; None when no answer had the header."""
        with self._lock:
            return statistics.median(self._skews_seconds) if self._skews_seconds else None

    def as_dict(self) -> dict[str, float]:
        """All counters at one point in time, for metadata."""
        with self._lock:
            return dict(self._counts)

    def _get(self, name: str) -> float:
        with self._lock:
            return self._counts[name]

    def __repr__(self) -> str:
        """The counters."""
        return f"ClientStats({', '.join(f'{name}={value:g}' for name, value in self.as_dict().items())})"
