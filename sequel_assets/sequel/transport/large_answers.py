"""Large answers one at a time: eight at once would take eight times the memory, and no less time, since Python decodes one by one anyway.

An answer is large once it has so many bytes or values; from then on, until it has become what was asked for, it holds the place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LARGE_BYTES = 4 * 1024 * 1024
LARGE_VALUES = 100_000


class LargeAnswerPlace:
    """One answer's claim to the place of large answers: taken at most once, given back at the end."""

    def __init__(self, lock: threading.Lock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._monotonic = lock, monotonic
        self._is_held = False

    def take(self) -> float:
        """Wait for the place, unless it is held already, and return the seconds that this took."""
        if self._is_held:
            return 0.0
        began = self._monotonic()
        self._lock.acquire()
        self._is_held = True
        return self._monotonic() - began

    def give_back(self) -> None:
        """Let the next one in."""
        if self._is_held:
            self._is_held = False
            self._lock.release()
