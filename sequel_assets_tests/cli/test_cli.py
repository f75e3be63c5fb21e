"""`sequel-assets ...` as people call it: a program of its own, against the sandbox over a socket."""

import json
import os
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import httpx
import psutil
import pytest
import sqlalchemy as sa
import trustme
from typer.testing import CliRunner

from sequel_assets.cli import app
from sequel_assets.cli.commands import sandbox as sandbox_command
from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import HUB, Clock, Company, Fault, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import VERSION_TABLE, migrate, newest
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import NO_DAY, companies, metadata, people, problems, refreshes
from sequel_assets_tests.support.stage import (
    ACME,
    BOLT,
    COMMAND,
    NOW,
    PERSONAL,
    ROOT,
    call_in_process,
    clean_environment,
    environment,
    files_below,
    rows_of,
    run_command,
    small_world,
    variables,
)

pytestmark = pytest.mark.slow

RANGE = ["backfill", "--from", "2026-03-01", "--to", "2026-03-03"]
TABLES = [*SLICED, people, companies]
EACH = 3 * len(SLICED)
"""Slices of a company in that range."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all; each test leaves it as it was."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults.clear()
    sandbox.api.latency_ms = 0
    sandbox.api.on_request = None


class Checkout:
    """A folder where commands are called, with the sandbox's account."""

    def __init__(self, folder: Path, sandbox: Sandbox, **told: str) -> None:
        self.folder, self.env = folder, {**environment(sandbox), **told}
        self.home = folder.parent / f"home of {folder.name}"
        self.home.mkdir()
        self.env["HOME"] = str(self.home)
        self.url = f"sqlite:///{folder / '.sequel' / 'warehouse.db'}"

    def call(self, *arguments: str, **told: str) -> subprocess.CompletedProcess[str]:
        """Call a command to its end."""
        return run_command(list(arguments), self.folder, self.env | told)

    def start(self, *arguments: str, **told: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=clean_environment(**self.env | told),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refused(self, code: int, *arguments: str, **told: str) -> list[str]:
        """Call a command that must be refused without a traceback and without a word on stdout; its lines."""
        return self._refused(self.call(*arguments, **told), code)

    def refused_quickly(self, code: int, *arguments: str, **told: str) -> list[str]:
        """The same within this process."""
        return self._refused(self.quickly(*arguments, **told), code)

    def _refused(self, done: "subprocess.CompletedProcess[str]", code: int) -> list[str]:
        assert (done.returncode, done.stdout) == (code, ""), done
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()

    def quickly(self, *arguments: str, **told: str) -> subprocess.CompletedProcess[str]:
        """Call a command within this process, which spares the seconds that a new one takes to import."""
        return call_in_process(list(arguments), self.folder, self.env | told)

    @contextmanager
    def dagster(self, home: Path | None = None) -> Iterator[dg.DagsterInstance]:
        """Dagster's instance."""
        place = str(home or self.folder / ".sequel" / "dagster")
        with variables({**os.environ, "DAGSTER_HOME": place}), dg.DagsterInstance.from_config(place) as instance:
            yield instance

    def runs(self, home: Path | None = None) -> list[str]:
        """The statuses of Dagster's runs, newest first."""
        with self.dagster(home) as instance:
            return [run.status.value for run in instance.get_runs()]


@pytest.fixture
def checkout(tmp_path: Path, sandbox: Sandbox) -> Checkout:
    """A fresh folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Checkout(folder, sandbox)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder with the whole world backfilled by one undisturbed call; what others must come to. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole") / "checkout"
    folder.mkdir()
    made = Checkout(folder, sandbox)
    made.first = made.call(*RANGE)  # type: ignore[attr-defined]
    assert made.first.returncode == 0, made.first.stderr  # type: ignore[attr-defined]
    return made


def tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of data."""
    return {getattr(table, "name", ""): rows_of(url, table) for table in TABLES}


def whole_warehouse(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, with when and by whom."""
    return {table.name: rows_of(url, table, without=set()) for table in metadata.sorted_tables}


# ------------------------------------------------------------------ backfill that works


def test_a_backfill_fills_the_tables_and_says_so_plainly(whole: Checkout) -> None:
    """Exit 0; a line per company and a table, without colours or progress where there is no terminal."""
    said = whole.first.stdout  # type: ignore[attr-defined]
    assert whole.first.stderr == ""  # type: ignore[attr-defined]
    assert "\x1b" not in said
    assert "\r" not in said
    lines = said.splitlines()
    done = re.compile(
        r"([a-z-]+)\.[0-9a-f]{8}: (\d+) slices, 0 failed, \d+ requests, run [0-9a-f-]{36}; "
        r"all: \d+ requests, \d+/s, about (\d+) left, \d:\d\d:\d\d"
    )
    told = [done.fullmatch(line) for line in lines[:3]]
    assert {line[1]: int(line[2]) for line in told if line} == {
        "root": EACH - 3,  # its roll-ups come with the last company beneath it
        "acme-events": EACH,
        "bolt": EACH,
    }
    assert told[-1] is not None
    assert told[-1][3] == "0"
    counted = [re.findall(r"\d+", line.partition("│")[2].partition("│")[2]) for line in lines if line.startswith("│ ")]
    assert counted == [[str(number), "0", "0", "0", "0"] for number in (EACH, EACH, EACH, 3 * EACH)]
    minutes = {(row[0], str(row[1])): row[4:] for row in rows_of(whole.url, SLICED[0]) if row[0] == BOLT}
    assert [str(row[1]) for row in rows_of(whole.url, SLICED[0])] == [
        "2026-03-01",
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
    ]
    assert minutes == {(BOLT, "2026-03-03"): ("virtualStageEvent", 20, 0, 20)}
    assert [word for word in PERSONAL if word in said.lower()] == []


def test_a_backfills_runs_are_dagsters_runs(whole: Checkout) -> None:
    """One per company, successful, visible in the UI, their slices green."""
    assert whole.runs() == ["SUCCESS"] * 3
    with whole.dagster() as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("lifetime_usage"))) == 9
        assert instance.get_latest_materialization_event(dg.AssetKey("companies")) is not None


def test_the_second_backfill_changes_no_row(whole: Checkout, checkout: Checkout) -> None:
    """Every slice says unchanged."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")
    done = checkout.call(*RANGE)
    assert done.returncode == 0
    (total,) = [line for line in done.stdout.splitlines() if line.startswith("│ all ")]
    assert re.findall(r"\d+", total) == ["0", str(3 * EACH), "0", "0", "0"]
    assert tables(checkout.url) == tables(whole.url)


def test_companies_are_chosen_by_id_key_or_unique_name(whole: Checkout, checkout: Checkout) -> None:
    """An id with a slash, a percent sign, a bar and an umlaut too; twice is once; nobody else's slices are touched."""
    keys = {company_id: key for company_id, key, *_ in rows_of(whole.url, companies)}
    done = checkout.call(*RANGE, "--company", ACME, "--company", keys[ACME], "--company", " Bolt ")
    assert done.returncode == 0, done.stderr
    assert {row[0] for row in rows_of(checkout.url, refreshes) if row[2] != NO_DAY} == {ACME, BOLT}
    assert len(checkout.runs()) == 2
    assert tables(checkout.url) == {
        name: [row for row in rows if row[0] != ROOT or name == "companies"] for name, rows in tables(whole.url).items()
    }


def test_a_backfill_into_postgresql_comes_to_the_same_tables(
    whole: Checkout, checkout: Checkout, new_database: Callable[..., str]
) -> None:
    """By a plain postgresql:// URL, without any table before; Dagster keeps its own SQLite."""
    url = new_database("postgresql", migrated=False)
    assert url.startswith("postgresql://")
    done = checkout.call(*RANGE, SEQUEL_WAREHOUSE_URL=url)
    assert done.returncode == 0, done.stderr
    assert tables(url) == tables(whole.url)
    assert not (checkout.folder / ".sequel" / "warehouse.db").exists()


def test_two_backfills_at_once_come_to_the_tables_of_one(whole: Checkout, checkout: Checkout) -> None:
    """In a fresh folder: both make the warehouse and Dagster's databases, and neither is in the other's way."""
    both = [checkout.start(*RANGE) for _ in range(2)]
    said = [process.communicate(timeout=90) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert tables(checkout.url) == tables(whole.url)
    assert checkout.runs() == ["SUCCESS"] * 6


def test_nothing_is_written_outside_what_the_settings_name(checkout: Checkout, tmp_path: Path) -> None:
    """DAGSTER_HOME and the warehouse elsewhere: the working directory and the home directory stay as they are."""
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    before = files_below(checkout.folder, checkout.home)
    told = {
        "DAGSTER_HOME": str(elsewhere),
        "SEQUEL_WAREHOUSE_URL": f"sqlite:///{elsewhere / 'w.db'}",
        "TMPDIR": str(tmp_path),
    }
    done = checkout.call("backfill", "--from", "2026-03-03", "--to", "2026-03-03", "--company", "Bolt", **told)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert files_below(checkout.folder, checkout.home) == before == set()
    assert checkout.runs(elsewhere) == ["SUCCESS"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [checkout.folder.name, checkout.home.name, "else where"]
    )


# ------------------------------------------------------------------ bad input


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder in which every command is refused, so that it stays empty."""
    folder = tmp_path_factory.mktemp("refusing") / "checkout"
    folder.mkdir()
    return Checkout(folder, sandbox)


BAD_DAYS = [
    (["2026-03-02", "2026-03-01"], "--from 2026-03-02 is after --to 2026-03-01; give the earlier day first"),
    (["2026-03-01", "2026-03-04"], "--to 2026-03-04 is in the future; today is 2026-03-03 (UTC)"),
    (
        ["2026-02-28", "2026-03-01"],
        "--from 2026-02-28 is before the start of history, 2026-03-01; set SEQUEL_START_DATE to an earlier day first",
    ),
    *(
        ([text, "2026-03-03"], f"--from {text}: it must be a day (UTC) such as 2026-11-23, without time or zone")
        for text in (
            "2026-03-01T00:00",
            "2026-03-01Z",
            "2026-03-01+02:00",
            "2026-03-01 Europe/Berlin",
            "20260301",
            "2026-3-1",
            "2026-02-30",
            "01.03.2026",
            "yesterday",
            "",
        )
    ),
]


@pytest.mark.parametrize(("days", "words"), BAD_DAYS)
def test_wrong_days_are_refused_in_one_line(days: list[str], words: str, refusing: Checkout) -> None:
    """Exit 2, the value named, and what is allowed; nothing is written."""
    assert refusing.refused_quickly(2, "backfill", "--from", days[0], "--to", days[1]) == [words]
    assert files_below(refusing.folder, refusing.home) == set()


def _setting(name: str) -> str:
    return f"{name}: is not set. What it is: "


BAD_SETTINGS = [
    ({"SEQUEL_CLIENT_SECRET": ""}, [_setting("SEQUEL_CLIENT_SECRET")]),
    (
        {"SEQUEL_CLIENT_ID": "", "SEQUEL_CLIENT_SECRET": " ", "SEQUEL_COMPANY_ID": "", "SEQUEL_PERSON_KEY": ""},
        [_setting(f"SEQUEL_{name}") for name in ("CLIENT_ID", "CLIENT_SECRET", "COMPANY_ID", "PERSON_KEY")],
    ),
    ({"SEQUEL_PERSON_KEY": "too short"}, ["SEQUEL_PERSON_KEY: it must have 32 characters or more"]),
    (
        {"SEQUEL_WAREHOUSE_URL": "mysql://u:pw@h/d"},
        ["SEQUEL_WAREHOUSE_URL mysql://u:***@h/d is of a kind that is not known"],
    ),
    ({"SEQUEL_WAREHOUSE_URL": "warehouse.db"}, ["SEQUEL_WAREHOUSE_URL is not a database URL; examples:"]),
    (
        {"SEQUEL_WAREHOUSE_URL": "sqlite:////no/such/folder/w.db"},
        ["the warehouse sqlite:////no/such/folder/w.db cannot be opened: there is no folder /no/such/folder"],
    ),
    ({"SEQUEL_NOW": "2026-03-03T15:07:00"}, ["SEQUEL_NOW: it must have a time zone, for example a Z at its end"]),
    ({"SEQUEL_API_URL": "sequel.example"}, ["SEQUEL_API_URL: it must begin with http:// or https://"]),
    (
        {"SEQUEL_API_URL": "http://api.introvoke.com"},
        [
            "SEQUEL_API_URL is http:// to another machine: the client secret and people's data would travel in clear; use https://, or set"
        ],
    ),
    (
        {"SEQUEL_ANALYTICS_URL": "http://localhost.example.com"},
        ["SEQUEL_ANALYTICS_URL is http:// to another machine"],
    ),
    (
        {"SEQUEL_API_URL": "https://ann:pw@api.introvoke.com"},
        ["SEQUEL_API_URL must hold no user name, password, ? or #"],
    ),
    (
        {"SEQUEL_DEBUG_ANSWERS": "/no/such/folder/a"},
        ["SEQUEL_DEBUG_ANSWERS: /no/such/folder/a: No such file or directory"],
    ),
    (
        {"SEQUEL_SETTLE_MINUTES": "61"},
        ["SEQUEL_SETTLE_MINUTES: input should be less than or equal to 59. What it is: "],
    ),
    ({"SEQUEL_SETTLE_MINUTES": "-1"}, ["SEQUEL_SETTLE_MINUTES: input should be greater than or equal to 0"]),
    ({"SEQUEL_LATE_WINDOW_HOURS": "-48"}, ["SEQUEL_LATE_WINDOW_HOURS: input should be greater than or equal to 0"]),
    ({"SEQUEL_START_DATE": "2026-03-01T00:00+02:00"}, ["SEQUEL_START_DATE: "]),
    ({"SEQUEL_MAX_CONCURRENCY": "0"}, ["SEQUEL_MAX_CONCURRENCY: input should be greater than or equal to 1"]),
    ({"SEQUEL_MAX_CONCURRENCY": "many"}, ["SEQUEL_MAX_CONCURRENCY: "]),
    ({"DAGSTER_HOME": "relative/home"}, ["DAGSTER_HOME: relative/home is not an absolute path"]),
    ({"DAGSTER_HOME": "/no/such/home"}, ["DAGSTER_HOME: there is no folder /no/such/home; create it, or unset"]),
    (
        {"SEQUEL_COMPANY_ID": "no such/company"},
        ["SEQUEL_COMPANY_ID: Sequel knows no company no such/company (404); nothing was written"],
    ),
]


@pytest.mark.parametrize(("told", "words"), BAD_SETTINGS)
def test_wrong_settings_are_refused_in_one_line_each(
    told: dict[str, str], words: list[str], refusing: Checkout
) -> None:
    """Exit 2, each by its name; nothing is written and no password shown."""
    lines = refusing.refused_quickly(2, *RANGE, **told)
    assert [line[: len(start)] for line, start in zip(lines, words, strict=True)] == words
    assert ":pw@" not in "".join(lines)
    assert {path for path in files_below(refusing.folder, refusing.home) if not path.endswith("/.sequel")} == set()


def test_a_broken_dagster_yaml_is_refused_in_one_line(checkout: Checkout, tmp_path: Path) -> None:
    """Both what YAML and what Dagster cannot read."""
    home = tmp_path / "dagster home"
    home.mkdir()
    for text in ("a: [", "no_such_key: 1\n"):
        (home / "dagster.yaml").write_text(text)
        (line,) = checkout.refused(2, *RANGE, DAGSTER_HOME=str(home))
        assert line.startswith(f"DAGSTER_HOME {home}: Dagster cannot use it: ")


def test_a_file_in_the_way_is_said_in_one_line(checkout: Checkout) -> None:
    """`.sequel` is a file, so nothing can be kept beneath it."""
    (checkout.folder / ".sequel").write_text("")
    for command in (RANGE, ["demo", "--once", "--days", "1", "--companies", "1"], ["migrate"]):
        (line,) = checkout.refused_quickly(2, *command)
        assert ".sequel" in line


def test_unknown_companies_are_named_and_nothing_is_written(whole: Checkout, checkout: Checkout) -> None:
    """One typo in a list refuses the list; the known ones are told, and neither warehouse nor Dagster's home is made."""
    keys = ", ".join(row[1] for row in sorted(rows_of(whole.url, companies), key=lambda row: (row[4], row[1])))
    lines = checkout.refused(2, *RANGE, "--company", ACME, "--company", "Blot", "--company", "acme")
    assert lines == [f"--company {name}: there is no such company; known are {keys}" for name in ("Blot", "acme")]
    assert files_below(checkout.folder, checkout.home) == set()


def test_an_unknown_company_changes_nothing_that_is_there(
    whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """Though a company has another name and a new one has come: what the walk found is stored once nothing is wrong."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")

    def everything() -> tuple[object, ...]:
        with checkout.dagster() as instance:
            partitions = instance.get_dynamic_partitions("company")
        return whole_warehouse(checkout.url), partitions, checkout.runs(), files_below(checkout.folder, checkout.home)

    before, world = everything(), sandbox.world
    sandbox.world = small_world()
    sandbox.world.rename_company(BOLT, "Bolted")
    sandbox.world.add_company(Company("new", "New", ROOT))
    try:
        (line,) = checkout.refused(2, *RANGE, "--company", "Blot")
    finally:
        sandbox.world = world
    assert re.search(
        r"known are root\.[0-9a-f]{8}, acme-events\.[0-9a-f]{8}, bolt\.[0-9a-f]{8}, new\.[0-9a-f]{8}$", line
    )
    assert everything() == before


def test_a_name_that_two_companies_have_is_refused_with_their_keys(checkout: Checkout, sandbox: Sandbox) -> None:
    """The keys are told, so that the right one can be taken."""
    before = sandbox.world
    sandbox.world = World([Company(ROOT, "Root"), Company("n1", "North"), Company("n2", "North ")], [], now=NOW)
    for company in sandbox.world.companies[1:]:
        company.parent_id = ROOT
    try:
        (line,) = checkout.refused(2, *RANGE, "--company", "North")
    finally:
        sandbox.world = before
    assert re.fullmatch(
        r"--company North: 2 companies have this name; use one of north\.[0-9a-f]{8}, north\.[0-9a-f]{8}", line
    )


def test_typers_own_refusals_exit_2_too(refusing: Checkout) -> None:
    """A missing option, an unknown one, an unknown command, a number out of range."""
    before = files_below(refusing.folder, refusing.home)
    wrong_workers = [[*RANGE, "--workers", text] for text in ("0", "17", "-1", "two", "1.5")]
    for arguments in (
        ["backfill"],
        ["backfill", "--form", "x"],
        ["backfil"],
        ["demo", "--days", "0"],
        *wrong_workers,
    ):
        lines = refusing.refused_quickly(2, *arguments)
        assert lines, arguments
        assert arguments not in wrong_workers or "--workers" in "".join(lines)
    assert files_below(refusing.folder, refusing.home) == before


# ------------------------------------------------------------------ Sequel that is not as it should be


def test_a_refused_sign_in_exits_3(refusing: Checkout) -> None:
    """One line, and nothing is written."""
    (line,) = refusing.refused(3, *RANGE, SEQUEL_CLIENT_ID="somebody-else")
    assert line.startswith("Sequel's token endpoint refuses the client id and secret (401)")
    assert line.endswith("; nothing half-written; run the same command again when that is fixed")
    assert "sandbox-secret" not in line


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://no-such-host.invalid"])
def test_a_host_that_is_not_there_exits_3(url: str, refusing: Checkout) -> None:
    """Refused connections and unknown names."""
    (line,) = refusing.refused_quickly(3, *RANGE, SEQUEL_API_URL=url, SEQUEL_ANALYTICS_URL=url)
    assert url.partition("://")[2].partition(":")[0] in line


def test_an_untrusted_certificate_exits_3(refusing: Checkout) -> None:
    """TLS that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        (line,) = refusing.refused_quickly(3, *RANGE, SEQUEL_API_URL=url, SEQUEL_ANALYTICS_URL=url)
    finally:
        server.shutdown()
        server.server_close()
    assert "certificate" in line.lower()


def test_a_failing_event_exits_1_and_is_named(whole: Checkout, checkout: Checkout, sandbox: Sandbox) -> None:
    """The other slices are right; the next call heals the rest."""
    sandbox.faults.always("*e-acme/top-participants*", "http_404")
    done = checkout.call(*RANGE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) >= 9
    assert all(line.startswith("failed: acme-events.") for line in failed)
    assert any("event_participants: " in line and "e-acme" in line for line in failed)
    mine = [row for row in rows_of(checkout.url, SLICED[0]) if row[0] == ACME]
    theirs = [row for row in rows_of(checkout.url, SLICED[0]) if row[0] != ACME]
    assert (mine, theirs) == ([], [row for row in rows_of(whole.url, SLICED[0]) if row[0] != ACME])
    told = json.loads(checkout.quickly("status", "--json").stdout)
    assert {problem["event_id"] for problem in told["problems"] if problem["dataset"] == "event_participants"} == {
        "e-acme"
    }
    sandbox.faults.clear()
    assert checkout.call(*RANGE, "--company", ACME).returncode == 0
    assert tables(checkout.url) == tables(whole.url)
    assert rows_of(checkout.url, problems) == []


def test_a_tree_that_is_not_told_at_first_contact_exits_1_and_has_no_rollup(
    whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """The root's list answers 403, asked twice: the root alone is loaded, the line names it, and the next call heals the rest."""
    sandbox.faults.script("/api/v1/company/root/list", "http_403", 2)
    done = checkout.call(*RANGE)
    assert (done.returncode, sandbox.faults.pending) == (1, 0)
    root = next(row[1] for row in rows_of(whole.url, companies) if row[0] == ROOT)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{root}: ")]
    assert "Sequel refuses to list its sub-companies (403: is the parent's licence valid?)" in line
    assert [row[0] for row in rows_of(checkout.url, companies)] == [ROOT]
    assert rows_of(checkout.url, metadata.tables["company_rollup"]) == []
    assert checkout.call(*RANGE).returncode == 0
    assert tables(checkout.url) == tables(whole.url)


def test_a_company_is_chosen_by_its_id_in_any_case_where_only_one_is_meant(whole: Checkout) -> None:
    """The exact one first."""
    known = [KnownCompany(one, f"{one}.key", "Name", None, 0, None) for one in ("kid", "KID", "Solo")]
    assert [one.company_id for one in choose(known, ["KID", " solo", "SOLO.KEY"])] == ["KID", "Solo"]
    with pytest.raises(UsageError):
        choose(known, ["Kid"])


# ------------------------------------------------------------------ being stopped


def when_asked(sandbox: Sandbox, path: str) -> threading.Event:
    """An event that is set once somebody asks for a path."""
    asked = threading.Event()
    sandbox.api.on_request = lambda request: asked.set() if path in request.path else None
    return asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backfill_that_is_stopped_says_so_and_the_next_call_completes(
    number: signal.Signals, whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """Ctrl-C in the first company ends the whole command, not just that company's run."""
    asked = when_asked(sandbox, "top-participants")
    sandbox.faults.always("*top-participants*", Fault("slow", seconds=0.3))
    process = checkout.start(*RANGE)
    assert asked.wait(60)
    process.send_signal(number)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 130, (said, errors)
    assert errors.splitlines() == ["stopped; what was committed stays, and the same command continues from there"]
    statuses = checkout.runs()
    assert len(statuses) < 3
    assert statuses[0] in {"FAILURE", "CANCELED"}
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


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM] * 2, []], ids=["Ctrl-C", "twice", "no stop"])
def test_a_stop_while_dagsters_storage_is_locked_is_told_in_one_line(
    signals: list[signal.Signals], checkout: Checkout, sandbox: Sandbox
) -> None:
    """Dagster would print the event that it cannot store, and a traceback of 170 lines; without a stop it is a failure, told once."""
    asked = when_asked(sandbox, "top-participants")
    sandbox.faults.always("*top-participants*", Fault("slow", seconds=0.5))
    process = subprocess.Popen(
        [COMMAND[0], "-c", IMPATIENT, *RANGE, "--company", ACME],
        cwd=checkout.folder,
        env=clean_environment(**checkout.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.wait(60)
    home = checkout.folder / ".sequel" / "dagster"
    with ExitStack() as locked:
        for path in home.rglob("*.db"):
            if path.name in {"index.db", "runs.db"}:
                held = locked.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=10)))
                held.execute("BEGIN EXCLUSIVE")
        for number in signals:
            process.send_signal(number)
            time.sleep(0.1)
        said, errors = process.communicate(timeout=60)
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
    asked = when_asked(sandbox, "e-acme/top-participants")
    sandbox.faults.always("*e-bolt/top-participants*", "slow")
    process = checkout.start(*RANGE)
    assert asked.wait(60)
    process.kill()
    process.communicate()
    assert "STARTED" in checkout.runs()
    sandbox.faults.clear()
    assert checkout.call(*RANGE).returncode == 0
    assert tables(checkout.url) == tables(whole.url)
    assert sorted(set(checkout.runs())) == ["FAILURE", "SUCCESS"]


# ------------------------------------------------------------------ the warehouse that is not as it should be


def test_a_warehouse_of_another_release_is_refused_and_left_alone(checkout: Checkout) -> None:
    """Newer: update; every command says it in one line."""
    warehouse = Warehouse(f"sqlite:///{checkout.folder / 'w.db'}")
    migrate(warehouse)
    with warehouse.write() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    warehouse.dispose()
    before = (checkout.folder / "w.db").read_bytes()
    words = f"the warehouse sqlite:///{checkout.folder / 'w.db'} has schema 9999, which a newer release made; nothing was written; update sequel_assets"
    for command in (RANGE, ["status"], ["migrate"]):
        assert checkout.refused_quickly(2, *command, SEQUEL_WAREHOUSE_URL=f"sqlite:///{checkout.folder / 'w.db'}") == [
            words
        ]
    assert (checkout.folder / "w.db").read_bytes() == before


def test_a_locked_warehouse_is_waited_for(whole: Checkout, checkout: Checkout) -> None:
    """Somebody writes for a while: the backfill takes its turn, and fails nothing."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")
    holder = sqlite3.connect(checkout.folder / ".sequel" / "warehouse.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = checkout.start(*RANGE)
    time.sleep(4)
    assert process.poll() is None
    holder.execute("COMMIT")
    holder.close()
    process.communicate(timeout=60)
    assert process.returncode == 0


# ------------------------------------------------------------------ status, migrate, sandbox, help


def test_status_has_this_shape_for_machines(whole: Checkout) -> None:
    """`status --json`: companies, a record per company and dataset, what is late or ruled out, the problems that stand."""
    done = whole.quickly("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    lists = ("excluded", "late", "problems", "unavailable", "unknown_companies")
    assert sorted(told) == sorted(["companies", "datasets", *lists])
    assert {name: told[name] for name in lists} == {name: [] for name in lists}
    keys = {company["company_id"]: company["company"] for company in told["companies"]}
    assert told["companies"][0] == {
        "company_id": ROOT,
        "company": keys[ROOT],
        "gone": False,
        "unknown_days": 0,
        "counts_from": "2026-03-01",
    }
    assert len(told["datasets"]) == 3 * len(SLICED)
    assert [d for d in told["datasets"] if (d["company"], d["dataset"]) == (keys[ACME], "event_participants")] == [
        {
            "company": keys[ACME],
            "dataset": "event_participants",
            "days": 3,
            "first_day": "2026-03-01",
            "last_day": "2026-03-03",
            "final_days": 0,
            "data_through": "2026-03-03T15:00:00+00:00",
            "rows": 3,
        }
    ]


FORGETFUL = {"SEQUEL_RETENTION_DAYS": "1", "SEQUEL_LATE_WINDOW_HOURS": "0"}


def test_a_backfill_leaves_out_what_sequel_has_forgotten_and_says_so(checkout: Checkout, sandbox: Sandbox) -> None:
    """Of a range that reaches into it the rest is done; one that is wholly frozen asks nothing, also by force."""
    done = checkout.call(*RANGE, **FORGETFUL)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if line.startswith("frozen: ")]
    assert len(told) == 3
    assert told[0].endswith(
        "2026-03-01 to 2026-03-01 is not requested, since Sequel keeps 1 day (SEQUEL_RETENTION_DAYS); "
        "what is kept here stays; 1 day of it is unknown"
    )
    for force in ([], ["--force"]):
        before = sandbox.requests.count
        done = checkout.call("backfill", "--from", "2026-03-01", "--to", "2026-03-01", *force, **FORGETFUL)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("frozen: ") == 3
        asked = [request.path for request in list(sandbox.requests)[before:]]
        assert asked
        assert [path for path in asked if "analytics" in path] == []
    found = json.loads(checkout.quickly("status", "--json", **FORGETFUL).stdout)
    assert {(one["unknown_days"], one["counts_from"]) for one in found["companies"]} == {(1, "2026-03-02")}
    assert {(one["days"], one["first_day"]) for one in found["datasets"]} == {(2, "2026-03-02")}
    assert found["late"] == []
    assert "Unknown days, forgotten by Sequel" in checkout.quickly("status", **FORGETFUL).stdout
    with checkout.dagster() as instance:
        green = instance.get_materialized_partitions(dg.AssetKey("daily_usage"))
    assert {key.rpartition("|")[2] for key in green} == {"2026-03-02", "2026-03-03"}
    assert checkout.call(*RANGE).returncode == 0  # without the setting: ordinary missing days
    after = json.loads(checkout.quickly("status", "--json").stdout)
    assert {(one["unknown_days"], one["counts_from"]) for one in after["companies"]} == {(0, "2026-03-01")}
    assert {one["days"] for one in after["datasets"]} == {3}


def test_a_retention_of_a_company_that_there_is_not_is_refused_by_name(whole: Checkout, checkout: Checkout) -> None:
    """A typo would have days asked for that Sequel has forgotten; `status` tells it too."""
    typo = {"SEQUEL_COMPANY_RETENTION_DAYS": '{"bolt": 30, "blot": 30}'}
    (line,) = checkout.refused(2, *RANGE, **typo)
    assert line.startswith("SEQUEL_COMPANY_RETENTION_DAYS: there is no company blot; known are ")
    assert files_below(checkout.folder, checkout.home) == set()
    assert (
        "SEQUEL_COMPANY_RETENTION_DAYS names blot: there is no such company." in whole.quickly("status", **typo).stdout
    )


def test_status_is_a_table_for_people(whole: Checkout) -> None:
    """Also where the terminal knows no UTF-8."""
    for told in ({}, {"PYTHONIOENCODING": "ascii"}):
        done = whole.call("status", **told)
        assert (done.returncode, done.stderr) == (0, "")
        assert "event_participants" in done.stdout
        assert done.stdout.rstrip().endswith("Nothing is late.\nNo problem is open.")


def test_status_before_any_tables_says_what_to_do_and_makes_nothing(refusing: Checkout) -> None:
    """For people and machines alike."""
    for arguments in (["status"], ["status", "--json"]):
        assert refusing.refused_quickly(2, *arguments) == [
            "the warehouse sqlite:///.sequel/warehouse.db does not exist yet; run: sequel-assets backfill, or sequel-assets migrate"
        ]


def test_migrate_makes_the_tables_once(checkout: Checkout) -> None:
    """Twice is as once; status then has nothing to tell, and does not call that well."""
    for _ in range(2):
        done = checkout.quickly("migrate")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"the warehouse has schema {newest()}\n", "")
    done, for_people = checkout.quickly("status", "--json"), checkout.quickly("status")
    assert (done.returncode, for_people.returncode) == (1, 1)
    assert "No company is known yet, so nothing is fresh" in for_people.stdout
    assert json.loads(done.stdout) == {
        "companies": [],
        "datasets": [],
        "excluded": [],
        "problems": [],
        "late": [],
        "unavailable": [],
        "unknown_companies": [],
    }


def test_the_sandbox_says_what_to_export_and_ends_on_sigterm(checkout: Checkout) -> None:
    """A taken port is said in one line."""
    process = checkout.start(
        "sandbox", "--port", "0", "--companies", "2", "--days", "1", "--now", "2026-03-03T15:07:00Z", "--speed", "0"
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(9)]
    assert re.match(r"Sandbox of 2 companies, \d+ events at http://127\.0\.0\.1:\d+", said[0])
    exports = dict(line.removeprefix("export ").rstrip().split("=", 1) for line in said[2:])
    assert sorted(exports) == sorted(environment_names())
    port = exports["SEQUEL_API_URL"].rsplit(":", 1)[1]
    assert httpx.get(f"{exports['SEQUEL_API_URL']}/sandbox/state", trust_env=False).status_code == 200
    (line,) = checkout.refused(2, "sandbox", "--port", port, "--companies", "1", "--days", "1")
    assert line.startswith(f"--port {port}: cannot listen on 127.0.0.1:{port}")
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_the_sandbox_takes_a_big_event_and_a_company_of_hubs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is there unless it is asked for."""
    made: list[Sandbox] = []
    monkeypatch.setattr(sandbox_command, "serve_forever", lambda sandbox, verbose: made.append(sandbox))
    small = ["sandbox", "--port", "0", "--companies", "3", "--days", "3", "--people", "5"]
    for more in ([], ["--big-event", "9", "--hub-only"]):
        assert CliRunner().invoke(app.app, [*small, *more]).exit_code == 0
    crowds = []
    for world in (sandbox.world for sandbox in made):
        last = world.companies[-1].id
        stages = [event for event in world.events if event.event_type != HUB and event.company_id == last]
        big = [len(event.rows) for event in world.events if event.name == "Keynote"]
        crowds.append((any(event.rows for event in stages), all(event.hub_id for event in stages), big))
    assert crowds == [(True, False, []), (False, True, [9])]


def environment_names() -> list[str]:
    """What the sandbox exports while its clock stands still."""
    names = ("API_URL", "ANALYTICS_URL", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE", "COMPANY_ID", "NOW")
    return [f"SEQUEL_{name}" for name in names]


def test_wrong_arguments_of_the_sandbox_are_refused_in_one_line(refusing: Checkout) -> None:
    """By name, with what is allowed."""
    for arguments, words in (
        (["--now", "2026-03-03T15:07:00"], "--now 2026-03-03T15:07:00: it must have a time zone"),
        (["--faults", "http_5000=1"], "--faults http_5000=1: "),
        (["--faults", "http_500=2"], "--faults http_500=2: "),
        (["--webhook-faults", "fall=1"], "--webhook-faults fall=1: no such webhook fault: 'fall'"),
        (["--speed", "-1"], "--speed -1: time cannot go backwards"),
    ):
        (line,) = refusing.refused_quickly(2, "sandbox", "--port", "0", *arguments)
        assert line.startswith(words)


@pytest.mark.parametrize(
    "command", ["", "backfill", "status", "accept", "exclude", "changes", "migrate", "sandbox", "demo"]
)
def test_help_needs_no_settings(command: str, tmp_path: Path) -> None:
    """Exit 0, what the command is for, and nothing is written."""
    call = call_in_process if command else run_command
    done = call([*filter(None, [command]), "--help"], tmp_path, {"SEQUEL_PERSON_KEY": "wrong"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_no_process_is_left_behind() -> None:
    """Whatever was started above has ended."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    assert [child.cmdline() for child in mine if "sequel_assets.cli" in child.cmdline()] == []
