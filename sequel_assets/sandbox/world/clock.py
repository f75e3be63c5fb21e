"""The sandbox's clock: pinned, moved, or sped up. Business time only; tokens and delays use the machine's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that starts at `now` (default: the real time) and runs at `speed` times the real one.

    `speed=0` pins it. `monotonic` is the machine's own clock, in seconds, and is swapped in tests. Thread-safe.
    """

    def __init__(
        self, now: datetime | None = None, *, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._speed = _checked_speed(speed)
        self._base = _utc(now) if now is not None else datetime.now(UTC)
        self._since = monotonic()

    @classmethod
    def pinned(cls, now: datetime) -> Clock:
        """A clock that stands still at `now` until it is moved."""
        return cls(now, speed=0)

    def now(self) -> datetime:
        """The time, UTC."""
        with self._lock:
            return self._now()

    def top_of_hour(self) -> datetime:
        """The last top of the hour: analytics show only minutes before it."""
        return self.now().replace(minute=0, second=0, microsecond=0)

    def set(self, now: datetime) -> None:
        """Move to a time, also backwards."""
        with self._lock:
            self._rebase(_utc(now))

    def advance(self, by: timedelta | float = 0, **parts: float) -> None:
        """Move on by a timedelta, by seconds, or by parts: `advance(hours=1, minutes=5)`."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        with self._lock:
            self._rebase(self._now() + step + timedelta(**parts))

    @property
    def speed(self) -> float:
        """How many times faster than real time it runs; 0 is pinned."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            self._rebase(self._now())
            self._speed = _checked_speed(speed)

    @property
    def is_pinned(self) -> bool:
        """Whether it stands still."""
        return self._speed == 0

    def _now(self) -> datetime:
        return self._base + timedelta(seconds=(self._monotonic() - self._since) * self._speed)

    def _rebase(self, now: datetime) -> None:
        self._base, self._since = now, self._monotonic()


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"a time needs its zone: {time!r}")
    return time.astimezone(UTC)


def _checked_speed(speed: float) -> float:
    if speed < 0:
        raise ValueError(f"a clock cannot run backwards: speed {speed}")
    return float(speed)
