"""Odd clocks: set back by an hour, over a midnight too, and a host whose zone changes to summer time. Same answers."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from sequel_assets.refresh.core.datasets import LANDED_NAMES
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.freshness import late_slices
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.harness import ADA, BO, PlatformUnderTest, at, day, event, platform, world_of
from sequel_assets_tests.support.reference import dump_of_slices, read_tables

SETTLE, WINDOW = timedelta(minutes=5), timedelta(hours=48)


def due_and_late(it: PlatformUnderTest) -> tuple[set[date], set[date]]:
    """The days that an hourly refresh of the kid would ask for now, and those that a check would name."""
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid"])["kid"]
    now = it.clock()
    due = due_this_hour(held, now, settle=SETTLE, late_window=WINDOW)
    late = late_slices("kid", held, now, settle=SETTLE, late_window=WINDOW)
    return set(due), {slice_.day for slice_ in late}


@pytest.mark.scenario
@pytest.mark.alternating
@pytest.mark.parametrize("now", [at(8, 14, 20), at(8, 0, 20)], ids=["at noon", "over midnight"])
def test_a_clock_set_back_an_hour_loses_nothing_and_asks_for_nothing_twice(warehouse: Warehouse, now: datetime) -> None:
    """What the older hour brings is dropped, nothing is red or due meanwhile; when the hour comes again all goes on."""
    begin = now - timedelta(hours=2)
    world = world_of(event("on", "kid", begin, [Attendance(ADA, live=[(begin, 300)])]), now=now)
    with platform(world, warehouse, start=day(7)) as it:
        days = [day(7), day(8)]
        it.refresh(days)
        before = dump_of_slices(warehouse)
        it.sandbox.clock.advance(hours=-1)
        assert due_and_late(it) == (set(), set())
        landed = [outcome for outcome in it.refresh(days, ["kid"]) if outcome.dataset in LANDED_NAMES]
        assert {outcome.verdict for outcome in landed} == {SliceStatus.SUPERSEDED}
        assert dump_of_slices(warehouse) == before
        it.sandbox.clock.advance(hours=2)
        assert due_and_late(it) == ({day(8)}, set())
        it.refresh(days)
        it.assert_true(days)


@pytest.fixture(params=["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine that keeps this zone's time."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


CHANGES = {
    "Europe/Berlin": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 8, 7, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
}
"""When the clocks there are put forward (or, at the other end of the world, back by half an hour)."""


@pytest.mark.sampled(3)
@pytest.mark.alternating
def test_a_host_whose_clock_changes_to_summer_time_counts_the_same_minutes(
    warehouse: Warehouse, host_zone: str
) -> None:
    """Days are UTC days of 24 hours; an event over the change, refreshed hour by hour, comes out as the truth."""
    change = CHANGES[host_zone]
    begin, days = change - timedelta(hours=2), [change.date() - timedelta(days=1), change.date()]
    watched = [Attendance(ADA, live=[(begin, 300)]), Attendance(BO, on_demand=[(change - timedelta(minutes=10), 25)])]
    world = world_of(event("on", "kid", begin, watched), now=begin + timedelta(minutes=6))
    with platform(world, warehouse, start=days[0]) as it:
        assert time.localtime(change.timestamp()).tm_isdst != time.localtime(change.timestamp() - 1).tm_isdst
        for _ in range(6):
            it.refresh(days)
            assert due_and_late(it) == (set(), set())
            it.assert_true(days)
            it.sandbox.clock.advance(hours=1)
        concurrency = read_tables(warehouse)["event_concurrency"]
        assert [row[3] for row in concurrency] == [begin + timedelta(minutes=n) for n in range(300)]
