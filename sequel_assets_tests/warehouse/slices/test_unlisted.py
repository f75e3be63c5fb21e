"""What Sequel counts beyond the people that it lists is part of its slice of event_participants, in everything but people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import SliceResult, replace_slices, sum_up
from sequel_assets.warehouse.tables.core import event_participants, refreshes, restatements
from sequel_assets.warehouse.tables.unlisted import unlisted_usage
from sequel_assets_tests.support.rows import ACME, DAY, LATE, STAGE, hour, participant, settle_in

ADA = participant("e1", "a", 10)


def beyond(minutes: int, users: int = 2, event: str = "e1") -> Row:
    """Return live minutes of some users beyond the list."""
    return (ACME, DAY, event, STAGE, minutes, 0, minutes, users, 0, users)


def replace(
    warehouse: Warehouse,
    rows: list[Row],
    unlisted: list[Row],
    at: datetime,
    events: tuple[str, ...] = ("e1",),
    **more: Any,
) -> SliceResult:
    """Replace what events have in the slice."""
    update = SliceUpdate(event_participants, DAY, rows, frozenset(events), at, at, at, unlisted=unlisted, **more)
    with warehouse.write(ACME) as connection:
        return replace_slices(connection, ACME, [update], at=at, late_window=LATE, run_id="run")[0]


def all_of(warehouse: Warehouse, table: sa.Table) -> list[Row]:
    """Return every row of a table."""
    with warehouse.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(table)))


def checksum(warehouse: Warehouse) -> str:
    """Return the checksum of the slice, by which insights see that they are behind."""
    with warehouse.read() as connection:
        return str(
            connection.scalar(sa.select(refreshes.c.checksum).where(refreshes.c.dataset == "event_participants"))
        )


def test_it_is_replaced_with_its_event_and_changes_the_checksum(warehouse: Warehouse) -> None:
    """That of other events stays; where there is none any more the slice is what it was without."""
    settle_in(warehouse, {"e1": STAGE, "e2": STAGE})
    replace(warehouse, [ADA], [], hour(30))
    plain = checksum(warehouse)
    first = replace(warehouse, [ADA], [beyond(7), beyond(3, event="e2")], hour(31), events=("e1", "e2"))
    assert (first.state, first.rows) == (SliceState.CHANGED, 1)
    assert all_of(warehouse, unlisted_usage) == [beyond(7), beyond(3, event="e2")]
    with_both = checksum(warehouse)
    assert replace(warehouse, [ADA], [beyond(7)], hour(32)).state is SliceState.UNCHANGED
    assert checksum(warehouse) == with_both != plain
    with warehouse.write(ACME) as connection:
        sum_up(connection, ACME, event_participants, DAY)
    assert checksum(warehouse) == with_both
    assert replace(warehouse, [ADA], [], hour(33), events=("e1", "e2")).state is SliceState.CHANGED
    assert (all_of(warehouse, unlisted_usage), checksum(warehouse)) == ([], plain)


def test_older_numbers_are_dropped_with_what_is_beyond_them(warehouse: Warehouse) -> None:
    settle_in(warehouse, {"e1": STAGE})
    replace(warehouse, [ADA], [beyond(7)], hour(31))
    assert replace(warehouse, [], [beyond(1)], hour(30)).state is SliceState.SUPERSEDED
    assert all_of(warehouse, unlisted_usage) == [beyond(7)]


def test_a_final_day_whose_people_become_a_number_has_lost_no_minutes(warehouse: Warehouse) -> None:
    """One that loses most of them, listed or not, is quarantined, and both stay."""
    settle_in(warehouse, {"e1": STAGE})
    bo = participant("e1", "b", 40)
    replace(warehouse, [ADA, bo], [], hour(24 * 4))
    assert replace(warehouse, [ADA], [beyond(40, 1)], hour(24 * 4 + 1)).state is SliceState.CHANGED
    assert [row[3:5] + row[6:8] for row in all_of(warehouse, restatements)] == [("e1", "people", 2, 1)]
    lost = replace(warehouse, [ADA], [beyond(5, 1)], hour(24 * 4 + 2))
    assert (lost.state, lost.loss and (lost.loss.had, lost.loss.left)) == (SliceState.QUARANTINED, (50, 15))
    assert all_of(warehouse, unlisted_usage) == [beyond(40, 1)]
