"""Transactions that are taken back by no fault of theirs are done again as a whole; how often and how long is bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tenacity import wait_none

from sequel_assets.warehouse.database import transactions
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import TransactionInterrupted, TransactionUncertain, WarehouseError
from sequel_assets.warehouse.database.transactions import repeats, repeats_if_undone
from sequel_assets.warehouse.tables.core import companies
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import settle_in, table_of


def depth_of(warehouse: Warehouse) -> dict[str, int]:
    """Return a number of each company, by its id."""
    return {row[0]: row[4] for row in table_of(warehouse, companies)}


def test_a_transaction_is_done_again_until_it_counts(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tries before it wrote is not there."""
    monkeypatch.setattr(transactions, "_WAIT", wait_none())
    settle_in(warehouse, {})
    tries = []

    def work(connection: sa.Connection) -> int:
        connection.execute(companies.update().values(depth=companies.c.depth + 1))
        tries.append(1)
        if len(tries) < 4:
            raise TransactionInterrupted("away")
        return len(tries)

    assert warehouse.change(work, "acme") == 4
    assert depth_of(warehouse) == {"acme": 1}


def test_it_is_given_up_after_ten_tries_with_the_reason_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever is around it does not begin to count anew."""
    monkeypatch.setattr(transactions, "_WAIT", wait_none())
    tries = []

    @repeats
    def inner() -> None:
        tries.append(1)
        raise TransactionInterrupted("it went away")

    with pytest.raises(WarehouseError) as told:
        repeats(inner)()
    assert (str(told.value), len(tries)) == ("it went away (it was tried 10 times)", 10)
    assert type(told.value) is WarehouseError
    assert (told.value.__cause__, told.value.__context__) == (None, None)


def test_what_may_have_been_committed_is_done_again_only_where_that_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slices replaced as a whole come out the same; a hint that is claimed does not."""
    monkeypatch.setattr(transactions, "_WAIT", wait_none())
    tries: list[str] = []

    def work(name: str) -> None:
        tries.append(name)
        if tries.count(name) == 1:
            raise TransactionUncertain("perhaps")

    repeats(work)("slices")
    with pytest.raises(WarehouseError, match=r"^perhaps$"):
        repeats_if_undone(work)("claim")
    assert tries == ["slices", "slices", "claim"]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_of_two_that_wait_for_each_other_both_come_to_their_end(warehouse: Warehouse) -> None:
    """PostgreSQL ends one of them (40P01); it is done again when the other is through."""
    settle_in(warehouse, {})
    settle_in(warehouse, {}, "other")
    meet = threading.Barrier(2)
    tries, ended = [], []

    def both(first: str, second: str) -> Callable[[sa.Connection], None]:
        def work(connection: sa.Connection) -> None:
            tries.append(first)
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '20ms'")
            for company_id in (first, second):
                connection.execute(
                    companies.update().where(companies.c.company_id == company_id).values(depth=companies.c.depth + 1)
                )
                if company_id == first and tries.count(first) == 1:
                    meet.wait(10)

        return work

    def run(first: str, second: str) -> None:
        warehouse.change(both(first, second))
        ended.append(first)

    threads = [threading.Thread(target=run, args=pair) for pair in (("acme", "other"), ("other", "acme"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(ended) == ["acme", "other"]
    assert len(tries) >= 3
    assert depth_of(warehouse) == {"acme": 2, "other": 2}


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_conflict_between_serializable_transactions_is_done_again(warehouse: Warehouse) -> None:
    """Whoever raises the level for himself (40001)."""
    settle_in(warehouse, {})
    other = Warehouse(warehouse.url.render_as_string())
    tries = []

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        depth = connection.scalar(sa.select(companies.c.depth))
        tries.append(depth)
        if len(tries) == 1:
            other.change(lambda another: another.execute(companies.update().values(depth=5)))
        connection.execute(companies.update().values(depth=depth + 1))

    warehouse.change(work)
    other.dispose()
    assert tries == [0, 5]
    assert depth_of(warehouse) == {"acme": 6}


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("moment", ["before it", "within it"])
def test_a_connection_that_ends_costs_one_more_try(warehouse: Warehouse, postgres: PostgresServer, moment: str) -> None:
    """Between two transactions nobody notices; within one it is done again."""
    settle_in(warehouse, {})
    tries = []

    def end(connection: sa.Connection) -> None:
        postgres.run(f"SELECT pg_terminate_backend({connection.scalar(sa.select(sa.func.pg_backend_pid()))})")

    if moment == "before it":
        warehouse.ask(lambda connection: tries.append(connection.scalar(sa.select(sa.func.pg_backend_pid()))))
        postgres.run(f"SELECT pg_terminate_backend({tries.pop()})")

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        if moment == "within it" and len(tries) == 1:
            end(connection)
        connection.execute(companies.update().values(depth=companies.c.depth + 1))

    warehouse.change(work)
    assert len(tries) == (1 if moment == "before it" else 2)
    assert depth_of(warehouse) == {"acme": 1}


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_who_is_in_a_hurry_tries_once(warehouse: Warehouse, postgres: PostgresServer) -> None:
    """The receiver answers 500, and Sequel sends again: sooner than it would have waited."""
    hasty = Warehouse(warehouse.url.render_as_string(), busy_seconds=5)
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        postgres.run(f"SELECT pg_terminate_backend({connection.scalar(sa.select(sa.func.pg_backend_pid()))})")
        connection.execute(sa.select(sa.literal(1)))

    with pytest.raises(WarehouseError, match=r"went away \(57P01\)"):
        hasty.change(work)
    hasty.dispose()
    assert len(tries) == 1
