"""THE refresh, rule by rule: replaced with its bookkeeping, untouched when the same, the newest hour wins."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.slices.replacement import (
    SliceResult,
    SliceState,
    SliceUpdate,
    checksum,
    note_refresh,
    replace_slices,
)
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    event_concurrency,
    event_participants,
    proofs,
    refreshes,
    restatements,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    STAGE,
    day,
    everything,
    hour,
    participant,
    settle_in,
    table_of,
)

EVENTS = {"e1": STAGE, "e2": STAGE, "h1": HUB}


@pytest.fixture(autouse=True)
def _events(warehouse: Warehouse) -> None:
    settle_in(warehouse, EVENTS)


def proof(event_id: str, through: datetime, minutes: int = 10) -> Row:
    return (ACME, DAY, event_id, 1, minutes, 0, 0, minutes, through)


def hot(rows: Sequence[Row] | None, asked: Sequence[str], hours: int, **more: Any) -> SliceUpdate:
    """What an hourly refresh of these events writes; `full_through=...` makes it a full one."""
    through = hour(hours)
    given = {"data_through": through, "control_totals": [proof(e, through) for e in asked], **more}
    return SliceUpdate(event_participants, DAY, rows, frozenset(asked), through, **given)


def full(rows: Sequence[Row], asked: Sequence[str], hours: int, **more: Any) -> SliceUpdate:
    return hot(rows, asked, hours, full_through=hour(hours), **more)


def commit(warehouse: Warehouse, *updates: SliceUpdate, at: datetime = AT, run_id: str = "run") -> list[SliceResult]:
    with warehouse.write(ACME) as connection:
        return replace_slices(connection, ACME, updates, at=at, late_window=LATE, run_id=run_id)


def told(results: Sequence[SliceResult]) -> list[tuple[SliceState, int]]:
    return [(result.state, result.rows) for result in results]


ADA, BO, CY = participant("e1", "ada", 10), participant("e1", "bo", 5, 3), participant("e2", "cy", 7)


def test_a_slice_is_written_with_its_bookkeeping_and_its_proofs(warehouse: Warehouse) -> None:
    """One commit, every column."""
    results = commit(warehouse, full([ADA, CY], ["e1", "e2"], 20))
    assert results == [
        SliceResult(event_participants, DAY, SliceState.CHANGED, 2, hour(20), False, frozenset([ADA, CY]))
    ]
    assert table_of(warehouse, event_participants) == [ADA, CY]
    assert table_of(warehouse, proofs) == [proof("e1", hour(20)), proof("e2", hour(20))]
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, AT, hour(20), hour(20), False, 2, checksum([ADA, CY]), None, "run")
    ]


def test_the_rows_of_events_that_were_asked_are_replaced_and_those_of_others_stay(warehouse: Warehouse) -> None:
    """Rule 1: ada is gone from e1, bo is new, e2 was not asked, h1 is new; a row of an event not asked is not taken."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 1))
    hub = participant("h1", "ada", 4, kind=HUB)
    stray = participant("e2", "dee", 1)
    results = commit(warehouse, hot([BO, hub, stray], ["e1", "h1"], 2))
    assert told(results) == [(SliceState.CHANGED, 3)]
    assert table_of(warehouse, event_participants) == [BO, CY, hub]
    assert table_of(warehouse, proofs) == [proof("e1", hour(2)), proof("e2", hour(1)), proof("h1", hour(2))]


