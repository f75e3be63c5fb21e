"""Generated worlds with everything in them, on both databases; `make worlds` tries 2,000 random ones, half on each."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sequel_assets.insights.counted_usage import select_counted
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import ENGAGEMENT_TYPES, Scope, select_usage
from sequel_assets.queries.usage_counts import counted
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import QUIRKS, Sandbox, World, WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.backfill_processes import assert_empty_ranges_are_true
from sequel_assets_tests.support.harness import PlatformUnderTest, client_of, failures, platform
from sequel_assets_tests.support.reference import (
    COLUMNS,
    Tables,
    assert_equal_tables,
    dump,
    dump_of_slices,
    person_id,
    read_tables,
)
from sequel_assets_tests.support.suite.scale import scaled

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPECS = {
    "seven": WorldSpec(seed=7, companies=4, days=4, people=10, now=NOW),
    "odd ids": WorldSpec(seed=11, companies=5, days=3, people=8, events_per_day=1.5, odd_ids=True, now=NOW),
    "many hubs": WorldSpec(seed=23, companies=3, days=4, people=8, hub_every=2, now=NOW),
    "a company of hubs alone": WorldSpec(seed=29, companies=3, days=4, people=8, hub_every=4, hub_only=True, now=NOW),
}
RIGHT_QUIRKS = dict.fromkeys(sorted(QUIRKS - {"concurrency_gap", "duplicate_rows", "date_skewed", "split_rows"}), 0.3)


@pytest.mark.sampled(4)
@pytest.mark.alternating
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("count_by", ["spelling", "person"])
def test_a_backfill_of_a_generated_world_is_the_truth_row_for_row(
    warehouse: Warehouse, name: str, count_by: str
) -> None:
    """And the same again changes no row and moves nothing back; quirks are on all the time."""
    world, spec = build_world(SPECS[name]), SPECS[name]
    days = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day, faults=RIGHT_QUIRKS, count_by=count_by) as it:
        outcomes = it.refresh(days)
        assert failures(outcomes) == []
        it.assert_true(days)
        first = dump_of_slices(warehouse)
        again = it.refresh(days)
        assert {outcome.verdict for outcome in again} == {SliceStatus.UNCHANGED}
        assert_equal_tables(dump_of_slices(warehouse), first)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("quirk", "count_by"), [("split_rows", "person"), ("duplicate_rows", "person"), ("duplicate_rows", "spelling")]
)
def test_untidy_lists_cost_no_minute(warehouse: Warehouse, quirk: str, count_by: str) -> None:
    """Rows told twice and rows split over two spellings come to the truth all the same, or fail by name."""
    spec = WorldSpec(seed=5, companies=2, days=4, people=9, now=NOW)
    world = build_world(spec)
    days = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day, faults={quirk: 1.0}, count_by=count_by) as it:
        outcomes = it.refresh(days)
        landed = [f for f in failures(outcomes) if f[1] == "event_participants"]
        assert all("list does not add up" in reason for *_, reason in landed)
        assert len(landed) < len(outcomes) / 10
        it.sandbox.faults.clear()
        assert failures(it.refresh(days)) == []
        it.assert_true(days)
        assert it.problems() == []


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_asking_costs_about_three_requests_for_a_day_with_people(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Requests per non-empty (event, day) stay below four, and an event without minutes costs one per range."""
    spec = WorldSpec(seed=7, companies=4, days=14, people=12, now=NOW)
    world = build_world(spec)
    days = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        it.refresh(days)
        asked = [r.path for r in it.sandbox.requests if "/top-participants" in r.path]
        watched = [r.path for r in it.sandbox.requests if "/getVideo" in r.path]
        full = {(row[2], row[1]) for row in dump(warehouse)["event_participants"]}
        empty = {row[1] for row in dump(warehouse)["events"]} - {event_id for event_id, _ in full}
        for_full = len(asked) + len(watched) - len(empty)
        with capsys.disabled():
            print(f"\nrequests per non-empty (event, day): {for_full / len(full):.2f} ({len(full)} of them)")  # noqa: T201
        assert for_full / len(full) < 4
        assert all(sum(event_id in path for path in asked) == 1 for event_id in empty)


@pytest.mark.scenario
def test_a_single_day_at_a_time_is_the_truth_too(warehouse: Warehouse) -> None:
    """An hourly refresh asks one day by itself: another path through the planner."""
    spec = WorldSpec(seed=31, companies=3, days=4, people=8, now=NOW)
    world = build_world(spec)
    days: list[date] = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        for one in days:
            it.refresh([one])
        it.assert_true(days)


