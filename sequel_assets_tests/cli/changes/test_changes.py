"""`sequel-assets changes`: what was restated, the newest first; and the bars of a terminal."""

import os
import pty
import re
import subprocess
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    companies,
    event_participants,
    exclusions,
    refreshes,
    restatements,
)
from sequel_assets_tests.cli.changes.helpers import FIRST_DAY, changes_of, key_of
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment
from sequel_assets_tests.support.small_world import ACME, BOLT, at
from sequel_assets_tests.support.stage import rows_of

pytestmark = pytest.mark.slow


def restated(number: int, seen_at: datetime, to: float = 2) -> dict[str, Any]:
    """A restatement."""
    return {
        "company_id": ACME, "dataset": "daily_usage", "day": date(2026, 3, 1), "key": f"k{number:03}",
        "column_name": "average_engaged_minutes", "seen_at": seen_at, "from_value": 1.25, "to_value": to, "run_id": None,
    }  # fmt: skip


def test_changes_begin_at_midnight_and_the_newest_come_first(checkout: Checkout) -> None:
    """UTC's; the table has 200 and says how many more there are, JSON has all."""
    midnight = at(3, 0)
    rows = [restated(number, midnight + timedelta(minutes=number)) for number in range(205)]
    warehouse = Warehouse(checkout.url)
    with warehouse.write() as connection:
        connection.execute(sa.insert(restatements), [*rows, restated(999, midnight - timedelta(seconds=1), to=7.5)])
    warehouse.dispose()
    found = changes_of(checkout, "2026-03-03")
    assert [change["key"] for change in found] == [f"k{number:03}" for number in reversed(range(205))]
    assert found[-1] == {
        "dataset": "daily_usage",
        "company": key_of(checkout, ACME),
        "day": "2026-03-01",
        "key": "k000",
        "column": "average_engaged_minutes",
        "from": 1.25,
        "to": 2,
        "seen_at": "2026-03-03T00:00:00+00:00",
        "run_id": None,
    }
    assert [change["to"] for change in changes_of(checkout, "2026-03-02")][-1] == 7.5
    done = checkout.quickly("changes", "--since", "2026-03-03")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"k\d{3}", done.stdout) == [f"k{number:03}" for number in reversed(range(5, 205))]
    assert done.stdout.rstrip().endswith("and 5 more; all of them: sequel-assets changes --since 2026-03-03 --json")
    done = checkout.quickly("changes", "--since", "2026-03-04")
    assert (done.returncode, done.stdout) == (0, "No number of a final day was seen to change since 2026-03-04.\n")


BAD: list[tuple[list[str], Callable[[str, str], str]]] = [
    (["changes", "--since", "2026-03-05"], lambda a, b: "--since 2026-03-05 is in the future; today is 2026-03-04 (UTC)"),
    (["changes", "--since", "March\n3"], lambda a, b: "--since March 3: it must be a day (UTC) such as 2026-11-23, without time or zone"),
    (["accept", "--company", "Bolt", "--from", "2026-03-02", "--to", "2026-03-01"],
     lambda a, b: "--from 2026-03-02 is after --to 2026-03-01; give the earlier day first"),
    (["accept", "--company", "Blot", *FIRST_DAY], lambda a, b: f"--company Blot: there is no such company; did you mean {b}?"),
    (["exclude", "--company", "Blot", "--event", "e-bolt", "--reason", "x"], lambda a, b: f"--company Blot: there is no such company; did you mean {b}?"),
    (["exclude", "--company", "Bolt", "--event", "e-bolt"], lambda a, b: "--reason: say in a few words why"),
    (["exclude", "--company", "Bolt", "--event", "e-bolt", "--reason", " \n"], lambda a, b: "--reason: say in a few words why"),
    (["exclude", "--company", "Bolt", "--event", "e-blot", "--reason", "x"],
     lambda a, b: f"--event e-blot: {b} has no such event; the table events has the ids and names of all (company_id is bolt), and status names"),
    (["exclude", "--company", "Bolt", "--event", "e-acme", "--reason", "x"],
     lambda a, b: f"--event e-acme: {b} has no such event; it belongs to {a}; the table events"),
    (["exclude", "--company", "Bolt", "--event", "e-bolt", "--undo"], lambda a, b: f"--event e-bolt: {b} has not excluded it; excluded are: none"),
]  # fmt: skip


