"""Kill -9 at random moments: nothing is lost, doubled or without its bookkeeping, and the next call goes on from there.

`make kills` has 300 kills on each database and 10 of the real command; the suite has a few of the former (and one of the command in `cli/commands/test_stops.py`).
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.faults.kill_processes import (
    Undisturbed,
    assert_only_the_rest_was_requested,
    committed,
    kill_at,
    questions,
    start,
)
from sequel_assets_tests.support.backfill_processes import (
    assert_empty_ranges_are_true,
    assert_nothing_is_half_written,
)
from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment
from sequel_assets_tests.support.harness import PlatformUnderTest, platform
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, dump_of_slices, owners_of
from sequel_assets_tests.support.suite.scale import scaled

KILLS = scaled(3, 300, "KILLS")
REAL_KILLS = 10
SPEC = WorldSpec(companies=3, days=8, people=5, hub_every=3)
KILLS_EACH = 4
"""A backfill is killed so often before it may come to its end."""


@pytest.fixture
def clean(engine_kind: str, new_warehouse: Callable[[str], Warehouse]) -> Callable[[int], Undisturbed]:
    """One undisturbed backfill of a world."""
    known: dict[int, Undisturbed] = {}

    def of(seed: int) -> Undisturbed:
        if seed not in known:
            warehouse = new_warehouse(engine_kind)
            with platform(build_world(_spec(seed)), warehouse, start=SPEC.first_day) as it:
                it.walk()
                before = it.sandbox.requests.count
                process = start(it, days_between(SPEC.first_day, SPEC.last_day))
                process.join()
                assert process.exitcode == 0
                asked = it.sandbox.requests.count - before
                known[seed] = Undisturbed(dump_of_slices(warehouse), asked, questions(it.sandbox, before))
            warehouse.dispose()
        return known[seed]

    return of


def _spec(seed: int) -> WorldSpec:
    return WorldSpec(seed=seed, companies=SPEC.companies, days=SPEC.days, people=SPEC.people, hub_every=SPEC.hub_every)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_refresh_that_is_killed_goes_on_from_what_was_committed(
    engine_kind: str,
    new_warehouse: Callable[[str], Warehouse],
    clean: Callable[[int], Undisturbed],
) -> None:
    """Nothing half-written after any kill; in the end the tables of an undisturbed run, byte for byte.

    What was committed is not asked about again, nor what is remembered to be empty: every question of the next call is
    about a day of its company that had no slice yet. Nor are more requests made than were left.
    """
    rng, days = random.Random(7), days_between(SPEC.first_day, SPEC.last_day)
    kills = begun = again = most = 0
    while kills < KILLS:
        begun += 1
        seed = begun % 5
        whole = clean(seed)
        needed = whole.requests
        warehouse = new_warehouse(engine_kind)
        how = rng.choice([("by-day",), ()])
        with platform(build_world(_spec(seed)), warehouse, start=SPEC.first_day, latency_ms=2) as it:
            it.walk()
            made = 0
            for attempt in range(KILLS_EACH + 1):
                since, done = it.sandbox.requests.count, committed(it)
                process = start(it, days, *how)
                is_last = attempt == KILLS_EACH or kills >= KILLS
                if is_last:
                    process.join()
                    assert process.exitcode == 0
                else:
                    kills += kill_at(
                        it,
                        process,
                        rng.randrange(1, max(2, needed - made)),
                        rng.choice((0, rng.random() / 20, rng.random() / 4)),
                    )
                asked = it.sandbox.requests.count - since
                made += asked
                assert asked <= whole.left(owners_of(it.world), done)
                assert_only_the_rest_was_requested(it, since, done, days)
                assert_nothing_is_half_written(it, days)
                assert_empty_ranges_are_true(it)
                if is_last or process.exitcode == 0:
                    break
            else:
                raise AssertionError("unreachable")
            process = start(it, days, *how)
            process.join()
            assert process.exitcode == 0
            it.assert_true(days)
            assert it.problems() == []
            assert_equal_tables(dump_of_slices(warehouse), whole.tables)
            again, most = again + made - needed, max(most, made - needed)
        warehouse.dispose()
    print(  # noqa: T201 - for `make kills`
        f"{engine_kind}: {kills} kills in {begun} backfills of {needed} requests or so: "
        f"{again / kills:.1f} requests asked again per kill; at most {most} in a backfill killed {KILLS_EACH} times"
    )


@pytest.mark.scenario
@pytest.mark.timeout(7200)
def test_a_real_backfill_that_is_killed_goes_on_too(
    engine_kind: str, new_warehouse: Callable[[str], Warehouse], tmp_path: Path
) -> None:
    """The command with two workers, killed itself or in one of them: no process stays behind, and the same in the end.

    They take turns; the first is the command on SQLite, and a worker on PostgreSQL.
    """
    turn = ("sqlite", "postgresql").index(engine_kind)
    rng = random.Random(11)
    for number in range(REAL_KILLS):
        warehouse = new_warehouse(engine_kind)
        folder = tmp_path / str(number)
        folder.mkdir()
        with platform(build_world(_spec(3)), warehouse, start=SPEC.first_day, latency_ms=10) as it:
            kill_and_repeat(it, folder, rng.randrange(8, 150), kills_a_worker=bool((number + turn) % 2))
        warehouse.dispose()
    print(f"{engine_kind}: {REAL_KILLS} kills of sequel-assets backfill")  # noqa: T201 - for `make kills`


def workers_of(process_id: int) -> list[psutil.Process]:
    """Return the worker processes of a command."""
    found = []
    for child in psutil.Process(process_id).children(recursive=True):
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def kill_and_repeat(it: PlatformUnderTest, folder: Path, requests: int, *, kills_a_worker: bool) -> None:
    """Kill the command (or a worker of it) after so many requests, look at what is left, and call it again."""
    days = days_between(SPEC.first_day, SPEC.last_day)
    told = it.sandbox.environment() | {
        "SEQUEL_PERSON_KEY": KEY,
        "SEQUEL_START_DATE": SPEC.first_day.isoformat(),
        "SEQUEL_NOW": it.clock().isoformat(),
        "SEQUEL_WAREHOUSE_URL": it.warehouse.url.render_as_string(hide_password=False).replace("+psycopg", ""),
    }
    command = [*COMMAND, "backfill", "--from", str(days[0]), "--to", str(days[-1]), "--workers", "2"]
    process = subprocess.Popen(
        command, cwd=folder, env=clean_environment(**told), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    workers: list[psutil.Process] = []
    while process.poll() is None and (it.sandbox.requests.count < requests or (kills_a_worker and not workers)):
        workers = workers_of(process.pid)
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()[0]
    family = psutil.Process(process.pid).children(recursive=True)
    (workers[0] if kills_a_worker else process).kill()
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode == (1 if kills_a_worker else -signal.SIGKILL), said
    assert ("its worker process was killed (SIGKILL)" in said) == kills_a_worker
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert_nothing_is_half_written(it, days)
    assert_empty_ranges_are_true(it)
    since, done = it.sandbox.requests.count, committed(it)
    again = subprocess.run(
        command, cwd=folder, env=clean_environment(**told), capture_output=True, text=True, check=False, timeout=300
    )
    assert again.returncode == 0, again.stderr
    assert_only_the_rest_was_requested(it, since, done, days)
    it.assert_true(days)
    assert it.problems() == []
