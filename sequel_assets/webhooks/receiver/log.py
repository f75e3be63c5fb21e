"""The receiver's log: one line per delivery, without anything of its content; a flood of refusals is counted."""

import logging
import time
from collections import Counter
from collections.abc import Callable

from sequel_assets.webhooks.receiver.verify import Verification

LOGGER = "sequel_assets.receiver"
REFUSALS_PER_SECOND = 10


class Journal:
    """Writes what became of deliveries: each that is accepted, of the others a few per second and how many more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger(LOGGER)
        self._clock = clock
        self._second, self._told = -1, 0
        self._untold: Counter[Verification] = Counter()

    def note(self, verdict: Verification, subscription: str, size: int, why: str = "") -> None:
        """Tell of one delivery; `subscription` begins an id that the owner knows, or is a dash."""
        level = logging.INFO if verdict.is_accepted else logging.WARNING
        if not verdict.is_accepted and not self._may_tell(verdict):
            return
        more = f" ({why})" if why else ""
        self._log.log(
            level, "%d %s: subscription %s, %d bytes%s", verdict.status, verdict.words, subscription, size, more
        )

    def _may_tell(self, verdict: Verification) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._told = second, 0
            self.report_suppressed()
        self._told += 1
        if self._told > REFUSALS_PER_SECOND:
            self._untold[verdict] += 1
            return False
        return True

    def report_suppressed(self) -> None:
        """Tell how many refusals were left out so far."""
        for verdict, count in self._untold.items():
            self._log.warning("%d %s: %d more", verdict.status, verdict.words, count)
        self._untold.clear()
