"""Replacing slices: rows, bookkeeping and control totals of the events that were fetched, and of no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.checksums import checksum
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import SliceResult, replace_slices
from sequel_assets.warehouse.tables.core import (
    event_participants,
    proofs,
    refreshes,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    STAGE,
    day,
    hour,
    participant,
    settle_in,
    table_of,
)
from sequel_assets_tests.warehouse.slices.updates import (
    ADA,
    BO,
    CY,
    commit,
    control_totals,
    full,
    of_active_events,
    states_and_rows,
)

pytestmark = pytest.mark.usefixtures("known_events")


def test_a_slice_is_written_with_its_bookkeeping_and_its_control_totals(warehouse: Warehouse) -> None:
    """One commit, every column."""
    results = commit(warehouse, full([ADA, CY], ["e1", "e2"], 20))
    assert results == [
        SliceResult(event_participants, DAY, SliceState.CHANGED, 2, hour(20), False, frozenset([ADA, CY]))
    ]
    assert table_of(warehouse, event_participants) == [ADA, CY]
    assert table_of(warehouse, proofs) == [control_totals("e1", hour(20)), control_totals("e2", hour(20))]
    content = checksum([ADA, CY])
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, AT, hour(20), hour(20), False, 2, content, None, "run", content)
    ]


def test_the_rows_of_events_that_were_asked_are_replaced_and_those_of_others_stay(warehouse: Warehouse) -> None:
    """Rule 1: ada is gone from e1, bo is new, e2 was not asked, h1 is new; a row of an event not asked is not taken."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 1))
    hub = participant("h1", "ada", 4, kind=HUB)
    stray = participant("e2", "dee", 1)
    results = commit(warehouse, of_active_events([BO, hub, stray], ["e1", "h1"], 2))
    assert states_and_rows(results) == [(SliceState.CHANGED, 3)]
    assert table_of(warehouse, event_participants) == [BO, CY, hub]
    assert table_of(warehouse, proofs) == [
        control_totals("e1", hour(2)),
        control_totals("e2", hour(1)),
        control_totals("h1", hour(2)),
    ]


def test_events_without_rows_any_more_lose_them_and_their_control_totals(warehouse: Warehouse) -> None:
    """Sequel says now that nobody was there."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 1))
    commit(warehouse, of_active_events([], ["e1"], 2, control_totals=()))
    assert table_of(warehouse, event_participants) == [CY]
    assert table_of(warehouse, proofs) == [control_totals("e2", hour(1))]


def test_other_days_and_other_companies_are_not_touched(warehouse: Warehouse) -> None:
    """A slice is one dataset, one company, one day; days between two that are refreshed stay too."""
    settle_in(warehouse, {"e1": STAGE, "e2": STAGE, "h1": HUB}, "other")
    theirs = participant("e1", "ada", 1, company_id="other")
    with warehouse.write("other") as connection:
        update = SliceUpdate(event_participants, DAY, [theirs], None, hour(1))
        replace_slices(connection, "other", [update], at=AT, late_window=LATE, run_id=None)
    three = [participant("e1", "ada", 1, on=day(n)) for n in range(3)]
    commit(
        warehouse,
        *(replace(of_active_events([row], ["e1"], 1, control_totals=()), day=day(n)) for n, row in enumerate(three)),
    )
    commit(warehouse, *(replace(of_active_events([], ["e1"], 2, control_totals=()), day=day(n)) for n in (0, 2)))
    assert table_of(warehouse, event_participants) == [three[1], theirs]


def test_a_day_without_minutes_has_bookkeeping_and_no_rows(warehouse: Warehouse) -> None:
    """Zero is known, not missing."""
    assert states_and_rows(commit(warehouse, full([], [], 1))) == [(SliceState.CHANGED, 0)]
    assert states_and_rows(commit(warehouse, full([], [], 2))) == [(SliceState.UNCHANGED, 0)]
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, AT, hour(2), hour(2), False, 0, checksum([]), None, "run", checksum([]))
    ]


def test_the_same_twice_leaves_the_rows_untouched_while_the_bookkeeping_moves_on(warehouse: Warehouse) -> None:
    """Not deleted and put in again: untouched, as the engine itself tells."""
    commit(warehouse, full([ADA, BO, CY], ["e1", "e2"], 1))
    touched = _count_touches(warehouse)
    later = AT + timedelta(hours=1)
    results = commit(warehouse, full([CY, BO, ADA], ["e1", "e2"], 2), at=later, run_id="again")
    assert states_and_rows(results) == [(SliceState.UNCHANGED, 3)]
    assert touched() == 0
    content = checksum([ADA, BO, CY])
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, later, hour(2), hour(2), False, 3, content, None, "again", content)
    ]
    commit(warehouse, full([CY, ADA], ["e1", "e2"], 3))
    assert touched() == 1


def _count_touches(warehouse: Warehouse) -> Any:
    """Count rows put in, changed or taken out from now on: by triggers on SQLite, by the rows' versions on PostgreSQL."""
    if warehouse.is_sqlite:
        with warehouse.write() as connection:
            connection.exec_driver_sql("CREATE TABLE touches (what TEXT)")
            for what in ("INSERT", "UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER on_{what} AFTER {what} ON event_participants "
                    f"BEGIN INSERT INTO touches VALUES ('{what}'); END"
                )

        def count() -> int:
            with warehouse.read() as connection:
                return int(connection.exec_driver_sql("SELECT count(*) FROM touches").scalar_one())

        return count

    def versions() -> set[tuple[Any, ...]]:
        with warehouse.read() as connection:
            return {tuple(row) for row in connection.exec_driver_sql("SELECT ctid, xmin FROM event_participants")}

    before = versions()
    return lambda: len(before ^ versions())
