"""What changes between two refreshes: events that vanish, come back, move or are moved; a past that is told anew."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.crowd import CROWD, PLAIN
from sequel_assets_tests.support.harness import ADA, BO, DAYS, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import assert_equal_tables, dump_of_slices, read_tables
from sequel_assets_tests.support.reference import details as reference_details

ORDERS = [[["root", "kid"]], [["root"], ["kid"]], [["kid"], ["root"]], [["kid", "root"]]]


def test_an_event_that_vanishes_between_list_and_fetch_keeps_its_rows(warehouse: Warehouse) -> None:
    """It is marked, the slices are good, and it is not asked again."""
    world = world_of(event("gone", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        before = read_tables(warehouse, vanished=True)
        it.sandbox.faults.script("*/events/gone/top-participants*", "vanished")
        assert failures(it.refresh()) == []
        assert read_tables(warehouse, vanished=True) == before
        assert ("kid", "gone", "virtualStageEvent") not in read_tables(warehouse)["events"]
        it.sandbox.requests.clear()
        assert {outcome.verdict for outcome in it.refresh()} == {SliceStatus.UNCHANGED}
        assert [r.path for r in it.sandbox.requests if "gone" in r.path] == []
        assert it.problems() == []


@pytest.mark.scenario
def test_an_event_that_is_no_longer_listed_nor_known_has_vanished(warehouse: Warehouse) -> None:
    """Its rows stay; when it comes back with other minutes, every refreshed day has them."""
    world = world_of(event("gone", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        before = read_tables(warehouse, vanished=True)
        world.vanish("gone")
        assert failures(it.refresh()) == []
        assert read_tables(warehouse, vanished=True) == before
        world.reappear("gone")
        world.restate("gone", minutes=2)
        assert failures(it.refresh([day(8)])) == []
        it.assert_true()
        assert it.problems() == []


@pytest.mark.sampled(8)
@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("shows_company", [True, False])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("days", [DAYS, [day(8)]])
def test_an_event_that_moves_takes_its_rows_along(
    warehouse: Warehouse, order: list[list[str]], days: list[date], shows_company: bool
) -> None:
    """Whichever company is refreshed first, together or apart, and though one day alone is asked."""
    world = world_of(
        event("moves", "kid", at(3), CROWD, shows_company=shows_company), event("plain", "kid", at(2), PLAIN)
    )
    with platform(world, warehouse) as it:
        it.refresh()
        world.move_event("moves", "root")
        for companies in order:
            assert failures(it.refresh(days, companies)) == []
        it.assert_true()
        assert it.problems() == []
        world.move_event("moves", "kid")
        for companies in order:
            assert failures(it.refresh(days, companies)) == []
        it.assert_true()


@pytest.mark.scenario
def test_a_new_event_is_asked_for_every_day_that_was_refreshed_before_it_came(warehouse: Warehouse) -> None:
    """Also when that fails at first: a problem stands until the next refresh, of whatever day, has caught up."""
    world = world_of(event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse, quick=True) as it:
        it.refresh()
        before = dump_of_slices(warehouse)
        world.add_event(event("late", "kid", at(3), CROWD))
        it.sandbox.faults.always("*/events/late/top-participants?*", "http_500")
        it.refresh([day(8)])
        assert {p[:4] for p in it.problems()} >= {("kid", "event_participants", date(1, 1, 1), "late")}
        assert_equal_tables(
            dump_of_slices(warehouse),
            before,
            but=["refreshes", "event_concurrency", "peak_concurrency", "people", *reference_details.COLUMNS],
        )
        it.sandbox.faults.clear()
        assert failures(it.refresh([day(8)])) == []
        it.assert_true()
        assert it.problems() == []


@pytest.mark.scenario
def test_a_problem_of_another_event_on_an_old_day_outlives_the_catching_up(warehouse: Warehouse) -> None:
    """A newcomer's history asks that event alone, so what is wrong with others stays wrong."""
    world = world_of(event("plain", "kid", at(2), PLAIN), event("bad", "kid", at(3), CROWD))
    with platform(world, warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults.always("*/events/bad/top-participants?*startDate=2026-03-03&endDate=2026-03-03*", "http_500")
        it.refresh([day(3)])
        stood = it.problems()
        assert {p[:4] for p in stood} >= {("kid", "event_participants", day(3), "bad")}
        world.add_event(event("late", "kid", at(3), CROWD))
        it.refresh([day(8)])
        assert it.problems() == stood
        it.sandbox.faults.clear()
        it.refresh([day(3)])
        it.assert_true()
        assert it.problems() == []


@pytest.mark.sampled(4)
@pytest.mark.alternating
@pytest.mark.parametrize("days", [DAYS, [day(8)], [day(6)], [day(7)]])
def test_an_event_whose_start_moved_leaves_its_old_days(warehouse: Warehouse, days: list[date]) -> None:
    """Its concurrency is on the new days and no more on the old ones, though one day alone is asked."""
    crowd = [Attendance(ADA, live=[(at(6), 20)]), Attendance(BO, live=[(at(6), 5)])]
    world = world_of(event("shifts", "kid", at(6), crowd), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        world.set_start("shifts", at(7), move_minutes=True)
        assert failures(it.refresh(days)) == []
        it.assert_true(but=["event_participants", "daily_usage", "audience_usage", "lifetime_usage", "people"])
        it.refresh([day(6), day(7)])
        it.assert_true()
        assert it.problems() == []


@pytest.mark.scenario
def test_a_start_that_moved_is_remembered_though_its_concurrency_fails(warehouse: Warehouse) -> None:
    """The next refresh, of whatever day, places the minutes anew."""
    crowd = [Attendance(ADA, live=[(at(6), 20)])]
    world = world_of(event("shifts", "kid", at(6), crowd))
    with platform(world, warehouse, quick=True) as it:
        it.refresh()
        world.set_start("shifts", at(7), move_minutes=True)
        it.sandbox.faults.always("*/getVideoWatchOverTime/shifts", "http_500")
        it.refresh([day(8)])
        assert [p[:4] for p in it.problems()] == [("kid", "event_concurrency", date(1, 1, 1), "shifts")]
        it.sandbox.faults.clear()
        it.refresh([day(8)])
        assert it.problems() == []
        it.assert_true(but=["event_participants", "daily_usage", "audience_usage", "lifetime_usage", "people"])


def test_a_restated_past_moves_every_number_that_hangs_on_it(warehouse: Warehouse) -> None:
    """One old day is asked again; later as-of days follow without being asked."""
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        for minutes in (-1, 9, -2):
            world.restate("past", minutes=minutes)
            it.refresh([day(3), day(5), day(6)])
            it.assert_true(but=["people"])


def test_a_start_that_moves_takes_the_concurrency_of_final_days_along(warehouse: Warehouse) -> None:
    """The old day loses all of it, which would be held if it had not moved."""
    world = world_of(event("shifts", "kid", at(3, 23), [Attendance(ADA, live=[(at(3, 23), 20)])]))
    with platform(world, warehouse) as it:
        it.refresh()
        world.set_start("shifts", at(2, 23), move_minutes=True)
        it.refresh([day(8)])
        it.assert_true(but=["event_participants", "daily_usage", "audience_usage", "lifetime_usage", "people"])


def test_a_final_day_that_loses_most_of_its_minutes_is_held(warehouse: Warehouse) -> None:
    """The old rows stay, the outcome and a problem say so; when Sequel remembers, the problem goes."""
    world = world_of(event("past", "kid", at(3), [Attendance(ADA, live=[(at(3), 20)])]))
    with platform(world, warehouse) as it:
        it.refresh()
        before = dump_of_slices(warehouse)
        world.restate("past", minutes=-15)
        bad = failures(it.refresh([day(3)]))
        why = "quarantined: the day is final, and Sequel now answers less than half of its {} (5 of 20); the rows that were there stay until sequel-assets accept"
        lost = {
            "event_participants": "minutes",
            "event_concurrency": "users, added up over its minutes",
            "event_activity": "minutes",
        }
        landed = [f for f in bad if f[1] in lost]
        assert landed == [("kid", name, day(3), why.format(what)) for name, what in lost.items()]
        assert {p[:2] for p in it.problems()} == {
            ("kid", "event_participants"),
            ("kid", "event_concurrency"),
            ("kid", "event_activity"),
        }
        assert_equal_tables(dump_of_slices(warehouse), before)
        world.restate("past", minutes=15)
        assert failures(it.refresh([day(3)])) == []
        assert it.problems() == []
        it.assert_true()


@pytest.mark.scenario
def test_the_hour_goes_on_and_the_numbers_with_it(warehouse: Warehouse) -> None:
    """Today, hour by hour, over midnight; nothing goes back when an older hour comes late."""
    world = world_of(event("today", "kid", at(8, 22), [Attendance(ADA, live=[(at(8, 22), 200)])]))
    with platform(world, warehouse) as it:
        it.refresh()
        for _ in range(12):
            it.sandbox.clock.advance(hours=1)
            today = it.clock().date()
            it.refresh([today, today - timedelta(days=1)])
            it.assert_true([*DAYS, day(9)] if today == day(9) else DAYS)
