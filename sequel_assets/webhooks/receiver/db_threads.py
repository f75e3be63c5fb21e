"""Reads from the warehouse in few threads, and waits for each read only so long.

A database server that hangs without closing its connections blocks a thread until it goes on or the network gives up.
No further threads are made then: blocked ones do not pile up, and requests that arrive meanwhile are answered with an
error.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sequel_assets.warehouse.database.errors import WarehouseError

PATIENCE_SECONDS = 10.0

T = TypeVar("T")


class Readers:
    """A fixed number of threads that read."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "readers")

    async def read(self, read: Callable[[], T]) -> T:
        """Return what a read finds; a read whose caller was cancelled is not begun."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    def close(self) -> None:
        """End the threads when what they have begun is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def in_time(reading: Awaitable[T], seconds: float | None = None) -> T:
    """Return what is being read, or raise a `WarehouseError` when the time is over."""
    patience = PATIENCE_SECONDS if seconds is None else seconds
    try:
        async with asyncio.timeout(patience):
            return await reading
    except TimeoutError:
        raise WarehouseError(f"the warehouse did not answer within {patience:g} s") from None
