"""Stores notifications durably, many in one transaction: what arrives during a commit goes into the next one.

A sync to disk costs the same for one row as for a hundred: that gives the receiver its rate. `store`
returns when the notification's own transaction is committed, and raises when it was not.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import inbox
from sequel_assets.warehouse.stores.inbox import Notification

MAX_WAITING = 5_000
PATIENCE_SECONDS = 10.0
GATHERING_SECONDS = 0.003
"""How long after a commit the next one waits for more: senders that were just answered send the next delivery."""


class NotStoredError(Exception):
    """The notification is not, or not known to be, stored; the text says why in one line."""


class _Group:
    """Notifications that are committed together, and a future for each: "" or why it was not stored."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.waiting: list[asyncio.Future[str]] = []
        self.patience: asyncio.TimerHandle

    def resolve(self, reason: str) -> None:
        """Resolve all that still wait."""
        self.patience.cancel()
        for one in self.waiting:
            if not one.done():
                one.set_result(reason)
        self.notifications, self.waiting = [], []


class Storage:
    """Stores notifications in the order of their arrival, from a thread of its own that waits only for the database."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, "notifications")
        self._next: _Group | None = None
        self._is_busy = False

    async def store(self, notification: Notification) -> None:
        """Return when the notification is durably stored; `NotStoredError` otherwise, also when that takes too long."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = group = _Group()
            group.patience = loop.call_later(PATIENCE_SECONDS, self._give_up, group)
            if not self._is_busy:
                self._is_busy = True
                loop.call_soon(self._begin, loop)  # after all that has arrived by now was added
        group = self._next
        if len(group.notifications) >= MAX_WAITING:
            raise NotStoredError("too many notifications wait to be stored")
        stored = loop.create_future()
        group.notifications.append(notification)
        group.waiting.append(stored)
        if why := await stored:
            raise NotStoredError(why)

    def close(self) -> None:
        """End the thread when what it has begun is stored."""
        self._thread.shutdown()

    def _give_up(self, group: _Group) -> None:
        """End the waiting of a group; if it is not being committed yet, it never will be."""
        if self._next is group:
            self._next = None
        group.resolve(f"the warehouse did not answer within {PATIENCE_SECONDS:g} s")

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the next group committed, if there is one."""
        group, self._next = self._next, None
        self._is_busy = group is not None
        if group is not None:
            self._thread.submit(self._work, loop, group)

    def _work(self, loop: asyncio.AbstractEventLoop, group: _Group) -> None:
        why = self._commit(group.notifications)
        loop.call_soon_threadsafe(self._end, loop, group, why)

    def _end(self, loop: asyncio.AbstractEventLoop, group: _Group, why: str) -> None:
        group.resolve(why)
        loop.call_later(GATHERING_SECONDS, self._begin, loop)

    def _commit(self, notifications: Sequence[Notification]) -> str:
        """Store notifications, all or none; return why that failed."""
        try:
            with self._warehouse.write() as connection:
                inbox.store(connection, notifications)
        except WarehouseError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, each of them must be answered
            return f"the warehouse failed: {type(error).__name__}"
        return ""
