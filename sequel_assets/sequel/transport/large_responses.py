"""Processes large responses one at a time.

Eight at once would take eight times the memory and no less time, since Python decodes one by one anyway. A response is
large once it has LARGE_BYTES or LARGE_VALUES; from then on it has the one permit, until it is parsed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LARGE_BYTES = 4 * 1024 * 1024
LARGE_VALUES = 100_000


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
