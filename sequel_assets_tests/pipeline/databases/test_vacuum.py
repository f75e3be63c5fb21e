"""Old rows are deleted and the database is vacuumed while refreshes write and webhooks arrive: nobody fails, nobody waits long."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox
from sequel_assets.warehouse.tables.webhooks import inbox as table
from sequel_assets_tests.support.harness import ADA, BO, DAYS, NOW, at, event, failures, platform, world_of
from sequel_assets_tests.support.inboxes import deliver, notification

RECEIVER_SECONDS = 5.0
"""How long a delivery may wait for the warehouse: half of what the receiver allows before it answers 500."""
OLD, BATCH, REFRESHES = 20_000, 500, 4
LONG_AGO = NOW - timedelta(days=40)


@dataclass
class Loop:
    """Something that is done again and again in a thread, how long each time took, and what it raised."""

    work: Callable[[int], None]
    seconds: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Do it until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _run(self, ended: threading.Event) -> None:
        number = 0
        while not ended.is_set() and not self.errors:
            began = time.monotonic()
            try:
                self.work(number)
            except BaseException as error:  # noqa: BLE001 - the test shows it
                self.errors.append(error)
            self.seconds.append(time.monotonic() - began)
            number += 1
            time.sleep(0.01)


def vacuum(url: str) -> None:
    """Do what autovacuum does on PostgreSQL; on SQLite write the file again, which locks everybody out meanwhile."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)) as file:
            file.execute("VACUUM")
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
            server.execute("VACUUM (ANALYZE)")


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite", "postgresql"])
def test_deleting_and_vacuuming_makes_no_refresh_fail_and_no_delivery_wait_for_long(
    warehouse: Warehouse,
) -> None:
    """Each refresh of everything is good, each delivery is stored within the receiver's bound, the tables are the truth."""
    url = warehouse.url.render_as_string(hide_password=False)
    receiver, keeper = Warehouse(url, is_durable=True, busy_seconds=RECEIVER_SECONDS), Warehouse(url)
    deliver(warehouse, *(notification("kid", f"old{n % 50}", LONG_AGO) for n in range(OLD)))
    with warehouse.write() as connection:
        connection.execute(table.update().values(handled_at=LONG_AGO))
    deleted: list[int] = []

    def keep(number: int) -> None:
        """Delete some of what is old, then vacuum."""
        newest = (number + 1) * BATCH
        with keeper.write() as connection:
            connection.execute(
                table.update().where(table.c.id <= newest).values(handled_at=LONG_AGO - timedelta(days=1))
            )
        deleted.append(inbox.purge(keeper, LONG_AGO - timedelta(hours=1)))
        vacuum(url)

    keeping = Loop(keep)
    receiving = Loop(lambda number: deliver(receiver, notification("kid", "e1", NOW)))
    crowd = [Attendance(ADA, live=[(at(3), 20)], on_demand=[(at(5), 5)]), Attendance(BO, live=[(at(3, 9, 10), 30)])]
    try:
        with platform(world_of(*(event(f"e{n}", "kid", at(3), crowd) for n in range(1, 9))), warehouse) as it:
            with keeping.running(), receiving.running():
                for number in range(REFRESHES):
                    known = it.walk()
                    outcomes = it.refresher(anew=number > 0).refresh(dict.fromkeys(known, DAYS))
                    assert failures(outcomes) == []
            it.assert_true()
            assert it.problems() == []
    finally:
        receiver.dispose()
        keeper.dispose()
    assert (keeping.errors, receiving.errors) == ([], [])
    assert len(keeping.seconds) > 2
    assert sum(deleted) > 2 * BATCH
    assert max(receiving.seconds) < RECEIVER_SECONDS
    with warehouse.read() as connection:
        arrived = connection.scalar(sa.select(sa.func.count()).where(table.c.event_id == "e1"))
    assert arrived == len(receiving.seconds)
    print(f"{len(keeping.seconds)} rounds, {sum(deleted)} rows deleted, the longest round {max(keeping.seconds):.2f} s")  # noqa: T201 - what was measured
    print(f"{len(receiving.seconds)} deliveries, the longest {max(receiving.seconds):.2f} s")  # noqa: T201
