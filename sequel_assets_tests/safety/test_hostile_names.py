"""Hostile names of people, companies and events, and hostile ids, through every command: nothing of them is obeyed.

What leaves through a terminal or a pipe, in tables, CSV, JSON, errors and Dagster's log of events, holds no control
character but line ends (and tabs in CSV); in a terminal besides those only the styles that are our own.
"""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from sequel_assets.cli import app
from sequel_assets.cli.demo import tables
from sequel_assets.cli.support import tabular, terminal
from sequel_assets.safety.visible import visible
from sequel_assets.sandbox import HUB, Attendance, Clock, Company, Event, Fault, Person, Room, Sandbox, World
from sequel_assets.settings import load
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.commands.calls import (
    COMMAND,
    call_in_process,
    clean_environment,
    environment,
    variables,
)
from sequel_assets_tests.support.harness import PlatformUnderTest, client_of
from sequel_assets_tests.support.hostile_names import HOSTILE, obeyed
from sequel_assets_tests.support.small_world import NOW, at

STYLE, BAR = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[(?:2K|1A|\?25[lh])|\r")
"""What our own styles are made of, and what moves a bar of progress."""
NAMES = [re.sub("[\ud800-\udfff]", "\ufffd", name)[:150] for name in HOSTILE]

AMONG = (0, 2, 4, 18, 19, 30, 38)
"""Of whose names there are companies and events, whose ids are hostile too."""


def world() -> World:
    """A person and a message of each name, companies and events of some."""
    companies = [Company("root", "Root"), *(Company(f"c{n} {NAMES[n]}"[:80], NAMES[n], "root") for n in AMONG)]
    people = [Person(name, f"p{n}@mail.example") for n, name in enumerate(NAMES)]
    talk = {
        "polls": [], "questions": [], "reactions": [{"emoji": name[:99] or "x", "count": 2, "minute": 1} for name in NAMES],
        "chat": [{"messageId": f"m{n}", "userEmail": f"p{n}@mail.example", "name": name, "text": name, "sentAt": "2026-03-01T09:01:00Z"} for n, name in enumerate(NAMES)],
    }  # fmt: skip
    came = [Attendance(person, live=[(at(1, 9), 10 + n)]) for n, person in enumerate(people)]
    main = Event("e-main", "root", NAMES[0], at(1, 9), at(1, 10), attendance=came, talk=talk)
    others = [
        Event(f"e{n} {NAMES[n]}"[:80], company.id, NAMES[n], at(2, 9), at(2, 10), attendance=[Attendance(people[n], live=[(at(2, 9), 9)])])
        for n, company in zip(AMONG, companies[1:], strict=True)
    ]  # fmt: skip
    hub = Event(
        "h", "root", NAMES[3], at(1, 9), at(1, 10), event_type=HUB, attendance=came[:2], rooms=[Room(NAMES[0], 2)]
    )
    return World(companies=companies, events=[main, hub, *others], now=NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with the world's warehouse, of which one event failed; and the environment of its account."""
    place = tmp_path_factory.mktemp("hostile")
    with Sandbox(world(), clock=Clock.pinned(NOW)) as sandbox:
        env = environment(sandbox, f"sqlite:///{place / 'warehouse.db'}") | {"SEQUEL_NOW": "2026-03-03T15:07:00Z"}
        assert call_in_process(["migrate"], place, env).returncode == 0
        warehouse = Warehouse(env["SEQUEL_WAREHOUSE_URL"])
        sandbox.faults.always("*/events/e4 */top-participants*", Fault("http_500"))
        with client_of(sandbox, quick=True) as client:
            it = PlatformUnderTest(sandbox.world, sandbox, client, warehouse)
            it.refresh([at(1, 0).date(), at(2, 0).date(), at(3, 0).date()])
        warehouse.dispose()
        yield place, env


DATES = ["--from", "2026-03-01", "--to", "2026-03-03"]
HOSTILE_KEY = "c0 \x1b]52;c;aG9zdGlsZQ==\x07NAME"
COMMANDS: dict[str, list[str]] = {
    "status": ["status"],
    "status_json": ["status", "--json"],
    "changes": ["changes", "--since", "2026-03-01"],
    "inbox": ["inbox"],
    "inbox_json": ["inbox", "--json"],
    "webhooks": ["webhooks", "status"],
    "exclude": ["exclude", "--company", HOSTILE_KEY, "--event", ("e0 " + NAMES[0])[:80], "--reason", "\x1b[31m[bold]why"],
    "exclude_unknown": ["exclude", "--company", HOSTILE_KEY, "--event", "\x1b]0;x\x07"],
    "unknown_company": ["query", "usage", "--company", "\x1b]0;x\x07\n[red]", *DATES],
    "unknown_option": ["query", "usage", "--\x1b]0;x\x07"],
    "bad_day": ["query", "usage", "--company", "root", "--from", "\x1b[2J", "--to", "x"],
    "bad_number": ["query", "top", "--company", "root", *DATES, "--limit", "\x9b31m"],
    "no_file": ["people", "link", "no\x1b]0;x\x07file"],
    "no_folder": ["query", "usage", "--company", "root", *DATES, "--format", "csv", "--out", "no\x1b[2J/where"],
    "export": ["export", *DATES, "--all", "--with-people", "--company", "root", "--format", "csv", "--to-folder", "out\x1b[31m"],
    "replay": ["replay", "--since", "2026-03-01", "--event", "\x1b]0;x\x07"],
    **{f"{what}_{form}": ["query", what, "--company", "root", *DATES, "--format", form, *more]
       for what, more in {"usage": ["--beneath"], "participants": ["--with-people", "--beneath"], "top": ["--with-people", "--limit", "99"],
                          "peak": [], "rollup": []}.items() for form in ("table", "csv", "json")},
    "usage_of_one": ["query", "usage", "--company", HOSTILE_KEY, *DATES],
    "compare": ["query", "compare", "--company", "root", "--period", "day", "--day", "2026-03-02"],
}  # fmt: skip


def called(arguments: list[str], place: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Call a command in this process; what it writes is taken as bytes, as CSV and JSON are written."""
    kept, err, code = io.BytesIO(), io.StringIO(), 0
    out = io.TextIOWrapper(kept, encoding="utf-8", newline="")
    told = patch.object(sys, "argv", ["sequel-assets", *arguments])
    with variables(clean_environment(**env)), chdir(place), told, redirect_stdout(out), redirect_stderr(err):
        try:
            app.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    out.flush()
    return subprocess.CompletedProcess(arguments, code, kept.getvalue().decode(), err.getvalue())


@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_lets_a_name_be_obeyed(
    folder: tuple[Path, dict[str, str]], name: str, is_terminal: bool, fresh_consoles: Callable[[bool], None]
) -> None:
    """Through a pipe and in a terminal, whose own styles are all that is left there."""
    place, env = folder
    fresh_consoles(is_terminal)
    done = called(COMMANDS[name], place, env)
    assert done.returncode in (0, 1, 2), done.stderr
    said = done.stdout + done.stderr
    assert said
    shown = STYLE.sub("", said) if is_terminal else said
    if name == "export" and is_terminal:
        shown = BAR.sub("", shown)
    found = obeyed(shown, but="\n\r\t" if name.endswith("_csv") else "\n")
    if name.endswith("_csv"):  # data are data: what has no width or turns the text stays in a CSV, controls do not
        found = "".join(sign for sign in found if unicodedata.category(sign) == "Cc")
        assert re.findall("\r(?!\n)", shown) == []
    assert found == ""
    assert "Traceback" not in said


@pytest.fixture
def fresh_consoles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Make the consoles anew: what they write to is a terminal, or none."""

    def make(is_terminal: bool) -> None:
        for of in (terminal.console, terminal.errors):
            of.cache_clear()
        if is_terminal:
            out, err = terminal.SafeConsole(soft_wrap=True, force_terminal=True, width=200), terminal.SafeConsole(stderr=True, soft_wrap=True, force_terminal=True)  # fmt: skip
            for module in [m for m in sys.modules.values() if getattr(m, "__name__", "").startswith("sequel_assets.")]:
                for word, made in (("console", out), ("errors", err)):
                    if getattr(module, word, None) in (terminal.console, terminal.errors):
                        monkeypatch.setattr(module, word, lambda made=made: made)

    yield make
    monkeypatch.undo()
    for of in (terminal.console, terminal.errors):
        of.cache_clear()


def test_every_name_is_shown_and_none_is_lost(folder: tuple[Path, dict[str, str]]) -> None:
    """In a table as its escapes, in a CSV so that it can be read back."""
    place, env = folder
    top = ["query", "top", "--company", "root", *DATES, "--with-people", "--limit", "99", "--format"]
    table = call_in_process([*top, "table"], place, {**env, "COLUMNS": "5000"}).stdout
    rows = list(csv.DictReader(io.StringIO(called([*top, "csv"], place, env).stdout, newline="")))
    told = {tabular.undo(row["name"]) for row in rows}
    expected = {name.replace("\0", "\ufffd").strip() for name in NAMES}
    assert told == expected
    flat = re.sub(r"\s", "", table)
    assert [name for name in expected if re.sub(r"\s", "", visible(name, 30).partition("…")[0]) not in flat] == []


@pytest.mark.scenario
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_real_terminal_is_written_styles_alone(folder: tuple[Path, dict[str, str]], form: str) -> None:
    """As the operating system makes it: the clipboard's sequence and all others come as letters, in a CSV too."""
    place, env = folder
    ours, theirs = pty.openpty()
    arguments = ["query", "top", "--company", "root", *DATES, "--with-people", "--limit", "99", "--format", form]
    process = subprocess.Popen([*COMMAND, *arguments], cwd=place, env=clean_environment(**env, TERM="xterm-256color", COLUMNS="400"), stdout=theirs, stderr=theirs, stdin=theirs)  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert process.wait() == 0
    shown = STYLE.sub("", said.decode())
    assert r"\x1b]52;c;aG9z" in re.sub(r"\s|│", "", shown)
    assert obeyed(shown, but="\r\n") == ""


def test_the_demos_tables_let_no_name_be_obeyed(
    folder: tuple[Path, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of events, and a chat; titles too."""
    _, env = folder
    with variables(env):
        tables.show(load())
    said = capsys.readouterr().out
    assert r"“\x1b]52;c;aG9zdGlsZQ==\x07NAME”" in said
    assert obeyed(said, but="\n") == ""


def test_a_backfill_and_dagsters_log_let_no_id_be_obeyed(folder: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    """What its run logs, and why a slice failed; in the log of events the escapes of JSON are no control characters."""
    _, env = folder
    told = env | {"SEQUEL_WAREHOUSE_URL": f"sqlite:///{tmp_path / 'warehouse.db'}", "SEQUEL_RETRY_BUDGET_SECONDS": "0"}
    done = call_in_process(["backfill", "--from", "2026-03-02", "--to", "2026-03-02", "--company", ("c4 " + NAMES[4])[:80], "--workers", "1"], tmp_path, told)  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "failed: " in done.stderr
    assert obeyed(done.stdout + done.stderr, but="\n") == ""
    for file in (tmp_path / ".sequel" / "dagster").rglob("*.db"):
        with closing(sqlite3.connect(file)) as log:
            names = [name for (name,) in log.execute("SELECT name FROM sqlite_master WHERE name = 'event_logs'")]
            for (event,) in log.execute("SELECT event FROM event_logs") if names else ():
                assert obeyed(str(event)) == ""
                assert "\\u001b" not in str(event)
