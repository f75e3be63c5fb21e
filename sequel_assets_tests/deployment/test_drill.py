"""The drill of docs/deployment.md: backups and restores by the page's own commands, and what makes good afterwards.

Each block of the page is run line by line, with its places exchanged for those of the test.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg
import pytest

from sequel_assets.sandbox import Attendance, World
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY, metadata, refreshes
from sequel_assets_tests.reconciliation.restated_world import CROWD, PLAIN, reconcile
from sequel_assets_tests.support.harness import (
    ADA,
    DAYS,
    PlatformUnderTest,
    at,
    day,
    event,
    failures,
    platform,
    world_of,
)
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.postgres import PostgresServer, user_of
from sequel_assets_tests.support.rows import everything, table_of, wrong_checksums

SECTION = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("## Backup and restore")[2]
MOMENT, DATA = "2026-11-23 15:10:00+00", "/var/lib/postgresql/18"
CHANGED_LATER = [*PLAIN, Attendance(ADA, on_demand=[(at(3), 12)])]
"""What Sequel says of a day that the backup has as final, once the backup is made."""


def block_with(words: str) -> list[str]:
    """The lines of the page's one block of code that has these words."""
    blocks = re.findall(r"(?:^    [^\n]*\n)+", SECTION, re.MULTILINE)
    found = [block for block in blocks if words in block]
    assert len(found) == 1
    return [line[4:] for line in found[0].splitlines()]


def run_line(line: str, places: Mapping[str, str], **options: object) -> None:
    """Run a line in a shell, its places exchanged; it must be silent and succeed."""
    for place, mine in places.items():
        line = line.replace(place, mine)
    done = subprocess.run(["/bin/sh", "-ec", line], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), line


def drill_world() -> World:
    return world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))


def days_kept(warehouse: Warehouse) -> set[date]:
    """Return the days that both companies have."""
    rows = [row for row in table_of(warehouse, refreshes) if row[1] == "event_participants" and row[2] != NO_DAY]
    return set.intersection(*({row[2] for row in rows if row[0] == company} for company in ("root", "kid")))


def make_good(it: PlatformUnderTest) -> list[tuple[str, str, date]]:
    """Refresh the days that are missing, reconcile, and return what that repaired; the tables are the truth then."""
    missing = sorted(set(DAYS) - days_kept(it.warehouse))
    assert failures(it.refresh(missing)) == []
    report = reconcile(it)
    assert report.failures == []
    it.assert_true()
    assert it.problems() == []
    return report.repaired


@pytest.fixture
def archiving() -> Iterator[tuple[PostgresServer, Path]]:
    """A server with the page's settings, and the folder that stands for /backup."""
    backup = Path(tempfile.mkdtemp(prefix="sequel-backup-"))
    settings = dict(re.fullmatch(r"(\w+) = '?(.*?)'?", line).groups() for line in block_with("archive_command"))  # type: ignore[union-attr]
    settings = {name: value.replace("/backup", str(backup)) for name, value in settings.items()}
    try:
        user_of(backup)  # the folder becomes the server's user's
        server = PostgresServer.start(full_page_writes="on", **settings)
        try:
            yield server, backup
        finally:
            server.stop()
    finally:
        shutil.rmtree(backup)


@pytest.mark.scenario
def test_postgresql_goes_back_to_a_moment_and_what_is_missing_is_fetched(
    archiving: tuple[PostgresServer, Path],
) -> None:
    """Every row of that moment is there and none of later; then refresh and reconciliation make good what is missing."""
    server, backup = archiving
    places = {"/backup": str(backup), DATA + "/main": str(server.folder / "data"), DATA: str(server.folder)}
    path = f"{server.programs}:{os.environ['PATH']}"
    options = {
        "user": user_of(server.folder),
        "cwd": server.folder,
        "env": {"PATH": path, "PGHOST": str(server.folder), "PGUSER": "postgres"},
    }
    world, warehouse = drill_world(), Warehouse(server.url("postgres"))
    schema.migrate(warehouse)
    with platform(world, warehouse) as it:
        assert failures(it.refresh(DAYS[:3])) == []
        for line in block_with("pg_basebackup"):
            run_line(line, places, **options)
        in_the_base = everything(warehouse)
        assert failures(it.refresh(DAYS[:6])) == []
        at_the_moment, moment = everything(warehouse), now_of(server)
        assert at_the_moment["event_participants"] != in_the_base["event_participants"]
        time.sleep(0.5)
        world.restate("plain", CHANGED_LATER)
        assert failures(it.refresh()) == []
        assert reconcile(it).failures == []
        server.run("DROP TABLE event_participants")
        for line in block_with("recovery.signal"):
            if line.startswith("systemctl"):
                {"stop": server.halt, "start": server.resume}[line.split()[1]]()
            else:
                run_line(line, places | {MOMENT: moment}, **options)
        wait_until_promoted(server)
        assert everything(warehouse) == at_the_moment
        assert days_kept(warehouse) == set(DAYS[:6])
        assert make_good(it) == [("kid", "plain", day(3))]
    warehouse.dispose()


def now_of(server: PostgresServer) -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        row = connection.execute("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::text || '+00'").fetchone()
    assert row is not None
    return str(row[0])


def wait_until_promoted(server: PostgresServer) -> None:
    until = time.monotonic() + 30
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.scenario
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the page's commands need Debian's sqlite3")
def test_sqlite_is_backed_up_while_a_refresh_writes_and_what_is_missing_is_fetched(tmp_path: Path) -> None:
    """Each backup is one state of the warehouse, its slices and their bookkeeping of one commit; then as above."""
    backups, folder = tmp_path / "backups", tmp_path / "checkout"
    for made in (backups, folder / ".sequel"):
        made.mkdir(parents=True)
    places = {"/backup": str(backups)}
    (backup,) = block_with("VACUUM INTO")
    world, warehouse = drill_world(), Warehouse(f"sqlite:///{folder / '.sequel' / 'warehouse.db'}")
    schema.migrate(warehouse)
    with platform(world, warehouse) as it:
        assert failures(it.refresh(DAYS[:3])) == []
        failed: list[object] = []
        refreshing = threading.Thread(target=lambda: failed.extend(failures(it.refresh(DAYS[:6]))))
        refreshing.start()
        while refreshing.is_alive():
            run_line(backup.replace("%S", "%S%N"), places, cwd=folder)
        refreshing.join()
        assert failed == []
        taken = sorted(backups.iterdir())
        assert taken
        for one in taken:
            assert state_of(one) == ("ok", [])
        chosen = taken[len(taken) // 2]
        world.restate("plain", CHANGED_LATER)
        assert failures(it.refresh()) == []
        with warehouse.write() as connection:
            connection.execute(metadata.tables["event_participants"].delete())
        warehouse.dispose()
        for line in block_with("warehouse.db-wal"):
            run_line(line, {**places, "warehouse-20261123T151000.db": chosen.name}, cwd=folder)
        assert set(DAYS[:3]) <= days_kept(warehouse) <= set(DAYS[:6])
        assert make_good(it) == [("kid", "plain", day(3))]
    warehouse.dispose()


def state_of(file: Path) -> tuple[str, list[tuple[object, ...]]]:
    """SQLite's own verdict of a file, and the slices whose rows are not those of their bookkeeping."""
    with closing(sqlite3.connect(file)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    copy = Warehouse(f"sqlite:///{file}")
    schema.ensure_current(copy)
    try:
        return verdict, wrong_checksums(copy)
    finally:
        copy.dispose()
