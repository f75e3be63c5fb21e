"""What the receiver knows, read from the warehouse and cached for a second.

An acceptance may come from the cache, a refusal never does: before an address, a key or a company is refused it is
read once more. So a new subscription or key is never refused, and an ended one is accepted for a second at most. Many
readers of the same key share one read, but for those that would refuse.

A caching library does not fit: async-lru stores a "not found" like any value, keeps time by the event loop alone, and
shields reads from cancellation, so that a read nobody waits for would still be begun while the database hangs.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.inbox import lineage
from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving, receiving
from sequel_assets.webhooks.receiver.db_threads import Readers, in_time

CACHE_SECONDS = 1.0
MAX_CACHED = 10_000
READERS = 8

T = TypeVar("T")


class Cached(Generic[T]):
    """Values by key, each for CACHE_SECONDS; the oldest are dropped when there are too many."""

    def __init__(self, readers: Readers, clock: Callable[[], float] = time.monotonic) -> None:
        self._readers = readers
        self._values: dict[str, tuple[float, T]] = {}
        self._clock = clock
        self._being_read: dict[str, asyncio.Event] = {}

    async def read(self, key: str, read: Callable[[str], T | None]) -> T | None:
        """Return the cached value, or what a read in a thread finds; a read that is under way is shared."""
        if (found := self.get(key)) is None and (under_way := self._being_read.get(key)) is not None:
            await under_way.wait()
            found = self.get(key)
        if found is not None:
            return found
        ended = self._being_read[key] = asyncio.Event()
        try:
            return await self.read_now(key, read)
        finally:
            ended.set()
            if self._being_read.get(key) is ended:
                del self._being_read[key]

    async def read_now(self, key: str, read: Callable[[str], T | None]) -> T | None:
        """Return what a read finds that begins now."""
        found = await self._readers.read(partial(read, key))
        if found is not None:
            self.put(key, found)
        return found

    def get(self, key: str) -> T | None:
        """Return a value that was put within CACHE_SECONDS."""
        found = self._values.get(key)
        return found[1] if found is not None and self._clock() - found[0] < CACHE_SECONDS else None

    def put(self, key: str, value: T) -> None:
        """Cache a value."""
        self._values.pop(key, None)
        self._values[key] = (self._clock(), value)
        if len(self._values) > MAX_CACHED:
            del self._values[next(iter(self._values))]


class SubscriptionCache:
    """Subscriptions and companies, from the warehouse; a `WarehouseError` where it does not answer in time."""

    def __init__(self, warehouse: Warehouse, clock: Callable[[], datetime]) -> None:
        self._warehouse, self._clock = warehouse, clock
        self._readers = Readers(READERS)
        self._receiving: Cached[Receiving] = Cached(self._readers)
        self._lineages: Cached[frozenset[str]] = Cached(self._readers)

    def close(self) -> None:
        """End the threads that read."""
        self._readers.close()

    async def receiving(self, capability_hash: str, *, fresh: bool = False) -> Receiving | None:
        """Return the subscription of an address; None, which is never cached, where there is none."""
        read = self._receiving.read_now if fresh else self._receiving.read
        return await in_time(read(capability_hash, self._read_receiving))

    async def lineage(self, company_id: str, above: str) -> frozenset[str] | None:
        """Return a company and all above it; None where it is not known. One without `above` is read once more."""
        found = await in_time(self._lineages.read(company_id, self._read_lineage))
        if found is None or above not in found:
            found = await in_time(self._lineages.read_now(company_id, self._read_lineage))
        return found

    def _read_receiving(self, capability_hash: str) -> Receiving | None:
        with self._warehouse.read() as connection:
            return receiving(connection, capability_hash, self._clock())

    def _read_lineage(self, company_id: str) -> frozenset[str] | None:
        with self._warehouse.read() as connection:
            return lineage(connection, company_id)
