"""The hours of a slice: superseded, restated, final; and how they follow what was fetched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import SliceResult
from sequel_assets.warehouse.tables.core import (
    event_concurrency,
    event_participants,
    proofs,
    refreshes,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    day,
    everything,
    hour,
    participant,
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


def test_a_refresh_that_began_at_an_older_hour_is_dropped(warehouse: Warehouse) -> None:
    """Rule 8: the newest hour wins, whoever commits last; nothing of the older one is written."""
    commit(warehouse, full([ADA], ["e1"], 5))
    before = everything(warehouse)
    results = commit(warehouse, full([BO], ["e1"], 4), at=AT + timedelta(hours=1))
    assert results == [SliceResult(event_participants, DAY, SliceState.SUPERSEDED, 1, hour(5), False, frozenset([ADA]))]
    assert everything(warehouse) == before


def test_the_same_hour_again_is_not_superseded(warehouse: Warehouse) -> None:
    """An ended event is refreshed within the hour; what Sequel says last counts."""
    commit(warehouse, full([ADA], ["e1"], 5))
    assert states_and_rows(commit(warehouse, full([BO], ["e1"], 5))) == [(SliceState.CHANGED, 1)]
    assert table_of(warehouse, event_participants) == [BO]


def test_one_superseded_slice_does_not_hold_back_the_others(warehouse: Warehouse) -> None:
    """Each slice for itself; results come in the order of the updates."""
    commit(warehouse, full([ADA], ["e1"], 5))
    tomorrow = participant("e1", "bo", 5, on=day(1))
    results = commit(
        warehouse, full([BO], ["e1"], 4), replace(full([tomorrow], ["e1"], 4, control_totals=()), day=day(1))
    )
    assert states_and_rows(results) == [(SliceState.SUPERSEDED, 1), (SliceState.CHANGED, 1)]
    assert table_of(warehouse, event_participants) == [ADA, tomorrow]


def test_a_refresh_of_active_events_moves_data_through_and_leaves_full_through(warehouse: Warehouse) -> None:
    """It asked not every event; what the last full one covered stays true."""
    commit(warehouse, full([ADA], ["e1"], 5))
    commit(warehouse, of_active_events([ADA], ["e1"], 6))
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(6), hour(5))]


def test_single_events_move_neither_hour_but_are_protected_from_older_refreshes(warehouse: Warehouse) -> None:
    """An ended event was asked at hour 7; a refresh of the whole day that began at 6 replaces the others only."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 5))
    commit(warehouse, of_active_events([BO], ["e1"], 7, data_through=None))
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(5), hour(5))]
    dee = participant("e2", "dee", 1)
    commit(warehouse, full([ADA, dee], ["e1", "e2"], 6))
    assert table_of(warehouse, event_participants) == [BO, dee]
    assert table_of(warehouse, proofs) == [control_totals("e1", hour(7)), control_totals("e2", hour(6))]
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(6), hour(6))]


def test_the_concurrency_of_an_event_asked_later_is_protected_too(warehouse: Warehouse) -> None:
    """Its minutes come with its facts; an older refresh must not bring back fewer of them."""

    def concurrency(users: int, hours: int, data_through: datetime | None) -> SliceUpdate:
        rows = [(ACME, DAY, "e1", hour(3), users)]
        return SliceUpdate(event_concurrency, DAY, rows, frozenset(["e1"]), hour(hours), data_through)

    for users, hours, through in ((1, 5, hour(5)), (3, 7, None), (2, 6, hour(6))):
        commit(warehouse, of_active_events([ADA], ["e1"], hours, data_through=through))
        commit(warehouse, concurrency(users, hours, through))
    assert table_of(warehouse, event_concurrency) == [(ACME, DAY, "e1", hour(3), 3)]


def test_single_events_of_a_day_never_refreshed_leave_it_unknown(warehouse: Warehouse) -> None:
    """Their rows are there, but the slice has no hour and is not final."""
    results = commit(warehouse, of_active_events([ADA], ["e1"], 7, data_through=None))
    assert results == [SliceResult(event_participants, DAY, SliceState.CHANGED, 1, None, False, frozenset([ADA]))]
    assert [row[4:7] for row in table_of(warehouse, refreshes)] == [(None, None, False)]


def test_without_rows_the_bookkeeping_alone_moves_on(warehouse: Warehouse) -> None:
    """`rows=None`: rows and proofs stay as they are."""
    commit(warehouse, full([ADA], ["e1"], 1))
    results = commit(warehouse, SliceUpdate(event_participants, DAY, None, None, hour(2), hour(2), hour(2)))
    assert results == [SliceResult(event_participants, DAY, SliceState.UNCHANGED, 1, hour(2), False, frozenset([ADA]))]
    assert table_of(warehouse, event_participants) == [ADA]
    assert table_of(warehouse, proofs) == [control_totals("e1", hour(1))]


@pytest.mark.parametrize(
    ("full_through", "is_final"),
    [(None, False), (hour(24), False), (hour(24 + 47), False), (hour(24 + 48), True), (hour(24 + 49), True)],
)
def test_a_slice_is_final_once_every_event_was_asked_after_the_late_window(
    warehouse: Warehouse, full_through: datetime | None, is_final: bool
) -> None:
    """`full_through >= day end + late window`, to the hour; `data_through` alone makes nothing final."""
    results = commit(warehouse, of_active_events([], [], 24 * 9, full_through=full_through))
    assert [result.is_final for result in results] == [is_final]
    assert [row[6] for row in table_of(warehouse, refreshes)] == [is_final]


def test_an_insights_hours_follow_its_facts_also_backwards(warehouse: Warehouse) -> None:
    """A derived slice is never superseded: it says what the facts at hand allow."""
    row = (ACME, DAY, "all", 0, 0, 0, 0, None, 0, False)
    for hours in (5, 4):
        update = SliceUpdate(daily_usage, DAY, [row], None, hour(hours), hour(hours), None, input_checksum=f"{hours}")
        assert commit(warehouse, update)[0].data_through == hour(hours)
    assert [(r[4], r[9]) for r in table_of(warehouse, refreshes)] == [(hour(4), "4")]