def test_events_without_rows_any_more_lose_them_and_their_proofs(warehouse: Warehouse) -> None:
    """Sequel says now that nobody was there."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 1))
    commit(warehouse, hot([], ["e1"], 2, control_totals=()))
    assert table_of(warehouse, event_participants) == [CY]
    assert table_of(warehouse, proofs) == [proof("e2", hour(1))]


def test_other_days_and_other_companies_are_not_touched(warehouse: Warehouse) -> None:
    """A slice is one dataset, one company, one day; days between two that are refreshed stay too."""
    settle_in(warehouse, EVENTS, "other")
    theirs = participant("e1", "ada", 1, company_id="other")
    with warehouse.write("other") as connection:
        update = SliceUpdate(event_participants, DAY, [theirs], None, hour(1))
        replace_slices(connection, "other", [update], at=AT, late_window=LATE, run_id=None)
    three = [participant("e1", "ada", 1, on=day(n)) for n in range(3)]
    commit(warehouse, *(replace(hot([row], ["e1"], 1, control_totals=()), day=day(n)) for n, row in enumerate(three)))
    commit(warehouse, *(replace(hot([], ["e1"], 2, control_totals=()), day=day(n)) for n in (0, 2)))
    assert table_of(warehouse, event_participants) == [three[1], theirs]


def test_a_day_without_minutes_has_bookkeeping_and_no_rows(warehouse: Warehouse) -> None:
    """Zero is known, not missing."""
    assert told(commit(warehouse, full([], [], 1))) == [(SliceState.CHANGED, 0)]
    assert told(commit(warehouse, full([], [], 2))) == [(SliceState.UNCHANGED, 0)]
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, AT, hour(2), hour(2), False, 0, checksum([]), None, "run")
    ]


def test_the_same_twice_leaves_the_rows_untouched_while_the_bookkeeping_moves_on(warehouse: Warehouse) -> None:
    """Not deleted and put in again: untouched, as the engine itself tells."""
    commit(warehouse, full([ADA, BO, CY], ["e1", "e2"], 1))
    touched = _count_touches(warehouse)
    later = AT + timedelta(hours=1)
    results = commit(warehouse, full([CY, BO, ADA], ["e1", "e2"], 2), at=later, run_id="again")
    assert told(results) == [(SliceState.UNCHANGED, 3)]
    assert touched() == 0
    assert table_of(warehouse, refreshes) == [
        (ACME, "event_participants", DAY, later, hour(2), hour(2), False, 3, checksum([ADA, BO, CY]), None, "again")
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
    assert told(commit(warehouse, full([BO], ["e1"], 5))) == [(SliceState.CHANGED, 1)]
    assert table_of(warehouse, event_participants) == [BO]


def test_one_superseded_slice_does_not_hold_back_the_others(warehouse: Warehouse) -> None:
    """Each slice for itself; results come in the order of the updates."""
    commit(warehouse, full([ADA], ["e1"], 5))
    tomorrow = participant("e1", "bo", 5, on=day(1))
    results = commit(
        warehouse, full([BO], ["e1"], 4), replace(full([tomorrow], ["e1"], 4, control_totals=()), day=day(1))
    )
    assert told(results) == [(SliceState.SUPERSEDED, 1), (SliceState.CHANGED, 1)]
    assert table_of(warehouse, event_participants) == [ADA, tomorrow]


def test_a_hot_refresh_moves_data_through_and_leaves_full_through(warehouse: Warehouse) -> None:
    """It asked not every event; what the last full one covered stays true."""
    commit(warehouse, full([ADA], ["e1"], 5))
    commit(warehouse, hot([ADA], ["e1"], 6))
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(6), hour(5))]


def test_single_events_move_neither_hour_but_are_protected_from_older_refreshes(warehouse: Warehouse) -> None:
    """An ended event was asked at hour 7; a refresh of the whole day that began at 6 replaces the others only."""
    commit(warehouse, full([ADA, CY], ["e1", "e2"], 5))
    commit(warehouse, hot([BO], ["e1"], 7, data_through=None))
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(5), hour(5))]
    dee = participant("e2", "dee", 1)
    commit(warehouse, full([ADA, dee], ["e1", "e2"], 6))
    assert table_of(warehouse, event_participants) == [BO, dee]
    assert table_of(warehouse, proofs) == [proof("e1", hour(7)), proof("e2", hour(6))]
    assert [(row[4], row[5]) for row in table_of(warehouse, refreshes)] == [(hour(6), hour(6))]


def test_the_concurrency_of_an_event_asked_later_is_protected_too(warehouse: Warehouse) -> None:
    """Its minutes come with its facts; an older refresh must not bring back fewer of them."""

    def concurrency(users: int, hours: int, data_through: datetime | None) -> SliceUpdate:
        rows = [(ACME, DAY, "e1", hour(3), users)]
        return SliceUpdate(event_concurrency, DAY, rows, frozenset(["e1"]), hour(hours), data_through)

    for users, hours, through in ((1, 5, hour(5)), (3, 7, None), (2, 6, hour(6))):
        commit(warehouse, hot([ADA], ["e1"], hours, data_through=through))
        commit(warehouse, concurrency(users, hours, through))
    assert table_of(warehouse, event_concurrency) == [(ACME, DAY, "e1", hour(3), 3)]


def test_single_events_of_a_day_never_refreshed_leave_it_unknown(warehouse: Warehouse) -> None:
    """Their rows are there, but the slice has no hour and is not final."""
    results = commit(warehouse, hot([ADA], ["e1"], 7, data_through=None))
    assert results == [SliceResult(event_participants, DAY, SliceState.CHANGED, 1, None, False, frozenset([ADA]))]
    assert [row[4:7] for row in table_of(warehouse, refreshes)] == [(None, None, False)]


def test_without_rows_the_bookkeeping_alone_moves_on(warehouse: Warehouse) -> None:
    """`rows=None`: rows and proofs stay as they are."""
    commit(warehouse, full([ADA], ["e1"], 1))
    results = commit(warehouse, SliceUpdate(event_participants, DAY, None, None, hour(2), hour(2), hour(2)))
    assert results == [SliceResult(event_participants, DAY, SliceState.UNCHANGED, 1, hour(2), False, frozenset([ADA]))]
    assert table_of(warehouse, event_participants) == [ADA]
    assert table_of(warehouse, proofs) == [proof("e1", hour(1))]


@pytest.mark.parametrize(
    ("full_through", "is_final"),
    [(None, False), (hour(24), False), (hour(24 + 47), False), (hour(24 + 48), True), (hour(24 + 49), True)],
)
def test_a_slice_is_final_once_every_event_was_asked_after_the_late_window(
    warehouse: Warehouse, full_through: datetime | None, is_final: bool
) -> None:
    """`full_through >= day end + late window`, to the hour; `data_through` alone makes nothing final."""
    results = commit(warehouse, hot([], [], 24 * 9, full_through=full_through))
    assert [result.is_final for result in results] == [is_final]
    assert [row[6] for row in table_of(warehouse, refreshes)] == [is_final]


def test_an_insights_hours_follow_its_facts_also_backwards(warehouse: Warehouse) -> None:
    """A derived slice is never superseded: it says what the facts at hand allow."""
    row = (ACME, DAY, "all", 0, 0, 0, 0, None, 0)
    for hours in (5, 4):
        update = SliceUpdate(daily_usage, DAY, [row], None, hour(hours), hour(hours), None, input_checksum=f"{hours}")
        assert commit(warehouse, update)[0].data_through == hour(hours)
    assert [(r[4], r[9]) for r in table_of(warehouse, refreshes)] == [(hour(4), "4")]


@pytest.mark.parametrize(
    "wrong",
    [
        participant("e2", "cy", -1),
        participant("unknown", "cy", 1),
        (*participant("e2", "ada", 1)[:7], None),
    ],
    ids=["minutes -1", "an event that is not there", "no minutes"],
)
def test_a_failure_in_the_middle_leaves_everything_as_it_was(warehouse: Warehouse, wrong: Row) -> None:
    """Rows, proofs and bookkeeping of all slices of the transaction, also those written before the failure."""
    commit(warehouse, full([ADA], ["e1"], 1))
    before = everything(warehouse)
    good = replace(full([participant("e1", "bo", 5, on=day(1))], ["e1"], 2, control_totals=()), day=day(1))
    bad = full([BO, wrong], ["e1", wrong[2]], 2)

    def both() -> None:
        with warehouse.write(ACME) as connection:
            for update in (good, bad):
                replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)

    with pytest.raises(WarehouseError, match="refused a row"):
        both()
    assert everything(warehouse) == before


def test_full_refreshes_come_to_the_same_in_whatever_order_they_commit(warehouse: Warehouse) -> None:
    """The newest hour's rows and hours stand at the end, of every order of three."""
    steps = [
        full([ADA], ["e1", "e2"], 3),
        full([BO, CY], ["e1", "e2"], 4),
        full([CY], ["e1", "e2"], 5, control_totals=()),
    ]
    ends = []
    for order in itertools.permutations(steps):
        with warehouse.write() as connection:
            for table in (event_participants, proofs, refreshes):
                connection.execute(table.delete())
        for step in order:
            commit(warehouse, step)
        ends.append(everything(warehouse))
    assert ends[0]["event_participants"] == [CY]
    assert ends == [ends[0]] * 6


