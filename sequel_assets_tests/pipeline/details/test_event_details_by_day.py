"""Event details of days: which are fetched again at a close, and when the replay window ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.insights.person_engagement import person_engagement
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.sandbox import Attendance, Fault, Faults, Person
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables import event_details as tables
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.pipeline.details.talking import talking
from sequel_assets_tests.support.harness import DAYS, PlatformUnderTest, at, day, failures, platform, world_of
from sequel_assets_tests.support.reference import dump, person_id
from sequel_assets_tests.support.reference.details import SLICED


def test_an_event_whose_start_moved_takes_its_rows_along(warehouse: Warehouse) -> None:
    """Also where the refresh that finds it out asks another day."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse) as it:
        it.refresh()
        it.world.set_start("e", at(6), move_minutes=True)
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh([day(8)], ["kid"])
        rows = dump(warehouse)
        for name in ("event_activity", "polls", "chat_messages", "replays", "activity_totals"):
            assert {row[1] for row in rows[name] if row[2] == "e"} == {day(6)}, name


def test_a_warehouse_without_event_details_gets_them_by_the_next_backfill(warehouse: Warehouse) -> None:
    """Also on days that are final, and without asking for their minutes again; the hour makes it good too."""
    with platform(world_of(talking(on=1), talking("f", on=5)), warehouse) as it:
        it.refresh()
        with warehouse.write("kid") as connection:
            for name in SLICED:
                table = tables.metadata.tables[name]
                connection.execute(table.delete())
                connection.execute(refreshes.delete().where(refreshes.c.dataset == name))
            connection.execute(tables.activity_totals.delete())
        with warehouse.read() as connection:
            whole = landed_days(connection, ["kid"])["kid"]
        settle, window = timedelta(minutes=5), timedelta(hours=48)
        assert days_to_request(DAYS, whole, it.clock(), settle=settle) == dict.fromkeys(DAYS, DayCoverage.EVENT_DETAILS)
        due = due_this_hour(whole, it.clock(), settle=settle, late_window=window)
        assert due == dict.fromkeys(DAYS[:-1], DayCoverage.EVENT_DETAILS) | {DAYS[-1]: DayCoverage.ACTIVE}
        it.sandbox.requests.clear()
        outcomes = list(it.refresher().refresh({"kid": dict.fromkeys(DAYS, DayCoverage.EVENT_DETAILS), "root": DAYS}))
        assert failures(outcomes) == []
        asked = [one.path for one in it.sandbox.requests]
        assert not [path for path in asked if "top-participants" in path]
        assert {o.verdict for o in outcomes if o.company_id == "kid" and o.dataset == "event_participants"} == {
            SliceStatus.UNCHANGED
        }
        it.assert_true()


def hour_of(it: PlatformUnderTest) -> dict[str, dict[date, DayCoverage]]:
    """Return what an hour's run asks for of each company."""
    settle, window = timedelta(minutes=5), timedelta(hours=48)
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid", "root"])
    return {
        company: due_once_more(slices, it.clock(), settle=settle)
        | due_this_hour(slices, it.clock(), settle=settle, late_window=window)
        for company, slices in held.items()
    }


def run_hours(it: PlatformUnderTest, hours: Iterable[datetime]) -> list[dict[date, DayCoverage]]:
    """Let the hourly run come at these times, and return what it asked of the company."""
    asked = []
    for now in hours:
        it.sandbox.clock.set(now)
        due = hour_of(it)
        asked.append(due["kid"])
        assert failures(it.refresher().refresh({company: days for company, days in due.items() if days})) == []
    return asked


def test_somebody_who_registers_late_to_watch_the_replay_counts_once_the_window_closes(warehouse: Warehouse) -> None:
    """Thirty days after the event, whether or not the machine was on at that hour; from their day on, and asked for once."""
    dee = Person("Dee", "dee@example.org")
    event = talking()
    with platform(world_of(event), warehouse) as it:
        it.refresh()
        event.registers(dee, at(9, 9, 50))
        event.absentees = tuple(person for person in event.absentees if person != dee)
        it.world.restate("e", [*event.rows, Attendance(dee, on_demand=[(at(9, 10), 20)])])
        first = run_hours(it, [at(9, 0, 5), at(12, 0, 5), at(31, 0, 5)])
        assert {how for due in first for how in due.values()} == {DayCoverage.ACTIVE, DayCoverage.FULL}
        assert registered(warehouse) == dict.fromkeys(days_between(day(3), day(31)), 3)
        back = datetime(2026, 4, 3, 7, 5, tzinfo=UTC)  # the window of 3 March has closed at midnight
        (due, again) = run_hours(it, [back, back + timedelta(hours=1)])
        assert due[day(3)] is DayCoverage.EVENT_DETAILS
        assert [on for on, how in due.items() if how is DayCoverage.EVENT_DETAILS] == [day(1), day(2), day(3)]
        assert list(again) == [date(2026, 4, 3)]
        assert registered(warehouse) == {on: 3 if on < day(9) else 4 for on in days_between(day(3), date(2026, 4, 2))}
        with warehouse.read() as connection:
            e = person_engagement.c
            told = connection.execute(
                sa.select(e.day, e.is_registered).where(e.person_id == person_id(dee.email or ""))
            )
            assert [tuple(row) for row in told] == [(day(9), True)]


def registered(warehouse: Warehouse) -> dict[date, int]:
    """Return how many had registered for the event by each day."""
    s = event_statistics.c
    with warehouse.read() as connection:
        return {row.day: row.registered for row in connection.execute(sa.select(s.day, s.registered))}


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_held_at_the_windows_close_waits_and_what_failed_is_asked_again(warehouse: Warehouse) -> None:
    """A list that has lost most of its people is told once and left to its owner; one that did not come is due again."""
    with platform(world_of(talking(), talking("f", on=4)), warehouse, quick=True) as it:
        it.refresh()
        run_hours(it, [at(n, 0, 5) for n in range(9, 13)])
        it.sandbox.clock.set(at(3, 0, 5) + timedelta(days=31))
        due = {"kid": due_once_more_of(it)}
        assert list(due["kid"]) == [day(1), day(2), day(3)]
        it.sandbox.faults = Faults(paths=[("*/e/user-activity*", Fault("http_500"))])
        assert {one[1:3] for one in failures(it.refresher().refresh(due))} >= {("event_activity", day(3))}
        assert list(due_once_more_of(it)) == [day(3)]
        it.sandbox.faults.clear()
        it.world.restate("e", [])
        held = failures(it.refresher().refresh({"kid": due_once_more_of(it)}))
        assert {one[1:3] for one in held if one[1] in SLICED} == {("event_activity", day(3))}
        assert due_once_more_of(it) == {}


def due_once_more_of(it: PlatformUnderTest) -> dict[date, DayCoverage]:
    """Return what is due once more of the company."""
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid"])["kid"]
    return due_once_more(held, it.clock(), settle=timedelta(minutes=5))
