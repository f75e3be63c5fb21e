"""`sequel-assets backfill --workers`: companies side by side, each in a process, as people call it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.backfill.pool import DAYS_EACH, worker_count
from sequel_assets.cli.backfill.progress import Estimate
from sequel_assets.cli.support.signals import signals_deferred, stoppable
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import Clock, Fault, Sandbox
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import problems
from sequel_assets_tests.cli.checkout import tables
from sequel_assets_tests.pipeline.faults.test_kills import workers_of
from sequel_assets_tests.support.commands.calls import environment, run_command, start_command
from sequel_assets_tests.support.small_world import NOW, PERSONAL, small_world
from sequel_assets_tests.support.stage import rows_of
from sequel_assets_tests.support.suite.scale import some

pytestmark = pytest.mark.slow

SIDE_BY_SIDE = ["backfill", "--from", "2026-03-01", "--to", "2026-03-03", "--workers", "2"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, so that its requests can be counted."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        yield made


def url_in(folder: Path) -> str:
    """The warehouse of a folder in which the command was called."""
    return f"sqlite:///{folder / '.sequel' / 'warehouse.db'}"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """The tables that one process makes."""
    folder = tmp_path_factory.mktemp("one")
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        done = run_command([*SIDE_BY_SIDE[:-1], "1"], folder, environment(made))
    assert done.returncode == 0, done.stderr
    return tables(url_in(folder))


def start(folder: Path, sandbox: Sandbox) -> subprocess.Popen[str]:
    """Start the command."""
    folder.mkdir(exist_ok=True)
    return start_command(SIDE_BY_SIDE, folder, environment(sandbox))


def tokens(sandbox: Sandbox) -> int:
    """How many were asked for."""
    return sum("/oauth/token" in request.path for request in sandbox.requests)


@pytest.mark.scenario
def test_processes_come_to_the_tables_of_one_and_to_one_token_each(
    sandbox: Sandbox, truth: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    """A line per company, then the table; nobody's name is said."""
    folder = tmp_path / "two"
    folder.mkdir()
    done = run_command(SIDE_BY_SIDE, folder, environment(sandbox), is_fresh=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert tables(url_in(folder)) == truth
    assert tokens(sandbox) == 3
    line = re.compile(r"^([a-z-]+)\.[0-9a-f]{8}: (\d+) slices, 0 failed, \d+ requests, run [0-9a-f-]{36}; all: ", re.M)
    slices, whole = {name: int(number) for name, number in line.findall(done.stdout)}, 3 * len(SLICED)
    roll_ups = slices.pop("root") - (whole - 3)  # whoever of the three ends last derives them
    assert slices == {"acme-events": whole, "bolt": whole}
    assert roll_ups in {0, 3}
    shown = re.findall(r"^│ (\w+)\S* +│ +(\d+) │ .* +0 │ +0 │ +0 │$", done.stdout, re.M)
    assert shown == [("root", str(whole)), ("acme", str(whole)), ("bolt", str(whole)), ("all", str(3 * whole))]
    assert [word for word in PERSONAL if word in done.stdout.lower()] == []


def test_workers_that_die_fail_their_companies_by_name_and_are_replaced(
    sandbox: Sandbox, truth: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    """Exit 1; the next call does what is left."""
    asked = threading.Event()
    sandbox.api.on_request = lambda request: asked.set() if "e-acme/top-participants" in request.path else None
    sandbox.faults.always("*e-acme/top-participants*", "slow")
    folder = tmp_path / "dies"
    process = start(folder, sandbox)
    assert asked.wait(120)
    for worker in workers_of(process.pid):
        worker.kill()
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 1, (said, errors)
    assert re.search(
        r"^acme-events\.[0-9a-f]{8}: its worker process was killed \(SIGKILL\); what it had committed stays; run the same command again$",
        errors,
        re.MULTILINE,
    )
    sandbox.api.on_request = None
    sandbox.faults.clear()
    done = run_command(SIDE_BY_SIDE, folder, environment(sandbox))
    assert done.returncode == 0, done.stderr
    assert tables(url_in(folder)) == truth
    assert rows_of(url_in(folder), problems) == []


@pytest.mark.parametrize("number", some([signal.SIGINT], [signal.SIGINT, signal.SIGKILL]))
def test_whatever_ends_the_command_ends_its_workers(number: signal.Signals, sandbox: Sandbox, tmp_path: Path) -> None:
    """In bounded time, whether it could tell them or not; exit 130 where it could."""
    asked = threading.Event()
    sandbox.api.on_request = lambda request: asked.set() if "top-participants" in request.path else None
    sandbox.faults.always("*top-participants*", Fault("slow", seconds=0.3))
    process = start(tmp_path / "ended", sandbox)
    assert asked.wait(120)
    others = psutil.Process(process.pid).children(recursive=True)
    assert len(workers_of(process.pid)) == 2
    process.send_signal(number)
    said, errors = process.communicate(timeout=120)
    assert psutil.wait_procs(others, timeout=60)[1] == []
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130, (said, errors)
        assert errors.splitlines() == ["stopped; what was committed stays, and the same command continues from there"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_asks_for_an_end_stops_alike(number: signal.Signals) -> None:
    """Afterwards it does what it did before."""
    before = signal.getsignal(number)
    with stoppable(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_a_signal_while_garbage_is_collected_still_stops(capsys: pytest.CaptureFixture[str]) -> None:
    """Python would print a traceback and go on."""

    class Garbage:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def collect_and_go_on() -> None:
        Garbage()
        time.sleep(60)

    with stoppable(), pytest.raises(KeyboardInterrupt):
        collect_and_go_on()
    assert capsys.readouterr().err == ""


def test_a_signal_waits_until_a_process_that_is_being_started_is_known() -> None:
    """Else it would belong to nobody; and it can still be ended gently, for no signal is blocked in it."""
    made = []

    def start_while_it_comes() -> None:
        with signals_deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            made.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))

    with stoppable(), pytest.raises(KeyboardInterrupt):
        start_while_it_comes()
    made[0].terminate()
    assert made[0].wait(30) == -signal.SIGTERM


def test_a_sign_in_that_is_refused_in_the_middle_ends_all_with_3(sandbox: Sandbox, tmp_path: Path) -> None:
    """One line says why; the other companies are not begun."""
    sandbox.faults.always("*top-participants*", "http_401")
    folder = tmp_path / "refused"
    folder.mkdir()
    done = run_command(SIDE_BY_SIDE, folder, environment(sandbox))
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stderr.splitlines()[-1].endswith("nothing half-written; run the same command again when that is fixed")
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------ decisions


def task(number: int, days: int = 365) -> Task:
    """A company with that many days."""
    first = date(2026, 1, 1)
    company = KnownCompany(f"c{number}", f"c{number}.00000000", "C", None, 0, None)
    return Task(company, first, date.fromordinal(first.toordinal() + days - 1), {})


def test_there_are_no_more_workers_than_there_is_work_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default one per core, up to four, each with enough days."""
    for cores, tasks, expected in [
        (2, [task(n) for n in range(50)], 2),
        (64, [task(n) for n in range(50)], 4),
        (4, [task(1)], 1),
        (4, [task(1, DAYS_EACH), task(2, DAYS_EACH - 1)], 1),
        (4, [task(1, DAYS_EACH), task(2, DAYS_EACH)], 2),
        (4, [], 1),
    ]:
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert worker_count(None, tasks, 8) == expected, (cores, len(tasks))


def test_the_estimate_is_what_the_others_cost_for_each_of_their_events() -> None:
    """Nothing is said before there is something to guess from; nothing is left at the end."""
    guess = Estimate({"c1": 9, "c2": 19, "c3": 4})
    assert (guess.requests, guess.left, guess.seconds_left(1)) == (0, None, None)
    guess.receive(ProgressUpdate("c1", 0, 5, None))
    assert (guess.requests, guess.left) == (5, None)
    guess.receive(ProgressUpdate("c1", 0, 20, 80))
    assert (guess.requests, guess.left) == (20, 80 + 200 + 50)
    assert guess.seconds_left(2) == 33
    guess.receive(CompanyResult(task(1), requests=100, counts=Counter()))
    guess.receive(ProgressUpdate("c2", 0, 30, None))
    assert (guess.requests, guess.left) == (130, 170 + 50)
    guess.receive(CompanyResult(task(2), requests=150))
    guess.receive(CompanyResult(task(3), requests=50))
    assert (guess.requests, guess.left) == (300, 0)
