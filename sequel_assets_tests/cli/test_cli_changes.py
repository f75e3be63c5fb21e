"""The commands for history that moves: status with what is late, backfill --force, accept, exclude, changes."""

import json
import os
import pty
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.sandbox import Attendance, Clock, Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    companies,
    event_participants,
    exclusions,
    problems,
    refreshes,
    restatements,
)
from sequel_assets_tests.cli.test_cli import Checkout
from sequel_assets_tests.support.stage import (
    ACME,
    BOLT,
    COMMAND,
    PERSONAL,
    ROOT,
    YVO,
    ZOE,
    at,
    clean_environment,
    rows_of,
    small_world,
)

pytestmark = pytest.mark.slow

LATER = at(4, 15, 7)
"""1 March is final by then, 2 March is not."""
DAYS = ["--from", "2026-03-01", "--to", "2026-03-04"]
FIRST_DAY = ["--from", "2026-03-01", "--to", "2026-03-01"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all; each test leaves it as it was."""
    with Sandbox(small_world(), clock=Clock.pinned(LATER)) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(sandbox: Sandbox) -> Iterator[None]:
    attendance = sandbox.world.event("e-acme").rows
    yield
    sandbox.faults.clear()
    sandbox.api.on_request = None
    sandbox.world.restate("e-acme", attendance)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder with the whole world backfilled. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole") / "checkout"
    folder.mkdir()
    made = Checkout(folder, sandbox)
    done = made.call("backfill", *DAYS)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def checkout(tmp_path: Path, whole: Checkout, sandbox: Sandbox) -> Checkout:
    """A copy of it."""
    folder = tmp_path / "checkout"
    shutil.copytree(whole.folder, folder)
    return Checkout(folder, sandbox)


def key_of(checkout: Checkout, company_id: str) -> str:
    """The partition key of a company."""
    return next(str(row[1]) for row in rows_of(checkout.url, companies) if row[0] == company_id)


def status_of(checkout: Checkout, **told: str) -> tuple[int, dict[str, Any]]:
    """What `status --json` answers."""
    done = checkout.quickly("status", "--json", **told)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def changes_of(checkout: Checkout, since: str) -> list[dict[str, Any]]:
    """What `changes --json` answers."""
    done = checkout.quickly("changes", "--since", since, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["since"] == since
    return list(told["changes"])


def facts_of(checkout: Checkout, company_id: str, day: date) -> list[tuple[Any, ...]]:
    """The stored minutes of a company and day."""
    return [row for row in rows_of(checkout.url, event_participants) if row[:2] == (company_id, day)]


def requested_events(sandbox: Sandbox) -> list[str]:
    """The events' analytics that are asked for from now on."""
    paths: list[str] = []

    def note(request: Any) -> None:
        if "top-participants" in request.path:
            paths.append(request.path)

    sandbox.api.on_request = note
    return paths


# ------------------------------------------------------------------ status: what is late


def test_status_says_what_is_late_and_exits_1(whole: Checkout) -> None:
    """The hour that nobody refreshed is owed; within the allowance it is not yet."""
    code, told = status_of(whole, SEQUEL_NOW="2026-03-04T16:34:00Z")
    assert (code, told["late"]) == (0, [])
    code, told = status_of(whole, SEQUEL_NOW="2026-03-04T16:35:00Z")
    assert code == 1
    names = [dataset.name for dataset in SLICED if dataset.name not in AT_CLOSE_NAMES]
    keys = [company["company"] for company in told["companies"]]
    assert [(late["company"], late["dataset"]) for late in told["late"]] == [
        (key, name) for key in keys for name in names
    ]
    assert told["late"][0] == {
        "company": keys[0],
        "dataset": names[0],
        "day": "2026-03-04",
        "owes": "2026-03-04T16:00:00+00:00",
        "covers": "2026-03-04T15:00:00+00:00",
        "rule": "hour",
    }


def test_status_shows_the_first_twenty_that_are_late_and_the_count(whole: Checkout) -> None:
    """Three days later: 2 and 3 March are not final, 4 March is not closed, 5 to 7 March are not there at all; 7 March is open and owes its insights nothing yet."""
    done = whole.quickly("status", SEQUEL_NOW="2026-03-07T12:00:00Z")
    assert (done.returncode, done.stderr) == (1, "")
    late = 3 * (6 * len(SLICED) - len(AT_CLOSE_NAMES))
    section = done.stdout.partition(f"Late: {late} slices")[2]
    assert f"and {late - 20} more; all of them: sequel-assets status --json" in section
    rows = section.partition(" more;")[0]
    assert len(re.findall(r"^│ ", rows, re.MULTILINE)) == 20
    for words in ("2026-03-02", "2026-03-05T00:00:00+00:00", "2026-03-07", "2026-03-07T11:00:00+00:00"):
        assert words in rows


# ------------------------------------------------------------------ held days


def test_a_held_day_is_told_and_accepted_by_its_owner_alone(checkout: Checkout, sandbox: Sandbox) -> None:
    """A final day that comes back empty: skipped, then held by --force, then let through by accept; changes lists it."""
    day, acme = date(2026, 3, 1), key_of(checkout, ACME)
    before = facts_of(checkout, ACME, day)
    assert sum(row[-1] for row in before) == 40
    sandbox.world.restate("e-acme", [])
    asked = requested_events(sandbox)
    done = checkout.call("backfill", *FIRST_DAY, "--company", acme)
    assert (done.returncode, asked, facts_of(checkout, ACME, day)) == (0, [], before), done

    done = checkout.call("backfill", *FIRST_DAY, "--company", acme, "--force")
    assert done.returncode == 1
    assert asked != []
    assert f"failed: {acme} 2026-03-01 event_participants: held: the day is final" in done.stderr
    assert facts_of(checkout, ACME, day) == before
    code, told = status_of(checkout)
    assert (code, told["late"]) == (0, [])  # it is not late: it is held
    (problem,) = [problem for problem in told["problems"] if problem["dataset"] == "event_participants"]
    assert (problem["company"], problem["day"]) == (acme, "2026-03-01")
    assert "sequel-assets accept" in problem["reason"]
    assert rows_of(checkout.url, restatements) == []

    done = checkout.call("accept", "--company", " Acme | Events ", *FIRST_DAY)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "Changed" in done.stdout
    assert facts_of(checkout, ACME, day) == []
    assert rows_of(checkout.url, problems) == []
    found = changes_of(checkout, "2026-03-04")
    assert {(change["company"], change["day"]) for change in found if change["dataset"] != "company_rollup"} == {
        (acme, "2026-03-01")
    }
    rolled_up = {change["company"] for change in found if change["dataset"] == "company_rollup"}
    assert rolled_up == {acme, key_of(checkout, ROOT)}
    numbers = {(change["dataset"], change["key"], change["column"]): (change["from"], change["to"]) for change in found}
    assert numbers["event_participants", "e-acme", "engaged_minutes"] == (40, 0)
    assert numbers["event_participants", "e-acme", "people"] == (2, 0)
    assert numbers["daily_usage", "all", "engaged_minutes"] == (40, 0)
    assert {change["seen_at"] for change in found} == {"2026-03-04T15:07:00+00:00"}
    assert len({change["run_id"] for change in found}) == 1
    shown = checkout.quickly("changes", "--since", "2026-03-04").stdout
    assert [word for word in PERSONAL if word in (done.stdout + shown).lower()] == []
    for words in ("event_participants", "e-acme", "engaged_minutes", found[0]["run_id"]):
        assert words in shown
        assert words in done.stdout


def test_a_smaller_change_of_a_final_day_needs_nobodys_leave(checkout: Checkout, sandbox: Sandbox) -> None:
    """It is taken by --force and recorded."""
    sandbox.world.restate("e-acme", [Attendance(ZOE, live=[(at(1, 9), 33)]), Attendance(YVO, live=[(at(1, 9, 5), 10)])])
    done = checkout.call("backfill", *FIRST_DAY, "--company", ACME, "--force")
    assert done.returncode == 0, done.stderr
    assert [
        row[-2:]
        for row in rows_of(checkout.url, restatements)
        if row[1:5:3] == ("event_participants", "engaged_minutes")
    ] == [(40, 43)]


# ------------------------------------------------------------------ exclude


def test_a_ghost_is_ruled_out_and_taken_back_in(checkout: Checkout, sandbox: Sandbox) -> None:
    """Its slices fail until it is ruled out; its stored rows stay; status shows it; undone it is asked again."""
    day, bolt = date(2026, 3, 3), key_of(checkout, BOLT)
    before = facts_of(checkout, BOLT, day)
    force = ["backfill", "--from", "2026-03-03", "--to", "2026-03-04", "--company", "Bolt", "--force"]
    sandbox.faults.always("*e-bolt/top-participants*", "http_404")
    assert checkout.call(*force, SEQUEL_RETRY_BUDGET_SECONDS="0.1").returncode == 1
    assert "e-bolt" in {row[3] for row in rows_of(checkout.url, problems)}

    done = checkout.quickly("exclude", "--company", bolt, "--event", "e-bolt", "--reason", " never\n [b]answers[/b] ")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"e-bolt of {bolt} is ruled out: it is not asked any more, and status shows it. Its stored rows stay and count; "
        "its problems go with the next refresh of their days, at their close or by sequel-assets backfill (--force where they are final).\n"
    )
    excluded = {
        "company": bolt,
        "event_id": "e-bolt",
        "reason": "never [b]answers[/b]",
        "since": "2026-03-04T15:07:00+00:00",
    }
    assert status_of(checkout)[1]["excluded"] == [excluded]
    shown = checkout.quickly("status").stdout.partition("Excluded: events ruled out")[2]
    assert "never [b]answers[/b]" in shown
    done = checkout.call(*force)
    assert done.returncode == 0, done.stderr
    assert facts_of(checkout, BOLT, day) == before != []
    assert rows_of(checkout.url, problems) == []

    done = checkout.quickly("exclude", "--company", "Bolt", "--event", "e-bolt", "--undo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"e-bolt of {bolt} is taken back in: ")
    assert rows_of(checkout.url, exclusions) == []


# ------------------------------------------------------------------ changes


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


# ------------------------------------------------------------------ bad input

BAD: list[tuple[list[str], Callable[[str, str], str]]] = [
    (["changes", "--since", "2026-03-05"], lambda a, b: "--since 2026-03-05 is in the future; the last day there can be is 2026-03-04 (UTC)"),
    (["changes", "--since", "March\n3"], lambda a, b: "--since March 3: it must be a day (UTC) such as 2026-11-23, without time or zone"),
    (["accept", "--company", "Bolt", "--from", "2026-03-02", "--to", "2026-03-01"],
     lambda a, b: "--from 2026-03-02 is after --to 2026-03-01; give the earlier day first"),
    (["accept", "--company", "Blot", *FIRST_DAY], lambda a, b: "--company Blot: there is no such company; known are "),
    (["exclude", "--company", "Blot", "--event", "e-bolt", "--reason", "x"], lambda a, b: "--company Blot: there is no such company; known are "),
    (["exclude", "--company", "Bolt", "--event", "e-bolt"], lambda a, b: "--reason: say in a few words why"),
    (["exclude", "--company", "Bolt", "--event", "e-bolt", "--reason", " \n"], lambda a, b: "--reason: say in a few words why"),
    (["exclude", "--company", "Bolt", "--event", "e-blot", "--reason", "x"],
     lambda a, b: f"--event e-blot: {b} has no such event; the table events has the ids and names of all (company_id is bolt), and status names"),
    (["exclude", "--company", "Bolt", "--event", "e-acme", "--reason", "x"],
     lambda a, b: f"--event e-acme: {b} has no such event; it belongs to {a}; the table events"),
    (["exclude", "--company", "Bolt", "--event", "e-bolt", "--undo"], lambda a, b: f"--event e-bolt: {b} has not ruled it out; ruled out are: none"),
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
            "the warehouse sqlite:///.sequel/warehouse.db is not there yet; run: sequel-assets backfill, or sequel-assets migrate"
        ]
    assert list(folder.iterdir()) == []


# ------------------------------------------------------------------ progress


def test_a_terminal_shows_a_bar_per_company_with_rate_and_time_left(checkout: Checkout) -> None:
    """And one over all of them."""
    terminal, theirs = pty.openpty()
    said: list[bytes] = []

    def listen() -> None:
        try:
            while piece := os.read(terminal, 65536):
                said.append(piece)
        except OSError:  # the other end is closed
            pass

    told = clean_environment(**checkout.env, TERM="xterm-256color", COLUMNS="140")
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
    _, errors = process.communicate(timeout=60)
    listener.join(10)
    os.close(terminal)
    assert (process.returncode, errors) == (0, b"")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(said).decode()).replace("\r", "\n")
    each = len(SLICED)
    bars = re.findall(r"^(\S+)[^\r\n]*? (\d+)/(\d+) +([\d,]+) requests(.*?) +0:\d\d:\d\d *$", plain, re.MULTILINE)
    totals = {name: int(total) for name, _, total, _, _ in bars}
    assert totals == {"all": 3 * each} | {str(row[1]): each for row in rows_of(checkout.url, companies)}
    (_, done, _, requests, words) = [bar for bar in bars if bar[0] == "all"][-1]
    assert (int(done), int(requests) > 0) == (3 * each, True)
    assert re.fullmatch(r", [\d,]+/s, about 0 left, 0:00:00", words), words
