"""What the receiver knows, read from the warehouse and kept for a moment.

A yes may come from memory; a no never does: before an address, a key or a company is refused it is read again. So a
subscription that was made, or a key that was changed, a moment ago is never refused, and one that has ended is answered
no longer than a moment. Many that ask for the same at once share one read, but for those who would refuse.
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

MEMORY_SECONDS = 1.0
MAX_REMEMBERED = 10_000
READERS = 8

T = TypeVar("T")


class Cached(Generic[T]):
    """Values by key, each for a moment; the oldest go when there are too many."""

    def __init__(self, readers: Readers, clock: Callable[[], float] = time.monotonic) -> None:
        self._readers = readers
        self._values: dict[str, tuple[float, T]] = {}
        self._clock = clock
        self._being_read: dict[str, asyncio.Event] = {}

    async def read(self, key: str, read: Callable[[str], T | None]) -> T | None:
        """Return what is remembered, or what a read in a thread finds; who finds one under way waits for it."""
        if (found := self.get(key)) is None and (under_way := self._being_read.get(key)) is not None:
            await under_way.wait()
            found = self.get(key)
        if found is not None:
            return found
        ended = self._being_read[key] = asyncio.Event()
        try:
            return await self.read_anew(key, read)
        finally:
            ended.set()
            if self._being_read.get(key) is ended:
                del self._being_read[key]

    async def read_anew(self, key: str, read: Callable[[str], T | None]) -> T | None:
        """Return what a read finds that begins now."""
        found = await self._readers.read(partial(read, key))
        if found is not None:
            self.put(key, found)
        return found

    def get(self, key: str) -> T | None:
        """Return a value that was put within the last moment."""
        found = self._values.get(key)
        return found[1] if found is not None and self._clock() - found[0] < MEMORY_SECONDS else None

    def put(self, key: str, value: T) -> None:
        """Remember a value."""
        self._values.pop(key, None)
        self._values[key] = (self._clock(), value)
        if len(self._values) > MAX_REMEMBERED:
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
        """Return the subscription of an address; None, which is never remembered, where there is none."""
        read = self._receiving.read_anew if fresh else self._receiving.read
        return await in_time(read(capability_hash, self._read_receiving))

    async def lineage(self, company_id: str, above: str) -> frozenset[str] | None:
        """Return a company and all above it; None where it is not known. One without `above` is read again."""
        found = await in_time(self._lineages.read(company_id, self._read_lineage))
        if found is None or above not in found:
            found = await in_time(self._lineages.read_anew(company_id, self._read_lineage))
        return found

    def _read_receiving(self, capability_hash: str) -> Receiving | None:
        with self._warehouse.read() as connection:
            return receiving(connection, capability_hash, self._clock())

    def _read_lineage(self, company_id: str) -> frozenset[str] | None:
        with self._warehouse.read() as connection:
            return lineage(connection, company_id)
