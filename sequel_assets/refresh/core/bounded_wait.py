"""Waiting for several answers within a bound: how long, and what stands for those that do not come."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import Executor, wait
from typing import TypeVar

from sequel_assets.sequel import FATAL, SequelError

QUIET_SECONDS = 1.0
"""The wait ends when nothing has come for so long, or for twice the longest wait until then."""
LATE = SequelError("Sequel has not answered yet")
K = TypeVar("K")
V = TypeVar("V")


class PatienceLimit:
    """How long to go on waiting: the longest that anything has taken since, twice, and a little at least."""

    def __init__(self) -> None:
        self._began, self.seconds = time.monotonic(), QUIET_SECONDS

    def answered(self) -> None:
        """Take note of an answer."""
        self.seconds = max(QUIET_SECONDS, 2 * (time.monotonic() - self._began))


def answered_in_time(
    pool: Executor, call: Callable[[K], V], keys: Collection[K], seconds: float
) -> tuple[dict[K, V], dict[K, SequelError]]:
    """Return what a call answers of each within so many seconds, and of the others why not."""
    futures = {pool.submit(call, key): key for key in keys}
    wait(futures, seconds)
    answered: dict[K, V] = {}
    failed: dict[K, SequelError] = {}
    for future, key in futures.items():
        if not future.done():
            future.cancel()
            failed[key] = LATE
            continue
        try:
            answered[key] = future.result()
        except FATAL:
            raise
        except SequelError as error:
            failed[key] = error
    return answered, failed
