"""The receiver's log: one line per delivery, without anything of its content; a flood of refusals is counted."""

import logging
import time
from collections import Counter
from collections.abc import Callable

from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving
from sequel_assets.webhooks.receiver.verify import Verification

LOGGER = "sequel_assets.receiver"
REFUSALS_PER_SECOND = 10


def log_name(receiving: Receiving | None) -> str:
    """Return the beginning of a subscription's id, or of its address's hash; a dash where there is none."""
    return "-" if receiving is None else (receiving.subscription_id or receiving.capability_hash)[:8]


class DeliveryLog:
    """Logs results of deliveries: each that is accepted, of the refused ones a few per second and how many more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger(LOGGER)
        self._clock = clock
        self._second, self._refusals = -1, 0
        self._suppressed: Counter[Verification] = Counter()

    def note(self, result: Verification, subscription: str, size: int, reason: str = "") -> None:
        """Log one delivery; `subscription` comes from `log_name`."""
        level = logging.INFO if result.is_accepted else logging.WARNING
        if not result.is_accepted and not self._may_log(result):
            return
        more = f" ({reason})" if reason else ""
        self._log.log(
            level, "%d %s: subscription %s, %d bytes%s", result.status, result.message, subscription, size, more
        )

    def _may_log(self, result: Verification) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._refusals = second, 0
            self.report_suppressed()
        self._refusals += 1
        if self._refusals > REFUSALS_PER_SECOND:
            self._suppressed[result] += 1
            return False
        return True

    def report_suppressed(self) -> None:
        """Log how many refusals were left out so far."""
        for result, count in self._suppressed.items():
            self._log.warning("%d %s: %d more", result.status, result.message, count)
        self._suppressed.clear()