def test_wrong_arguments_are_refused_in_one_line_and_write_nothing(checkout: Checkout) -> None:
    """Exit 2, the value named, and what is allowed."""
    tables = (exclusions, restatements, event_participants, refreshes)

    def kept() -> list[object]:
        slices = [row for row in rows_of(checkout.url, refreshes) if row[2] != NO_DAY]
        return [*(rows_of(checkout.url, table) for table in tables[:-1]), slices]

    before, acme, bolt = kept(), key_of(checkout, ACME), key_of(checkout, BOLT)
    lacking = [["accept", *FIRST_DAY], ["exclude", "--event", "x"]]
    said = [checkout.refused_quickly(2, *arguments) for arguments, _ in BAD]
    assert all(checkout.refused_quickly(2, *arguments) for arguments in lacking)
    for lines, (_, words) in zip(said, BAD, strict=True):
        (line,) = lines
        assert line.startswith(words(acme, bolt)), line
    assert kept() == before


def test_without_tables_it_is_said_what_to_do_and_nothing_is_made(tmp_path: Path, sandbox: Sandbox) -> None:
    """As status does."""
    folder = tmp_path / "empty"
    folder.mkdir()
    empty = Checkout(folder, sandbox)
    commands = (
        ["changes", "--since", "2026-03-01", "--json"],
        ["exclude", "--company", "Bolt", "--event", "e-bolt", "--reason", "x"],
        ["exclude", "--company", "Bolt", "--event", "e-bolt", "--undo"],
    )
    for arguments in commands:
        assert empty.refused_quickly(2, *arguments) == [
            "the warehouse sqlite:///.sequel/warehouse.db does not exist yet; run: sequel-assets backfill, or sequel-assets migrate"
        ]
    assert list(folder.iterdir()) == []


@pytest.mark.scenario
def test_a_terminal_shows_a_bar_per_company_with_rate_and_time_left(checkout: Checkout) -> None:
    """And one over all of them, in 80 columns."""
    terminal, theirs = pty.openpty()
    said: list[bytes] = []

    def listen() -> None:
        try:
            while piece := os.read(terminal, 65536):
                said.append(piece)
        except OSError:  # the other end is closed
            pass

    told = clean_environment(**checkout.env, TERM="xterm-256color", COLUMNS="80")
    process = subprocess.Popen(
        [*COMMAND, "backfill", "--from", "2026-03-04", "--to", "2026-03-04", "--force"],
        cwd=checkout.folder,
        env=told,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    _, errors = process.communicate(timeout=240)
    listener.join(10)
    os.close(terminal)
    assert (process.returncode, errors) == (0, b"")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(said).decode()).replace("\r", "\n")
    each = len(SLICED)
    assert [line for line in plain.splitlines() if "━" in line and len(line) > 80] == []
    bars = re.findall(r"^(\S+)[^\r\n]*? (\d+)/(\d+) +([\d,]+) requests(.*?) +0:\d\d:\d\d *$", plain, re.MULTILINE)
    totals = {name: int(total) for name, _, total, _, _ in bars}
    assert totals == {"all": 3 * each} | {str(row[1]): each for row in rows_of(checkout.url, companies)}
    (_, done, _, requests, words) = [bar for bar in bars if bar[0] == "all"][-1]
    assert (int(done), int(requests) > 0) == (3 * each, True)
    assert re.fullmatch(r"/s, 0:00:00 left", words), words
