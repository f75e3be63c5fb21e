"""A hot refresh of an open day: the events that may have minutes now are right, the others stay as they were."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.refresh.coverage.active_events import active_events, is_under_way
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.freshness import Watermark, late_slices
from sequel_assets.refresh.coverage.slice_coverage import landed_days, read_slice_coverage
from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.support.harness import ADA, BO, at, day, failures, platform, world_of
from sequel_assets_tests.support.harness import event as event_at

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)


def event(
    event_id: str, starts_in_days: float | None, *, hub: str | None = None, kind: str = "virtualStageEvent"
) -> KnownEvent:
    starts = None if starts_in_days is None else NOW + timedelta(days=starts_in_days)
    ends = None if starts is None else starts + timedelta(hours=1)
    return KnownEvent(event_id, kind, event_id, starts, ends, None, False, None, hub, None, None, None)


def test_active_is_what_may_have_minutes_now() -> None:
    """Thirty days back, one ahead, lately watched, newly listed, without a start; and their hubs."""
    events = [
        event("now", 0, hub="hub"),
        event("month-ago", -29.9),
        event("older", -31, hub="old-hub"),
        event("older-but-watched", -90),
        event("older-but-new", -90),
        event("tomorrow", 0.9),
        event("next-week", 7),
        event("whenever", None),
        event("hub", -400, kind="networkingHub"),
        event("old-hub", -400, kind="networkingHub"),
    ]
    hot = active_events(events, NOW, watched={"older-but-watched"}, new={"older-but-new"})
    assert hot == {"now", "month-ago", "older-but-watched", "older-but-new", "tomorrow", "whenever", "hub"}


def test_under_way_is_what_began_and_did_not_end_two_hours_ago() -> None:
    """By its plan, which is an hour here; without a start nothing is under way."""
    hours = {hours: is_under_way(event("e", hours / 24), NOW) for hours in (-3.1, -3, -1, 0, 0.1)}
    assert hours == {-3.1: False, -3: True, -1: True, 0: True, 0.1: False}
    assert not is_under_way(event("e", None), NOW)


def test_an_event_that_has_been_going_on_for_months_is_active() -> None:
    """It began long ago and has not ended."""
    starts = NOW - timedelta(days=60)
    going = KnownEvent(
        "e", "virtualStageEvent", "e", starts, NOW + timedelta(days=1), None, False, None, None, None, None, None
    )
    assert active_events([going], NOW, watched=(), new=()) == {"e"}


@pytest.mark.scenario
def test_hours_go_by_and_every_closed_day_is_the_truth(warehouse: Warehouse) -> None:
    """Three days of hourly ticks with an outage: open days may lack an idle event's replay and say so, closed ones never."""
    idle = event_at(
        "idle", "root", datetime(2025, 12, 1, 9, tzinfo=UTC), [Attendance(ADA, on_demand=[(at(6, 10), 15)])]
    )
    live = event_at("live", "kid", at(6, 9), [Attendance(BO, live=[(at(6, 9), 50)], on_demand=[(at(7, 20), 10)])])
    world = world_of(idle, live, now=at(5, 0, 5))
    settle, window = timedelta(minutes=5), timedelta(hours=48)
    with platform(world, warehouse) as p:
        p.refresh([day(n) for n in range(1, 6)])
        for hour in range(1, 24 * 4):
            if 30 <= hour < 40:
                continue  # the machine is off
            p.sandbox.clock.advance(hours=1 if hour != 40 else 11)
            now = p.clock()
            with warehouse.read() as connection:
                held = landed_days(connection, ["root", "kid"])
            due = {
                company: due_this_hour(slices, now, settle=settle, late_window=window)
                for company, slices in held.items()
            }
            outcomes = list(p.refresher().refresh({company: days for company, days in due.items() if days}))
            assert failures(outcomes) == []
            open_days = {name for name, theirs in days_of_coverage(warehouse).items() if now.date() in theirs}
            assert open_days == {dataset.name for dataset in SLICED} - (
                AT_CLOSE_NAMES if now.date() > day(5) else set()
            )
            if now == at(6, 13, 5):
                assert stored_minutes(warehouse, "idle") == 0
                assert {row.full_through for row in coverage_of(warehouse, day(6))} == {None}
            with warehouse.read() as connection:
                ledger = read_slice_coverage(connection, [dataset.name for dataset in SLICED])
            late = [
                slice_
                for dataset, slices in ledger.items()
                for company in ("root", "kid")
                for slice_ in late_slices(
                    company,
                    slices[company],
                    now + timedelta(minutes=30),
                    settle=settle,
                    late_window=window,
                    owes_today=dataset not in AT_CLOSE_NAMES,
                )
            ]
            assert late == [], now
        assert stored_minutes(warehouse, "idle") == 15
        closed = [day(n) for n in range(1, 10) if day(n) < p.clock().date()]
        p.assert_true([*closed, p.clock().date()], but=("refreshes", "event_activity", "replays"))


def stored_minutes(warehouse: Warehouse, event_id: str) -> int:
    fact = event_participants.c
    with warehouse.read() as connection:
        return int(
            connection.scalar(sa.select(sa.func.sum(fact.engaged_minutes)).where(fact.event_id == event_id)) or 0
        )


def days_of_coverage(warehouse: Warehouse) -> dict[str, set[date]]:
    """Return the days of which each dataset has slices."""
    with warehouse.read() as connection:
        ledger = read_slice_coverage(connection, [dataset.name for dataset in SLICED])
    return {name: {on for slices in of_companies.values() for on in slices} for name, of_companies in ledger.items()}


def coverage_of(warehouse: Warehouse, on: date) -> list[Watermark]:
    with warehouse.read() as connection:
        ledger = read_slice_coverage(connection, ["event_participants"])
    return [slices[on] for slices in ledger["event_participants"].values()]