FEW = settings(
    max_examples=scaled(3, 1000, "WORLDS"),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class RefreshStep:
    """A refresh of days `first` to `last` (by their place in the range) of one company, or of all (-1)."""

    company: int
    first: int
    last: int
    anew: bool = False


@dataclass(frozen=True)
class RefreshOrder:
    """A world, and the refreshes that it goes through."""

    spec: WorldSpec
    steps: tuple[RefreshStep, ...]


@st.composite
def stories(draw: st.DrawFn) -> RefreshOrder:
    """Refreshes that overlap and repeat each other, among them every day of every company, all in any order."""
    companies, length = draw(st.integers(1, 3)), draw(st.integers(2, 6))
    spec = WorldSpec(
        seed=draw(st.integers(0, 10_000)),
        companies=companies,
        days=length,
        people=3,
        events_per_day=draw(st.sampled_from([0.3, 0.6])),
        hub_every=draw(st.sampled_from([0, 2, 3])),
    )
    places = st.integers(0, length - 1)
    some = st.builds(
        lambda company, a, b, anew: RefreshStep(company, min(a, b), max(a, b), anew),
        st.integers(-1, companies - 1),
        places,
        places,
        st.booleans(),
    )
    steps = draw(st.lists(some, max_size=4))
    for company in range(companies):
        cuts = sorted({0, length, *draw(st.sets(places, max_size=3))})
        steps += [RefreshStep(company, first, end - 1) for first, end in pairwise(cuts)]
    return RefreshOrder(spec, tuple(draw(st.permutations(steps))))


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@given(stories())
@FEW
def test_any_order_of_refreshes_leaves_what_one_clean_backfill_does(
    engine_kind: str, lent_warehouse: Callable[[str], AbstractContextManager[Warehouse]], story: RefreshOrder
) -> None:
    """Byte for byte: facts, insights, people, checksums, silences. And days, range and lifetime have the same sums.

    But for one thing: a hub that events of two companies link may first be found at the wrong one, and who stays known
    there for another reason keeps the name that they had in the hub.
    """
    world, days = build_world(story.spec), days_between(story.spec.first_day, story.spec.last_day)
    clean = (RefreshStep(-1, 0, len(days) - 1),)
    with Sandbox(world) as server, client_of(server) as client:
        left: list[Tables] = []
        for steps in (clean, story.steps):
            with lent_warehouse(engine_kind) as warehouse:
                it = PlatformUnderTest(world, server, client, warehouse, story.spec.first_day)
                companies = it.walk()
                for step in steps:
                    chosen = companies if step.company < 0 else [companies[step.company]]
                    wanted = dict.fromkeys(chosen, days[step.first : step.last + 1])
                    outcomes = list(it.refresher(anew=step.anew).refresh(wanted))
                    assert [outcome for outcome in outcomes if outcome.verdict is SliceStatus.FAILED] == []
                dumped = dump_of_slices(warehouse) | {"silences": dump(warehouse)["silences"]}
                shared = in_shared_hubs(world)
                dumped["people"] = [row[:3] if row[1] in shared else row for row in dumped["people"]]
                left.append(dumped)
                if steps is clean:
                    it.assert_true(days)
                    assert_days_range_and_lifetime_agree(it, days)
                    assert_empty_ranges_are_true(it)
                assert_sets_and_facts_count_the_same(it, days)
    assert_equal_tables(left[1], left[0])


def in_shared_hubs(world: World) -> set[str]:
    """Return everybody in a hub that events of several companies link."""
    linked_by: dict[str | None, set[str]] = {}
    for event in world.events:
        linked_by.setdefault(event.hub_id, set()).add(event.company_id)
    hubs = [event for event in world.events if len(linked_by.get(event.id, ())) > 1]
    return {person_id(row.person.key(hub.id)) for hub in hubs for row in hub.rows}


def assert_sets_and_facts_count_the_same(it: PlatformUnderTest, days: list[date]) -> None:
    """Usage of the root with all beneath it, of all types and of each, of the whole range and of its last days."""
    with it.warehouse.read() as connection:
        for first, kind in itertools.product((days[0], days[len(days) // 2]), ENGAGEMENT_TYPES):
            scope = Scope(it.world.root.id, Days(first, days[-1]), includes_sub_companies=True, engagement_type=kind)
            counts = counted(connection, scope)
            assert counts is not None
            from_sets = connection.execute(select_counted(counts)).all()
            assert from_sets == connection.execute(select_usage(scope)).all()


def assert_days_range_and_lifetime_agree(it: PlatformUnderTest, days: list[date]) -> None:
    """The days' facts of each event come to what Sequel tells of the range, and lifetime to the days."""
    tables = read_tables(it.warehouse)
    by_event: Counter[str] = Counter()
    by_company: Counter[str] = Counter()
    for company, _, event_id, _, _, _, _, engaged in tables["event_participants"]:
        by_event[event_id] += engaged
        by_company[company] += engaged
    for _, event_id, _ in tables["events"]:
        told = it.client.participants(event_id, start=days[0], end=days[-1], engagement_type="all", limit=1)
        assert told.total_engaged_minutes == by_event[event_id]
    whole, last = COLUMNS["lifetime_usage"].index("engaged_minutes"), days[-1]
    lifetime = {row[0]: row[whole] for row in tables["lifetime_usage"] if row[1:3] == (last, "all")}
    assert lifetime == dict(by_company)
