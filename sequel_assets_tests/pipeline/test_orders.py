"""Days in any order, companies one by one, two at once, killed and repeated: always the same tables."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Attendance, World, WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.backfill_processes import (
    assert_empty_ranges_are_true,
    assert_nothing_is_half_written,
    start_worker,
)
from sequel_assets_tests.support.harness import ADA, BO, DAYS, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import assert_equal_tables, dump_of_slices, read_tables


def crowded() -> World:
    """Return a world with minutes on every day."""
    crowd = [
        Attendance(ADA, live=[(at(n), 5 + n) for n in range(1, 9)]),
        Attendance(BO, on_demand=[(at(n), n) for n in range(1, 9)]),
    ]
    return world_of(event("e", "kid", at(1), crowd), event("f", "root", at(4), crowd[:1]))


def test_no_as_of_row_stands_after_a_day_that_failed(warehouse: Warehouse) -> None:
    """The problem names the missing day; everything is right once that day is mended, though it alone is asked."""
    world = crowded()
    with platform(world, warehouse, quick=True) as it:
        it.sandbox.faults.always("*/events/e/top-participants?*startDate=2026-03-04&endDate=2026-03-04*", "http_500")
        bad = [outcome for outcome in it.refresh() if not outcome.is_good]
        hanging = [insight for insight in INSIGHTS if "event_participants" in insight.sources]
        as_of = {insight.name: insight.sources_in_words for insight in hanging if insight.as_of}
        assert {(o.company_id, o.dataset, o.day, o.verdict) for o in bad} == {
            *(("kid", name, day(4), SliceStatus.FAILED) for name in ("event_participants", *(i.name for i in hanging))),
            *(("kid", name, day(n), SliceStatus.WAITING) for name in as_of for n in range(5, 9)),
            ("root", "company_rollup", day(4), SliceStatus.WAITING),
        }
        lifetime = read_tables(warehouse)["lifetime_usage"]
        assert sorted({row[1] for row in lifetime if row[0] == "kid"}) == DAYS[:3]
        assert {row[1] for row in lifetime if row[0] == "root"} == set(DAYS)
        why = "not written: 2026-03-04 has no {} yet; backfill that day and this one follows by itself"
        waiting = {p for p in it.problems() if p[0] == "kid" and p[1] != "event_participants"}
        assert waiting == {
            ("kid", name, day(n), "", why.format(words)) for name, words in as_of.items() for n in range(5, 9)
        }
        assert [p[:4] for p in it.problems() if p[1] == "event_participants"] == [
            ("kid", "event_participants", day(4), "e")
        ]
        it.sandbox.faults.clear()
        assert failures(it.refresh([day(4)], ["kid"])) == []
        it.assert_true()
        assert it.problems() == []


def test_insights_alone_ask_sequel_nothing(warehouse: Warehouse) -> None:
    """And rebuild what was lost of them."""
    with platform(crowded(), warehouse) as it:
        it.refresh()
        before = dump_of_slices(warehouse)
        with warehouse.write() as connection:
            for name in (insight.name for insight in INSIGHTS):
                connection.execute(sa.text(f"DELETE FROM {name}"))
                connection.execute(sa.text(f"DELETE FROM refreshes WHERE dataset = '{name}'"))
        it.sandbox.requests.clear()
        outcomes = list(it.refresher().refresh({"root": DAYS, "kid": DAYS}, asks_sequel=False))
        assert {outcome.verdict for outcome in outcomes} == {SliceStatus.DONE}
        assert it.sandbox.requests.count == 0
        assert_equal_tables(dump_of_slices(warehouse), before)


def test_two_refreshers_at_once_leave_what_one_does(warehouse: Warehouse) -> None:
    """In two threads, the days of one overlapping those of the other."""
    spec = WorldSpec(seed=3, companies=3, days=5, people=6)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        companies = it.walk()
        wrong: list[object] = []

        def work(chosen: list[date]) -> None:
            outcomes = list(it.refresher().refresh(dict.fromkeys(companies, chosen)))
            wrong.extend(f for f in failures(outcomes) if "has no event_participants yet" not in f[3])

        threads = [threading.Thread(target=work, args=[chosen]) for chosen in (days, days[1:], days)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        it.assert_true(days)


@pytest.mark.scenario
def test_two_backfills_and_an_hourly_refresh_at_once_leave_what_one_does(warehouse: Warehouse) -> None:
    """In three processes: both backfills ask for all days of all companies, the hour for what is due."""
    spec = WorldSpec(seed=4, companies=3, days=5, people=6)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day, latency_ms=2) as it:
        it.walk()
        workers = [
            start_worker(it, days),
            start_worker(it, days, "hourly"),
            start_worker(it, days, "asks-what-is-left"),
        ]
        for worker in workers:
            said, _ = worker.communicate(timeout=120)
            assert (worker.returncode, said) == (0, "")
        it.assert_true(days)
        assert_empty_ranges_are_true(it)


@pytest.mark.scenario
def test_closing_the_iterator_leaves_no_thread_behind_and_nothing_half_written(warehouse: Warehouse) -> None:
    """A run that is stopped in its middle ends at the next slice; repeated it is as if it had run once."""
    spec = WorldSpec(seed=12, companies=4, days=6, people=5)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day, latency_ms=3) as it:
        companies = it.walk()
        before = threading.active_count()
        outcomes = it.refresher().refresh(dict.fromkeys(companies, days))
        next(outcomes)
        outcomes.close()
        ours = [t.name for t in threading.enumerate() if t.name.startswith(("company-", "sequel_"))]
        assert ours == []
        assert threading.active_count() <= before + 1
        assert_nothing_is_half_written(it, days)
        assert failures(it.refresh(days)) == []
        it.assert_true(days)
        assert it.problems() == []


def test_a_refresh_of_an_older_hour_is_dropped(warehouse: Warehouse) -> None:
    """The newest hour wins, whoever commits last."""
    world = world_of(event("e", "kid", at(8, 12), [Attendance(ADA, live=[(at(8, 12), 170)])]))
    with platform(world, warehouse) as it:
        it.refresh()
        before = dump_of_slices(warehouse)
        it.sandbox.clock.advance(timedelta(hours=-1))
        landed = [o for o in it.refresh() if o.dataset in {"event_participants", "event_concurrency"}]
        assert {outcome.verdict for outcome in landed} == {SliceStatus.SUPERSEDED}
        assert_equal_tables(dump_of_slices(warehouse), before)
