"""Days in any order, companies one by one, two at once, killed and repeated: always the same tables."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.outcomes import Verdict
from sequel_assets.sandbox import Attendance, Sandbox, World, WorldSpec, build_world
from sequel_assets.warehouse.engine import Warehouse

from ..reference import Tables, assert_equal_tables, dump_of_slices, expected_tables, read_tables
from .harness import ADA, BO, DAYS, Platform, at, client_of, day, event, failures, platform, world_of

SMALL = settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]]]:
    """A world's seed, and refreshes (company or -1 for all, first day, last day) that may overlap, in any order."""
    steps = draw(
        st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 3), st.integers(0, 3)), max_size=5).map(
            lambda found: [(company, min(a, b), max(a, b)) for company, a, b in found]
        )
    )
    rest = draw(st.permutations([(company, number, number) for company in range(3) for number in range(4)]))
    return draw(st.integers(0, 50)), [*steps, *rest]


@given(plans())
@SMALL
def test_any_order_of_days_and_companies_leaves_the_same_tables(
    engine_kind: str, new_database: Callable[..., str], plan: tuple[int, list[tuple[int, int, int]]]
) -> None:
    """Byte for byte: facts, insights, people, checksums; only when and by whom may differ."""
    seed, steps = plan
    spec = WorldSpec(seed=seed, companies=3, days=4, people=3, events_per_day=0.5, hub_every=2)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    if engine_kind == "postgresql":
        steps = steps[: len(steps) - 12] + sorted(steps[-12:], reverse=bool(seed % 2))[::2] + [(-1, 0, 3)]
    with Sandbox(world) as server, client_of(server) as client:
        tables: list[Tables] = []
        for chosen in ([(-1, 0, 3)], steps):
            warehouse = Warehouse(new_database(engine_kind, migrated=True))
            it = Platform(world, server, client, warehouse, spec.first_day)
            companies = it.walk()
            for company, first, last in chosen:
                it.refresh(days[first : last + 1], companies if company < 0 else [companies[company]], walk=False)
            it.assert_true(days)
            tables.append(dump_of_slices(warehouse))
            warehouse.dispose()
    assert_equal_tables(tables[1], tables[0])


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
        assert {(o.dataset, o.day, o.verdict) for o in bad} == {
            ("event_participants", day(4), Verdict.FAILED),
            ("daily_usage", day(4), Verdict.FAILED),
            *((("lifetime_usage", day(n), Verdict.FAILED if n == 4 else Verdict.WAITING)) for n in range(4, 9)),
        }
        lifetime = read_tables(warehouse)["lifetime_usage"]
        assert sorted({row[1] for row in lifetime if row[0] == "kid"}) == DAYS[:3]
        assert {row[1] for row in lifetime if row[0] == "root"} == set(DAYS)
        why = "not written: 2026-03-04 has no event_participants yet; backfill that day and this one follows by itself"
        waiting = [p for p in it.problems() if p[1] == "lifetime_usage"]
        assert waiting == [("kid", "lifetime_usage", day(n), "", why) for n in range(5, 9)]
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
            for name in ("daily_usage", "lifetime_usage", "peak_concurrency"):
                connection.execute(sa.text(f"DELETE FROM {name}"))
                connection.execute(sa.text(f"DELETE FROM refreshes WHERE dataset = '{name}'"))
        it.sandbox.requests.clear()
        outcomes = list(it.refresher().refresh({"root": DAYS, "kid": DAYS}, asks_sequel=False))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.DONE}
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


def start_worker(it: Platform, first: date, last: date, *more: str) -> subprocess.Popen[str]:
    """Start a backfill as a process."""
    url = it.warehouse.url.render_as_string(hide_password=False)
    given_ = [
        it.sandbox.url,
        url,
        it.clock().isoformat(),
        it.start.isoformat(),
        first.isoformat(),
        last.isoformat(),
        *more,
    ]
    command = [sys.executable, "-W", "error", "-m", "sequel_assets_tests.pipeline.worker", *given_]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_processes_at_once_leave_what_one_does(warehouse: Warehouse) -> None:
    """Both backfill all days of all companies."""
    spec = WorldSpec(seed=4, companies=3, days=5, people=6)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day, latency_ms=2) as it:
        it.walk()
        workers = [start_worker(it, days[0], days[-1]) for _ in (1, 2)]
        for worker in workers:
            said, _ = worker.communicate(timeout=120)
            assert (worker.returncode, said) == (0, "")
        it.assert_true(days)


@pytest.mark.slow
def test_a_backfill_that_is_killed_and_repeated_is_as_if_it_had_run_once(warehouse: Warehouse) -> None:
    """Killed with -9 at five random moments and once between facts and insights."""
    spec = WorldSpec(seed=9, companies=3, days=6, people=6)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    moments = sorted(random.Random(9).sample(range(1, 3 * 6 * 5 - 10), 1 if not warehouse.is_sqlite else 5))
    with platform(world, warehouse, start=spec.first_day, latency_ms=4) as it:
        it.walk()
        worker = start_worker(it, days[0], days[-1], "dies-before-insights")
        worker.communicate(timeout=60)
        assert worker.returncode == -signal.SIGKILL
        assert _count(warehouse) > 0
        for moment in moments:
            worker = start_worker(it, days[0], days[-1])
            _wait_for(warehouse, moment, worker)
            worker.kill()
            worker.communicate()
            _nothing_is_half_written(it, days)
        assert failures(it.refresh(days)) == []
        it.assert_true(days)
        assert it.problems() == []
        killed = dump_of_slices(warehouse)
        assert {outcome.verdict for outcome in it.refresh(days)} == {Verdict.UNCHANGED}
        assert_equal_tables(dump_of_slices(warehouse), killed)


def _count(warehouse: Warehouse) -> int:
    with warehouse.read() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM refreshes WHERE dataset <> 'events'")) or 0)


def _wait_for(warehouse: Warehouse, slices: int, worker: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 30
    while _count(warehouse) < slices and worker.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


def _nothing_is_half_written(it: Platform, days: list[date]) -> None:
    """Every slice that has its bookkeeping has exactly the rows of the truth, and no other has any."""
    found, truth = read_tables(it.warehouse), expected_tables(it.world, days, start=it.start)
    with it.warehouse.read() as connection:
        query = sa.text("SELECT company_id, dataset, day FROM refreshes WHERE dataset <> 'events'")
        there = {(row[0], row[1], str(row[2])) for row in connection.execute(query)}
    for name in ("event_participants", "event_concurrency", "daily_usage", "lifetime_usage", "peak_concurrency"):
        told = [row for row in truth[name] if (row[0], name, str(row[1])) in there]
        assert_equal_tables({name: found[name]}, {name: told})


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
        _nothing_is_half_written(it, days)
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
        assert {outcome.verdict for outcome in landed} == {Verdict.SUPERSEDED}
        assert_equal_tables(dump_of_slices(warehouse), before)
