"""docs/security.md: every test that it names exists, and what it says of the UI and of backups is so."""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import ensure_current, migrate
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import companies
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.rows import AT, known_company, table_of

PAGE = (PROJECT / "docs" / "security.md").read_text()
NAMED = re.compile(r"`([a-z_/]+\.py)::(test_\w+)`")


def named_in(file: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((PROJECT / "sequel_assets_tests" / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    """A line without its test would be a promise that nobody keeps."""
    named = NAMED.findall(PAGE)
    assert len(named) > 25
    assert [f"{file}::{name}" for file, name in named if name not in named_in(file)] == []
    assert PAGE.count("::test_") == len(named)


def test_every_line_of_who_can_do_what_names_a_test() -> None:
    """In its last cell."""
    rows = PAGE.partition("## Who can do what")[2].partition("## What is yours")[0].splitlines()
    lines = [row for row in rows if row.startswith("| ") and not row.startswith(("| who |", "| ---"))]
    assert len(lines) > 10
    assert [line for line in lines if not NAMED.search(line.rsplit("|", 2)[1])] == []


def test_dagsters_ui_listens_on_this_machine_alone() -> None:
    """Where we start it; it has no login."""
    assert "dagster dev" not in (PROJECT / "Makefile").read_text()
    commands = [
        call
        for path in (PROJECT / "sequel_assets" / "cli").rglob("*.py")
        for call in re.findall(r"[^\n]*dagster_webserver[^\n]*|.*--host.*127\.0\.0\.1.*", path.read_text())
    ]
    assert [line.strip() for line in commands] == [
        'pages = ("--workspace", str(workspace), "--host", "127.0.0.1", "--port", str(port))',
        'start("dagster_webserver", *pages, *quiet)',
    ]


def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    """By the page's own statement: what was committed is in it, what was not is not."""
    found = re.search(r'sqlite3 \.sequel/warehouse\.db "(.*)"\)', PAGE)
    assert found is not None
    warehouse, copy = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}"), tmp_path / "backup.db"
    migrate(warehouse)
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company("acme")], at=AT)
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company("later")], at=AT)
        with closing(sqlite3.connect(tmp_path / "warehouse.db")) as other:
            other.execute(found[1].replace("/backup/warehouse.db", str(copy)))
    warehouse.dispose()
    restored = Warehouse(f"sqlite:///{copy}")
    ensure_current(restored)
    assert [row[0] for row in table_of(restored, companies)] == ["acme"]
    restored.dispose()


def test_a_report_has_somewhere_to_go() -> None:
    """In private, with what is needed and without anybody's data."""
    words = (PROJECT / "SECURITY.md").read_text()
    assert [
        word for word in ("in private", "docs/security.md", "make audit", "Leave out names") if word not in words
    ] == []
