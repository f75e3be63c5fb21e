"""Opening the warehouse: many readers, one writer at a time, all or nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database import engine
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import companies, event_participants, refreshes
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    LATE,
    STAGE,
    hour,
    known_company,
    participant,
    settle_in,
    table_of,
)

WRITE_200_TIMES = """
import sys
import sqlalchemy as sa
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import companies
warehouse = Warehouse(sys.argv[1])
sys.stdin.readline()
for _ in range(200):
    with warehouse.write("acme") as connection:
        depth = connection.execute(sa.select(companies.c.depth)).scalar_one()
        connection.execute(companies.update().values(depth=depth + 1))
warehouse.dispose()
"""


def refresh(warehouse: Warehouse, minutes: int, people: int, hours: int) -> None:
    """Write one slice in which everybody has the same minutes."""
    rows = [participant("e1", f"p{n}", minutes) for n in range(people)]
    update = SliceUpdate(event_participants, DAY, rows, None, hour(hours), hour(hours), hour(hours))
    with warehouse.write(ACME) as connection:
        replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)


def minutes_and_rows(connection: sa.Connection) -> tuple[int, int]:
    """Read the facts in one statement and their bookkeeping in another."""
    minutes = connection.execute(sa.select(sa.func.sum(event_participants.c.live_minutes))).scalar_one()
    return int(minutes), connection.execute(sa.select(refreshes.c.rows)).scalar_one()


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    """A resource may be made while definitions load: no file appears, nothing is asked."""
    Warehouse(f"sqlite:///{tmp_path}/none/w.db").dispose()
    Warehouse("postgresql://nobody@127.0.0.1:1/none").dispose()
    assert list(tmp_path.iterdir()) == []


def test_a_disposed_warehouse_may_be_used_again(warehouse: Warehouse) -> None:
    """`dispose` closes the pool, no more."""
    settle_in(warehouse, {})
    warehouse.dispose()
    assert len(table_of(warehouse, companies)) == 1


def test_a_write_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    """Whatever is raised within the transaction takes all of it back."""

    def fail() -> None:
        with warehouse.write(ACME) as connection:
            connection.execute(companies.insert().values(**vars(known_company()), first_seen_at=AT, last_seen_at=AT))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert table_of(warehouse, companies) == []


def test_a_reader_is_never_blocked_by_a_writer_and_sees_all_or_nothing(warehouse: Warehouse) -> None:
    """While a writer holds its transaction open, a reader in another thread gets the old state at once."""
    settle_in(warehouse, {"e1": STAGE})
    refresh(warehouse, minutes=10, people=2, hours=1)
    seen: list[tuple[int, int]] = []

    def read() -> None:
        with warehouse.read() as connection:
            seen.append(minutes_and_rows(connection))

    rows = [participant("e1", f"p{n}", 7) for n in range(5)]
    with warehouse.write(ACME) as connection:
        update = SliceUpdate(event_participants, DAY, rows, None, hour(2), hour(2), hour(2))
        replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(5)
        assert not reader.is_alive()
    read()
    assert seen == [(20, 2), (35, 5)]


def test_one_read_sees_one_state_whatever_commits_between_its_statements(warehouse: Warehouse) -> None:
    """Facts and bookkeeping read one after the other belong together."""
    settle_in(warehouse, {"e1": STAGE})
    refresh(warehouse, minutes=10, people=2, hours=1)
    with warehouse.read() as connection:
        minutes = connection.execute(sa.select(sa.func.sum(event_participants.c.live_minutes))).scalar_one()
        writer = threading.Thread(target=refresh, args=(warehouse, 7, 5, 2))
        writer.start()
        writer.join(5)
        rows = connection.execute(sa.select(refreshes.c.rows)).scalar_one()
    assert (minutes, rows) == (20, 2)
    with warehouse.read() as connection:
        assert minutes_and_rows(connection) == (35, 5)


def test_two_writers_of_one_company_take_turns(warehouse: Warehouse) -> None:
    """The second sees what the first has committed, never what it replaced."""
    settle_in(warehouse, {})
    found: list[int] = []

    def second() -> None:
        with warehouse.write(ACME) as connection:
            found.append(connection.execute(sa.select(companies.c.depth)).scalar_one())

    with warehouse.write(ACME) as connection:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        connection.execute(companies.update().values(depth=5))
    thread.join(5)
    assert found == [5]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_writers_of_two_companies_do_not_wait_for_each_other(warehouse: Warehouse) -> None:
    """The lock is a company's, not the database's."""
    settle_in(warehouse, {})
    with warehouse.write(ACME):
        thread = threading.Thread(target=settle_in, args=(warehouse, {"e1": STAGE}, "other"))
        thread.start()
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.alternating
def test_two_processes_lose_none_of_each_others_writes(warehouse: Warehouse) -> None:
    """Each reads a number and writes it back one higher, 200 times: 400 in all."""
    settle_in(warehouse, {})
    url = warehouse.url.render_as_string(hide_password=False)
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITE_200_TIMES, url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 2
    assert [row.depth for row in _companies(warehouse)] == [400]


def _companies(warehouse: Warehouse) -> list[sa.Row[tuple[int]]]:
    with warehouse.read() as connection:
        return list(connection.execute(sa.select(companies.c.depth)))


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_sqlite_runs_in_wal_with_foreign_keys_and_immediate_writes(
    warehouse: Warehouse,
) -> None:
    """A writer claims its turn at BEGIN: another one waits there, not in the middle of its work."""
    with warehouse.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
        assert pragmas == {
            "journal_mode": "wal",
            "foreign_keys": 1,
            "busy_timeout": engine.BUSY_TIMEOUT_SECONDS * 1000,
            "synchronous": 1,
        }
        another = Warehouse(warehouse.url.render_as_string(), busy_seconds=0.05)
        with pytest.raises(WarehouseError, match="locked by another process"), another.write():
            raise AssertionError("must not be reached")
        another.dispose()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_many_threads_share_a_warehouse(new_database: Callable[..., str], engine_kind: str) -> None:
    """Readers and writers from twelve threads at once: none fails, nothing is lost."""
    warehouse = Warehouse(new_database(engine_kind, migrated=True))
    settle_in(warehouse, {})
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                with warehouse.write(ACME) as connection:
                    connection.execute(companies.update().values(depth=companies.c.depth + 1))
                _companies(warehouse)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert [row.depth for row in _companies(warehouse)] == [60]
    warehouse.dispose()
