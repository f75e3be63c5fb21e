"""What changes between two refreshes: events that vanish, come back, move or are moved; a past that is told anew."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.sandbox import Attendance, Company, World
from sequel_assets.sequel import ServerError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import known_companies
from sequel_assets_tests.support import reference_details
from sequel_assets_tests.support.harness import ADA, BO, CY, DAYS, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import assert_equal_tables, dump_of_slices, read_tables

CROWD = [
    Attendance(ADA, live=[(at(3), 20), (at(5), 3)], on_demand=[(at(6), 5)]),
    Attendance(BO, live=[(at(3, 9, 10), 30)]),
]
PLAIN = [Attendance(BO, live=[(at(2), 7)], on_demand=[(at(4), 3)]), Attendance(CY, on_demand=[(at(8, 8), 3)])]
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


@pytest.mark.sampled(2)
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
        why = "held: the day is final, and Sequel now tells less than half of its {} (5 of 20); the rows that were there stay until sequel-assets accept"
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


def test_a_company_that_is_gone_keeps_its_data_and_is_not_asked(warehouse: Warehouse) -> None:
    """404 for the company; the others go on. It may come back."""
    companies = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("other", "Other", "root")]
    world = world_of(event("e", "other", at(3), CROWD), event("plain", "kid", at(2), PLAIN), companies=companies)
    with platform(world, warehouse) as it:
        it.refresh()
        before = read_tables(warehouse)
        world.remove_company("other")
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh()) == []
        assert read_tables(warehouse) == before
        gone = it.refresh([day(3)], ["other"], walk=False)
        assert {outcome.reason for outcome in gone} == {"the company is gone at Sequel (404)"}
        world.add_company(companies[2])
        world.add_event(event("e", "other", at(3), CROWD))
        assert it.walk() == ["root", "kid", "other"]
        assert failures(it.refresh()) == []
        it.assert_true()
        assert it.problems() == []


def test_where_the_licence_is_invalid_the_companies_that_are_known_stay(warehouse: Warehouse) -> None:
    """403 on `list`: a problem at the parent; what is beneath goes on being refreshed."""
    world = world_of(event("e", "kid", at(3), CROWD))
    with platform(world, warehouse) as it:
        it.refresh()
        world.companies[0].licence_is_valid = False
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh()) == []
        it.assert_true()
        assert [problem[:4] for problem in it.problems()] == [("root", "companies", date(1, 1, 1), "")]
        world.companies[0].licence_is_valid = True
        it.refresh()
        assert it.problems() == []


def family() -> World:
    """Return a root with two kids, the first of which has one of its own."""
    tree = {"kid": "root", "grand": "kid", "other": "root"}
    return world_of(companies=[Company("root", "Root"), *(Company(key, key, above) for key, above in tree.items())])


@pytest.mark.alternating
@pytest.mark.parametrize("fault", ["http_403", "http_500", "html_200"])
def test_a_company_that_does_not_tell_whether_it_is_gone_stays_and_stops_nobody(
    warehouse: Warehouse, fault: str
) -> None:
    """No longer listed, and no 404: it and what is beneath it stay, a problem names it, and a new company is found."""
    with platform(family(), warehouse, quick=True) as it:
        it.walk()
        it.world.move_company("kid", "somebody else")
        it.world.remove_company("grand")
        it.world.add_company(Company("new", "New", "root"))
        it.sandbox.faults.always("/api/v1/company/kid", fault)
        assert sorted(it.walk()) == ["grand", "kid", "new", "other", "root"]
        assert [problem[:4] for problem in it.problems()] == [("kid", "companies", date(1, 1, 1), "")]
        it.sandbox.faults.clear()
        it.world.remove_company("kid")
        assert sorted(it.walk()) == ["new", "other", "root"]
        assert it.problems() == []


@pytest.mark.alternating
@pytest.mark.parametrize("fault", ["http_500", "html_200", "truncated"])
def test_a_company_whose_list_fails_keeps_what_is_beneath_it_and_stops_nobody(warehouse: Warehouse, fault: str) -> None:
    """As a 403 does; without an answer nothing counts as gone, and the others' new companies are found."""
    with platform(family(), warehouse, quick=True) as it:
        it.walk()
        it.world.add_company(Company("new", "New", "other"))
        it.sandbox.faults.always("/api/v1/company/kid/list", fault)
        assert sorted(it.walk()) == ["grand", "kid", "new", "other", "root"]
        ((company, dataset, _, _, reason),) = [problem[:5] for problem in it.problems()]
        assert (company, dataset) == ("kid", "companies")
        assert reason.startswith("its sub-companies cannot be listed, those known stay as they are: ")
        it.sandbox.faults.clear()
        it.walk()
        assert it.problems() == []


@pytest.mark.alternating
@pytest.mark.parametrize("path", ["/api/v1/company/root", "/api/v1/company/root/list"])
def test_a_root_that_fails_is_an_error_and_nothing_is_stored(warehouse: Warehouse, path: str) -> None:
    """Without it there is no tree."""
    with platform(family(), warehouse, quick=True) as it:
        it.sandbox.faults.always(path, "http_500")
        with pytest.raises(ServerError):
            it.walk()
        with warehouse.read() as connection:
            assert known_companies(connection) == []
