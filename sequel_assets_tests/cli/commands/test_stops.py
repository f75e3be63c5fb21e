"""A backfill that is stopped or killed: what it says, what it leaves, and that the next call completes it."""

import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import ExitStack, closing

import psutil
import pytest

from sequel_assets.sandbox import Fault, Sandbox
from sequel_assets_tests.cli.checkout import RANGE, Checkout, tables
from sequel_assets_tests.support.command_server import forked_commands
from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment
from sequel_assets_tests.support.small_world import ACME

pytestmark = pytest.mark.slow


def when_requested(sandbox: Sandbox, path: str) -> threading.Event:
    """An event that is set once somebody asks for a path."""
    asked = threading.Event()
    sandbox.api.on_request = lambda request: asked.set() if path in request.path else None
    return asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backfill_that_is_stopped_says_so_and_the_next_call_completes(
    number: signal.Signals, whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """Ctrl-C in the first company ends the whole command, not just that company's run."""
    asked = when_requested(sandbox, "top-participants")
    sandbox.faults.always("*top-participants*", Fault("slow", seconds=0.3))
    process = checkout.start(*RANGE)
    assert asked.wait(120)
    process.send_signal(number)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 130, (said, errors)
    assert re.search(
        r"^[a-z-]+\.[0-9a-f]{8}: stopped after \d+ of \d+ slices, which stay, 0 failed, \d+ requests, run ", said, re.M
    )
    assert errors.splitlines() == ["stopped; what was committed stays, and the same command continues from there"]
    statuses = checkout.runs()
    assert len(statuses) < 3
    assert statuses[0] == "CANCELED"
    if number == signal.SIGINT:
        sandbox.faults.clear()
        assert checkout.call(*RANGE).returncode == 0
        assert tables(checkout.url) == tables(whole.url)


IMPATIENT = """
import dagster._core.storage.event_log.sqlite.sqlite_event_log as events, dagster._core.storage.runs.sqlite.sqlite_run_storage as runs
events.SQLITE_BUSY_TIMEOUT_SECONDS = runs.SQLITE_BUSY_TIMEOUT_SECONDS = 0.2
from sequel_assets.cli import app
app.main()
"""
"""`sequel-assets` whose Dagster waits a fifth of a second for its databases instead of half a minute."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM] * 2, []], ids=["Ctrl-C", "twice", "no stop"])
def test_a_stop_while_dagsters_storage_is_locked_is_told_in_one_line(
    signals: list[signal.Signals], checkout: Checkout, sandbox: Sandbox
) -> None:
    """Dagster would print the event that it cannot store, and a traceback of 170 lines; without a stop it is a failure, told once."""
    asked = when_requested(sandbox, "top-participants")
    sandbox.faults.always("*top-participants*", Fault("slow", seconds=0.5))
    process = subprocess.Popen(
        [COMMAND[0], "-c", IMPATIENT, *RANGE, "--company", ACME],
        cwd=checkout.folder,
        env=clean_environment(**checkout.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.wait(120)
    home = checkout.folder / ".sequel" / "dagster"
    with ExitStack() as locked:
        for path in home.rglob("*.db"):
            if path.name in {"index.db", "runs.db"}:
                held = locked.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=10)))
                held.execute("BEGIN EXCLUSIVE")
        for number in signals:
            process.send_signal(number)
            time.sleep(0.1)
        said, errors = process.communicate(timeout=120)
    assert [word for word in ("Traceback", "INSERT", "parameters", "sqlalche") if word in said + errors] == [], errors
    if signals:
        assert (process.returncode, errors.splitlines()) == (
            130,
            ["stopped; what was committed stays, and the same command continues from there"],
        ), (said, errors)
        return
    assert process.returncode in {1, 2}, (said, errors)
    assert [
        line for line in errors.splitlines() if "Dagster cannot keep its runs: it is locked by another process" in line
    ]


def test_a_backfill_that_is_killed_is_repeated_as_if_it_had_run_once(
    whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """Its run is not under way for ever: the next command marks it as failed."""
    asked = when_requested(sandbox, "e-acme/top-participants")
    sandbox.faults.always("*e-bolt/top-participants*", "slow")
    process = checkout.start(*RANGE)
    assert asked.wait(120)
    process.kill()
    process.communicate()
    assert "STARTED" in checkout.runs()
    sandbox.faults.clear()
    assert checkout.call(*RANGE).returncode == 0
    assert tables(checkout.url) == tables(whole.url)
    assert sorted(set(checkout.runs())) == ["FAILURE", "SUCCESS"]


def test_no_process_is_left_behind() -> None:
    """Whatever was started above has ended."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    assert [child.cmdline() for child in mine if "sequel_assets.cli" in child.cmdline()] == []
    assert forked_commands() == []