def test_nothing_to_do_is_nothing_done(warehouse: Warehouse) -> None:
    """No update, no result."""
    assert commit(warehouse) == []


def test_a_checksum_is_the_same_on_every_engine_and_in_any_order(warehouse: Warehouse) -> None:
    """Over what the table holds, whole and broken averages and times included, as an independent computation says."""
    usage = [
        (ACME, DAY, "all", 898, 0, 898, 57, 15.75, 2),
        (ACME, DAY, HUB, 30, 0, 30, 2, 15.0, 1),
        (ACME, DAY, STAGE, 0, 0, 0, 0, None, 0),
    ]
    minutes = [(ACME, DAY, "e1", hour(n), n) for n in range(3)]
    commit(warehouse, SliceUpdate(daily_usage, DAY, usage, None, hour(1)))
    commit(warehouse, SliceUpdate(event_concurrency, DAY, minutes, None, hour(1)))
    lines = [
        ["acme", "2026-03-01", "all", 898, 0, 898, 57, 15.75, 2],
        ["acme", "2026-03-01", "networkingHub", 30, 0, 30, 2, 15, 1],
        ["acme", "2026-03-01", "virtualStageEvent", 0, 0, 0, 0, None, 0],
    ]
    expected = hashlib.sha256("".join(sorted(json.dumps(line) + "\n" for line in lines)).encode()).hexdigest()
    assert {checksum(order) for order in itertools.permutations(table_of(warehouse, daily_usage))} == {expected}
    assert [row[8] for row in table_of(warehouse, refreshes)] == [expected, checksum(minutes)]
    assert checksum(table_of(warehouse, event_concurrency)) == checksum(minutes[::-1])


