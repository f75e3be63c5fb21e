"""Generated worlds with everything in them, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.outcomes import Verdict
from sequel_assets.sandbox import QUIRKS, WorldSpec, build_world
from sequel_assets.warehouse.engine import Warehouse

from ..reference import assert_equal_tables, dump, dump_of_slices
from .harness import failures, platform

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPECS = {
    "seven": WorldSpec(seed=7, companies=4, days=7, people=10, now=NOW),
    "odd ids": WorldSpec(seed=11, companies=5, days=5, people=8, events_per_day=1.5, odd_ids=True, now=NOW),
    "many hubs": WorldSpec(seed=23, companies=3, days=6, people=8, hub_every=2, now=NOW),
}
RIGHT_QUIRKS = dict.fromkeys(sorted(QUIRKS - {"concurrency_gap", "duplicate_rows", "date_skewed", "split_rows"}), 0.3)


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
        assert {outcome.verdict for outcome in again} == {Verdict.UNCHANGED}
        assert_equal_tables(dump_of_slices(warehouse), first)


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


def test_a_single_day_at_a_time_is_the_truth_too(warehouse: Warehouse) -> None:
    """An hourly refresh asks one day by itself: another path through the planner."""
    spec = WorldSpec(seed=31, companies=3, days=4, people=8, now=NOW)
    world = build_world(spec)
    days: list[date] = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        for one in days:
            it.refresh([one])
        it.assert_true(days)
