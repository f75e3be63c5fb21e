"""One hand-made world for each thing that an event can be: against the reference, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import HUB, MISSING, Attendance, Company, Event, Person, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets_tests.support.harness import ADA, BO, CY, DAYS, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import assert_equal_tables, expected_tables, read_tables
from sequel_assets_tests.support.reference import details as reference_details

NOT_WRITTEN = "not written: 2026-03-03 has no {} yet; backfill that day and this one follows by itself"


def hub(hub_id: str, company_id: str, attendance: list[Attendance]) -> Event:
    """Return a hub; its own company is what Sequel says of it, the platform goes by the links."""
    return event(hub_id, company_id, at(1), attendance, event_type=HUB)


def ordinary(event_id: str = "plain", company_id: str = "kid") -> Event:
    """Return an event that is nothing special, to be there beside the special one."""
    return event(event_id, company_id, at(2), [Attendance(BO, live=[(at(2), 7)], on_demand=[(at(4), 3)])])


LONG = [(at(3, 23, 30), 90)]
NOBODY, SAME_NAME = Person("Guest"), Person("guest ", which=2)
SPECIAL: dict[str, list[Event]] = {
    "a midnight crossing": [event("late", "kid", at(3, 23, 30), [Attendance(ADA, live=LONG), Attendance(BO, live=[(at(4, 0, 10), 5)])])],
    "an overrun past the planned end": [event("over", "kid", at(3), [Attendance(ADA, live=[(at(3), 180)]), Attendance(BO, live=[(at(3, 8), 70)])])],
    "a planned end before its start": [event("odd", "kid", at(3), [Attendance(ADA, live=[(at(3), 9)])], ends_at=at(2))],
    "live and on demand at once": [event("both", "kid", at(3), [
        Attendance(ADA, live=[(at(3), 30)], on_demand=[(at(3, 9, 20), 30)]),
        Attendance(BO, live=[(at(3), 10)]), Attendance(CY, on_demand=[(at(3, 12), 4)])])],
    "on-demand minutes that lie within live": [event("within", "kid", at(3), [
        Attendance(ADA, live=[(at(3), 30)], on_demand=[(at(3, 9, 5), 10)]), Attendance(BO, live=[(at(3), 10)])])],
    "both at once on one day, apart on another": [event("mixed", "kid", at(3), [
        Attendance(ADA, live=[(at(3), 30)], on_demand=[(at(3, 9, 29), 1), (at(5), 30)]),
        Attendance(BO, live=[(at(3), 30)], on_demand=[(at(3, 10), 30)])])],
    "people without an e-mail": [
        event("g1", "kid", at(3), [Attendance(NOBODY, live=[(at(3), 5)], email=None), Attendance(SAME_NAME, live=[(at(3, 10), 5)], email=MISSING, name=" GUEST")]),
        event("g2", "kid", at(3, 12), [Attendance(NOBODY, live=[(at(3, 12), 8)], email="")])],
    "several spellings": [event("spelt", "kid", at(3), [
        Attendance(ADA, live=[(at(3), 5)], on_demand=[(at(5), 2)]),
        Attendance(ADA, live=[(at(3, 9, 30), 6)], email=" ADA@Example.org ", name="ADA"),
        Attendance(Person("Jürgen", "jürgen@example.org"), live=[(at(3), 1)], email="ju\u0308rgen@example.org"),
        Attendance(Person("Jürgen", "jürgen@example.org"), live=[(at(3, 10), 1)], email="JÜRGEN@example.org"),
        Attendance(Person("Plus", "ada+team@example.org"), live=[(at(3), 3)])])],
    "a cancelled event with minutes": [event("off", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])], is_cancelled=True)],
    "an empty event": [event("empty", "kid", at(3))],
    "a future event": [event("soon", "kid", at(20), [Attendance(ADA, live=[(at(20), 4)])])],
    "minutes after the top of the hour": [event("now", "kid", at(8, 13), [Attendance(ADA, live=[(at(8, 13, 30), 50)])])],
    "minutes long before and after its own day": [event("stray", "kid", at(4), [
        Attendance(ADA, live=[(at(1, 5), 3)], on_demand=[(at(8, 1), 2)]), Attendance(BO, live=[(at(6), 1)])])],
    "one minute on one of two neighbouring days": [event("one", "kid", at(1), [
        Attendance(ADA, live=[(at(1), 5)], on_demand=[(at(7), 1)]), Attendance(BO, live=[(at(2), 1)], on_demand=[(at(8), 1)])])],
    "a hub that several events link": [
        event("l1", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])], hub_id="hub"), event("l2", "kid", at(5), hub_id="hub"),
        hub("hub", "kid", [Attendance(ADA, live=[(at(3, 11), 20)]), Attendance(CY, live=[(at(3, 11), 2), (at(6), 9)])])],
    "a hub that events of two companies link": [
        event("l1", "kid", at(5), hub_id="hub"), event("l2", "root", at(3), hub_id="hub"),
        hub("hub", "kid", [Attendance(ADA, live=[(at(3, 11), 20)])])],
    "an event that names no company": [event("whose", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])], shows_company=False)],
    "an event with the id all": [event("all", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])])],
    "odd ids": [event("a/b %20|ü?#&+", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])])],
}  # fmt: skip


@pytest.mark.sampled(4)
@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("what", SPECIAL)
def test_tables_are_the_truth_with(warehouse: Warehouse, what: str) -> None:
    """All days at once, in a world that holds one special thing beside an ordinary event."""
    with platform(world_of(ordinary(), *SPECIAL[what]), warehouse) as it:
        assert failures(it.refresh()) == []
        it.assert_true(without=["all"])
        said = [("kid", "events", date(1, 1, 1), "all")] if what == "an event with the id all" else []
        assert [problem[:4] for problem in it.problems()] == said


@pytest.mark.scenario
def test_tables_are_the_truth_with_everything_at_once(warehouse: Warehouse) -> None:
    """Every special thing in one world, all days at once and then day by day."""
    events = {found.id: found for what in SPECIAL.values() for found in what}
    with platform(world_of(ordinary(), *events.values()), warehouse) as it:
        assert failures(it.refresh()) == []
        it.assert_true(without=["all"])
        for one in DAYS:
            assert failures(it.refresh([one])) == []
        it.assert_true(without=["all"])


@pytest.mark.sampled(12)
@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("what", SPECIAL)
def test_day_by_day_from_the_last_to_the_first_tables_are_the_truth_with(warehouse: Warehouse, what: str) -> None:
    """Company by company, the newest day first."""
    world = world_of(ordinary(), *SPECIAL[what])
    with platform(world, warehouse) as it:
        for company_id in reversed(it.walk()):
            for one in reversed(DAYS):
                it.refresh([one], [company_id], walk=False)
        it.assert_true(without=["all"])


@pytest.mark.scenario
def test_a_leap_day_is_a_day_like_any_other(warehouse: Warehouse) -> None:
    """28 and 29 February and 1 March 2028, with an event over the midnight between the last two."""
    eve = datetime(2028, 2, 29, 23, 40, tzinfo=UTC)
    world = world_of(
        event("leap", "kid", eve, [Attendance(ADA, live=[(eve, 60)])]), now=datetime(2028, 3, 2, 9, tzinfo=UTC)
    )
    days = days_between(date(2028, 2, 27), date(2028, 3, 2))
    with platform(world, warehouse, start=days[0]) as it:
        assert failures(it.refresh(days)) == []
        it.assert_true(days)
        assert [row[1] for row in read_tables(warehouse)["event_participants"]] == [date(2028, 2, 29), date(2028, 3, 1)]


@pytest.mark.sampled(3)
@pytest.mark.alternating
@pytest.mark.parametrize("order", [["root", "kid", "grand"], ["grand", "kid", "root"], ["root"]])
def test_an_event_that_names_no_company_goes_to_the_deepest_that_lists_it(
    warehouse: Warehouse, order: list[str]
) -> None:
    """Also when `includeSubCompanies` is ignored, so that all three list it, and whichever is refreshed first."""
    companies = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("grand", "Grand", "kid")]
    events = [
        event("whose", "grand", at(3), [Attendance(ADA, live=[(at(3), 4)])], shows_company=False),
        event("mine", "root", at(3), [Attendance(BO, live=[(at(3), 4)])], shows_company=False),
    ]
    with platform(world_of(*events, companies=companies), warehouse) as it:
        it.sandbox.faults.always("*/events*", "sub_companies_ignored")
        it.walk()
        for _ in (1, 2):
            for company_id in order:
                assert failures(it.refresh(companies=[company_id], walk=False)) == []
            it.assert_true(companies=order)


@pytest.mark.scenario
def test_an_event_without_a_start_has_participants_and_its_concurrency_fails_by_name(warehouse: Warehouse) -> None:
    """The facts are all there; the concurrency of its days, and what hangs on it, says which event and why."""
    lost = event("lost", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])], extra={"startDate": None})
    with platform(world_of(lost, ordinary()), warehouse) as it:
        outcomes = it.refresh()
        why = "Sequel gives it no start date, so the minutes of its concurrency cannot be placed"
        hanging = [insight for insight in INSIGHTS if "event_concurrency" in insight.sources]
        as_of = {insight.name: insight.sources_in_words for insight in hanging if insight.as_of}
        so_wait = {
            ("kid", name, when, "", NOT_WRITTEN.format(words))
            for name, words in as_of.items()
            for when in DAYS
            if when > day(3)
        }
        assert sorted(failures(outcomes)) == sorted([
            ("kid", "event_concurrency", day(3), f"event lost: {why}"),
            *(("kid", insight.name, day(3), f"its event_concurrency failed: event lost: {why}") for insight in hanging),
            *((company, name, when, reason) for company, name, when, _, reason in so_wait),
            ("root", "company_rollup", day(3), "kid has no event_participants and event_concurrency of 2026-03-03 yet"),
        ])  # fmt: skip
        beneath = "its sub-company kid has no event_participants and event_concurrency of 2026-03-03 yet"
        assert it.problems() == sorted([
            ("kid", "event_concurrency", day(3), "lost", why),
            *so_wait,
            ("root", "company_rollup", NO_DAY, "", f"not written: {beneath}; backfill that and this follows by itself"),
        ])  # fmt: skip
        as_a_whole = (*reference_details.SLICED, "activity_totals")  # by the day on which an event starts
        it.assert_true(but=["event_concurrency", "peak_concurrency", *as_a_whole])
        found, told = read_tables(warehouse), expected_tables(it.world, DAYS, now=it.clock(), without=["lost"])
        assert_equal_tables(found, {name: told[name] for name in as_a_whole})
        assert {row[2] for row in read_tables(warehouse)["event_concurrency"]} == {"plain"}
        lost.extra = {}
        assert failures(it.refresh()) == []
        it.assert_true()
        assert it.problems() == []


def test_an_event_of_a_company_that_is_not_ours_is_left_out_and_said(warehouse: Warehouse) -> None:
    """A foreign `companyUid` is looked up; no company of the tree counts its minutes."""
    foreign = event("foreign", "kid", at(3), [Attendance(ADA, live=[(at(3), 4)])], extra={"companyUid": "elsewhere"})
    with platform(world_of(foreign, ordinary()), warehouse) as it:
        assert failures(it.refresh()) == []
        it.assert_true(without=["foreign"])
        why = "belongs to company elsewhere, which is no sub-company of the root, and is left out"
        assert it.problems() == [("kid", "events", date(1, 1, 1), "foreign", why)]


def test_a_tree_that_loops_and_lists_a_company_twice_counts_each_once(warehouse: Warehouse) -> None:
    """Every `list` tells the company itself, its parent, and one that stands elsewhere."""
    companies = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("twin", "Twin", "root")]
    world: World = world_of(ordinary(), ordinary("other", "twin"), companies=companies)
    with platform(world, warehouse, faults={"company_loop": 1.0, "two_parents": 1.0}) as it:
        assert failures(it.refresh()) == []
        it.assert_true()