def test_a_checksum_tells_rows_apart() -> None:
    """One minute, one person, one row more: another checksum; texts cannot run into each other."""
    different = [[], [ADA], [BO], [ADA, BO], [participant("e1", "ada", 11)], [("a", "b")], [('a", "b',)], [("ab",)]]
    assert len({checksum(rows) for rows in different}) == len(different)


def test_a_dataset_without_days_is_noted_whole(warehouse: Warehouse) -> None:
    """Its one row of bookkeeping moves on, and its hour never back."""
    for hours, rows, run_id in ((5, [("a",)], "one"), (4, [("a",), ("b",)], "two")):
        with warehouse.write(ACME) as connection:
            note_refresh(connection, ACME, "events", rows, at=AT, through=hour(hours), run_id=run_id)
    assert table_of(warehouse, refreshes) == [
        (ACME, "events", NO_DAY, AT, hour(5), hour(5), False, 2, checksum([("a",), ("b",)]), None, "two")
    ]


def test_ten_thousand_rows_go_in_and_out_the_fast_way(warehouse: Warehouse) -> None:
    """In and out again, by the fast way of each engine."""
    rows = [participant("e1", f"person {n}", n % 90) for n in range(10_000)]
    began = datetime.now().astimezone()
    assert told(commit(warehouse, full(rows, ["e1"], 1))) == [(SliceState.CHANGED, 10_000)]
    assert told(commit(warehouse, full(rows[:1], ["e1"], 2))) == [(SliceState.CHANGED, 1)]
    assert datetime.now().astimezone() - began < timedelta(seconds=10)
    with warehouse.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(event_participants)).scalar_one() == 1


def final(rows: list[Row], *, hours: int, accepts_loss: bool = False) -> SliceUpdate:
    """An update of the whole slice, asked after its late window."""
    return replace(full(rows, ["e1", "e2"], 24 + 48 + hours), accepts_loss=accepts_loss)


def test_a_final_slice_that_comes_back_with_less_than_half_its_minutes_is_held(warehouse: Warehouse) -> None:
    """History is not lost because a source forgot it: rows and bookkeeping stay until the owner accepts the loss."""
    commit(warehouse, final([participant("e1", "ada", 10)], hours=0))
    before = everything(warehouse)
    assert told(commit(warehouse, final([participant("e1", "ada", 4)], hours=1))) == [(SliceState.QUARANTINED, 1)]
    assert told(commit(warehouse, final([], hours=1))) == [(SliceState.QUARANTINED, 1)]
    assert everything(warehouse) == before
    assert told(commit(warehouse, final([participant("e1", "ada", 4)], hours=1, accepts_loss=True))) == [
        (SliceState.CHANGED, 1)
    ]
    assert table_of(warehouse, event_participants) == [participant("e1", "ada", 4)]


def test_half_of_the_minutes_is_not_held_and_neither_is_a_slice_that_is_not_final(warehouse: Warehouse) -> None:
    """The rule is less than half, and of final slices only: a provisional one may still shrink."""
    commit(warehouse, full([participant("e1", "ada", 10)], ["e1"], 5))
    assert told(commit(warehouse, full([participant("e1", "ada", 1)], ["e1"], 6))) == [(SliceState.CHANGED, 1)]
    commit(warehouse, final([participant("e1", "ada", 10)], hours=0))
    assert told(commit(warehouse, final([participant("e1", "ada", 5)], hours=1))) == [(SliceState.CHANGED, 1)]


def test_every_number_of_a_final_slice_that_moves_is_a_restatement(warehouse: Warehouse) -> None:
    """By event and column, from and to; a number that stays, and a slice that was not final, leaves none."""
    commit(warehouse, full([participant("e1", "ada", 9)], ["e1"], 5))
    commit(warehouse, final([participant("e1", "ada", 10), participant("e2", "bo", 3)], hours=0))
    assert table_of(warehouse, restatements) == []
    commit(
        warehouse,
        final([participant("e1", "ada", 10), participant("e1", "bo", 2), participant("e2", "bo", 3)], hours=1),
    )
    assert [(row[3], row[4], row[6], row[7]) for row in table_of(warehouse, restatements)] == [
        ("e1", "engaged_minutes", 10, 12),
        ("e1", "live_minutes", 10, 12),
        ("e1", "people", 1, 2),
    ]
