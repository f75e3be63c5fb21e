"""A checksum says one thing about rows: that of every dataset is the one of the rows that are stored, however they came."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.reconciliation import run
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.sandbox import Attendance, World, WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.checksums import OBSERVED, checksum_of
from sequel_assets.warehouse.tables.company_lists import LISTED_OF
from sequel_assets.warehouse.tables.core import NO_DAY, metadata, refreshes
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    DAYS,
    NOW,
    PlatformUnderTest,
    at,
    event,
    failures,
    platform,
    world_of,
)

Books = dict[tuple[str, str, Any], tuple[int, str]]
"""(company, dataset, day) -> rows and checksum."""


def kept(warehouse: Warehouse) -> Books:
    """Return what the bookkeeping says of each slice."""
    r = refreshes.c
    with warehouse.read() as connection:
        query = sa.select(r.company_id, r.dataset, r.day, r.rows, r.checksum)
        return {tuple(row[:3]): tuple(row[3:]) for row in connection.execute(query)}  # type: ignore[misc]


def counted(warehouse: Warehouse, keys: Books) -> Books:
    """Return the same, counted anew from the rows that are stored."""
    found: Books = {}
    with warehouse.read() as connection:
        for company, dataset, day in keys:
            table = metadata.tables[dataset]
            here = [table.c.company_id == company] + ([table.c.day == day] if day != NO_DAY else [])
            rows = [tuple(row) for row in connection.execute(sa.select(table).where(*here))]
            found[company, dataset, day] = (len(rows), checksum_of(table, rows))
    return found


def assert_true_bookkeeping(warehouse: Warehouse) -> Books:
    """Fail unless each slice's bookkeeping is that of its rows; return it."""
    books = kept(warehouse)
    assert counted(warehouse, books) == books
    return books


def reconcile(it: PlatformUnderTest) -> None:
    """Let the patrol look at everything."""
    run.reconcile(it.client, it.warehouse, it.clock, it.refresher()._config, "run")


@pytest.mark.scenario
@pytest.mark.parametrize("seed", range(1))
def test_the_bookkeeping_is_that_of_the_rows_after_any_order_of_refreshes(
    engine_kind: str, new_warehouse: Callable[[str], Warehouse], seed: int
) -> None:
    """And two warehouses with the same rows have the same checksums, those of datasets without a day too."""
    spec = WorldSpec(seed=40 + seed, companies=2, days=4, people=4, events_per_day=0.8, hub_every=2, now=NOW)
    world, dice = build_world(spec), random.Random(seed)
    days = [spec.first_day, *DAYS[-3:]]
    left = []
    with platform(world, new_warehouse(engine_kind), start=spec.first_day) as it:
        for chunks in ([days], [[day] for day in dice.sample(days, len(days))] + [days[:2], days]):
            it.warehouse = new_warehouse(engine_kind)
            for some in chunks:
                assert [outcome for outcome in it.refresh(some) if outcome.verdict is SliceStatus.FAILED] == []
                assert_true_bookkeeping(it.warehouse)
            left.append(kept(it.warehouse))
    assert {key[1] for key in left[0]} >= {"events", "registrants", "hub_participants", "hub_rooms", "event_activity"}
    assert left[1] == left[0]


def moving_world() -> World:
    """An event with registrants that moves to another company, and one that vanishes."""
    rows = [Attendance(ADA, live=[(at(2), 12)], on_demand=[(at(4), 3)]), Attendance(BO, live=[(at(2), 7)])]
    return world_of(
        event("moves", "kid", at(2), rows), event("stays", "kid", at(3), rows[:1]), event("goes", "root", at(2), rows)
    )


def test_an_event_that_moves_or_vanishes_leaves_true_bookkeeping_behind(warehouse: Warehouse) -> None:
    """Its registrants go too, and the patrol's findings are counted with those that are still there."""
    with platform(moving_world(), warehouse) as it:
        assert failures(it.refresh()) == []
        assert_true_bookkeeping(warehouse)
        reconcile(it)
        assert_true_bookkeeping(warehouse)
        it.world.move_event("moves", "root")
        it.world.vanish("goes")
        assert failures(it.refresh(DAYS[:3])) == []
        assert_true_bookkeeping(warehouse)
        it.world.register("stays", BO, at(7))
        assert failures(it.refresh(DAYS[1:4])) == []
        reconcile(it)
        assert "reconciliations" in {dataset for _, dataset, _ in assert_true_bookkeeping(warehouse)}


def test_what_a_checksum_leaves_out_is_when_something_was_seen(warehouse: Warehouse) -> None:
    """Of each table the same columns, and of those that are kept by slice none."""
    left_out = {table.name: sorted({*OBSERVED} & {*table.columns.keys()}) for table in metadata.sorted_tables}
    assert {name: columns for name, columns in left_out.items() if columns} == {
        "availability": ["checked_at"],
        "companies": ["first_seen_at"],
        "events": ["concurrency_from", "concurrency_until", "vanished_at"],
        "reconciliations": ["checked_at"],
        **{table.name: ["first_seen_at"] for table in LISTED_OF},
        "subscriptions": ["checked_at"],
    }
    assert [table.name for table in metadata.sorted_tables if "day" in table.columns and left_out[table.name]] == []
