"""Storing together: who shares a commit, who waits no longer, and what is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox
from sequel_assets.webhooks.receiver import batch_writer
from sequel_assets.webhooks.receiver.batch_writer import NotStoredError, Storage
from sequel_assets_tests.support.inboxes import notification, rows
from sequel_assets_tests.support.rows import AT

pytestmark = pytest.mark.parametrize("engine_kind", ["sqlite"])


def test_who_comes_together_shares_a_commit(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 at once are one transaction; the next 32, from who was answered, are another one or two."""
    sizes: list[int] = []
    store = inbox.store
    monkeypatch.setattr(inbox, "store", lambda at, hints: (sizes.append(len(hints)), store(at, hints)))

    async def deliver() -> None:
        storage = Storage(warehouse)

        async def twice() -> None:
            await storage.store(notification("acme", "e1", AT))
            await storage.store(notification("acme", "e1", AT))

        await asyncio.gather(*(twice() for _ in range(32)))
        storage.close()

    asyncio.run(deliver())
    assert sizes[0] == 32
    assert sum(sizes) == len(rows(warehouse)) == 64
    assert len(sizes) <= 3


def hanging_store() -> tuple[threading.Event, threading.Event, Callable[..., None]]:
    """Return a `store` that hangs: the event that says that it has begun, the one that frees it, and the function."""
    begun, free = threading.Event(), threading.Event()
    store = inbox.store

    def hang(*arguments: object) -> None:
        begun.set()
        assert free.wait(20)
        store(*arguments)  # type: ignore[arg-type]

    return begun, free, hang


def test_a_commit_that_hangs_is_answered_all_the_same(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in it and those behind it; what nobody waits for any more is not begun; afterwards it goes on."""
    monkeypatch.setattr(batch_writer, "PATIENCE_SECONDS", 0.2)
    begun, free, hang = hanging_store()

    async def deliver() -> list[str]:
        storage, said = Storage(warehouse), []

        async def one(name: str) -> None:
            try:
                await storage.store(notification("acme", name, AT))
            except NotStoredError as error:
                said.append(str(error))

        with monkeypatch.context() as patch:
            patch.setattr(inbox, "store", hang)
            first = asyncio.create_task(one("begun"))
            await asyncio.to_thread(begun.wait, 20)
            await one("behind it")
            await first
            free.set()
            await asyncio.sleep(0)
            await asyncio.to_thread(storage._thread.submit(lambda: None).result)
        monkeypatch.setattr(batch_writer, "PATIENCE_SECONDS", 20)
        await one("afterwards")
        storage.close()
        return said

    assert asyncio.run(deliver()) == ["the warehouse did not answer within 0.2 s"] * 2
    assert [row["event_id"] for row in rows(warehouse)] == ["begun", "afterwards"]


def test_what_waits_behind_a_commit_that_hangs_is_stored_once_that_is_given_up(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has patience of its own: it is begun as soon as the other one has ended, and its sender hears that."""
    monkeypatch.setattr(batch_writer, "PATIENCE_SECONDS", 0.5)
    begun, free, hang = hanging_store()

    async def deliver() -> list[bool]:
        storage = Storage(warehouse)
        monkeypatch.setattr(inbox, "store", hang)
        first = asyncio.create_task(storage.store(notification("acme", "begun", AT)))
        await asyncio.to_thread(begun.wait, 20)
        monkeypatch.setattr(batch_writer, "PATIENCE_SECONDS", 20)
        behind = asyncio.create_task(storage.store(notification("acme", "behind it", AT)))
        await asyncio.wait([first])
        free.set()
        answers = await asyncio.gather(first, behind, return_exceptions=True)
        storage.close()
        return [isinstance(answer, NotStoredError) for answer in answers]

    assert asyncio.run(deliver()) == [True, False]
    assert [row["event_id"] for row in rows(warehouse)] == ["begun", "behind it"]
