"""Whatever is wrong with a database is one line: what, where, is the data safe, what next. Never a password."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import place
from sequel_assets.warehouse.tables.core import companies, event_participants, people
from sequel_assets_tests.support.rows import AT, STAGE, everything, known_company, participant, settle_in, table_of
from sequel_assets_tests.warehouse.database.error_messages import message_of, read


def write(warehouse: Warehouse) -> None:
    """Add a company."""
    try:
        settle_in(warehouse, {}, "another")
    finally:
        warehouse.dispose()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write everywhere; be nobody for a while (as somebody else, stay who you are)."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The folder is named, and not made."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/none/w.db")
    assert message_of(lambda: read(warehouse)) == (
        f"the warehouse sqlite:///{tmp_path}/none/w.db cannot be opened: there is no folder {tmp_path}/none; "
        "nothing was written; make the folder or change SEQUEL_WAREHOUSE_URL"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    """A path to a folder is no database."""
    assert message_of(lambda: read(Warehouse(f"sqlite:///{tmp_path}"))) == (
        f"the warehouse sqlite:///{tmp_path} cannot be opened; nothing was written; "
        "does its folder exist, and may this user write there?"
    )


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("folder_is_writable", [True, False], ids=["file", "folder"])
def test_a_read_only_file_or_folder(warehouse: Warehouse, open_folder: Path, folder_is_writable: bool) -> None:
    """Nothing is written, and who it is that may not write is said."""
    settle_in(warehouse, {"e1": STAGE})
    before = everything(warehouse)
    warehouse.dispose()
    file = open_folder / "w.db"
    shutil.copyfile(warehouse.url.database or "", file)
    file.chmod(0o444)
    open_folder.chmod(0o777 if folder_is_writable else 0o555)
    closed = Warehouse(f"sqlite:///{file}")
    with without_privileges():
        text = message_of(lambda: write(closed))
    assert text == (
        f"the warehouse sqlite:///{file} is read-only; nothing was written; "
        "give this user the right to write the file and its folder"
    )
    open_folder.chmod(0o755)
    file.chmod(0o644)
    assert everything(closed) == before
    closed.dispose()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_full_disk(warehouse: Warehouse) -> None:
    """The transaction is taken back as a whole, older data stay, and with space again it works."""
    settle_in(warehouse, {"e1": STAGE})
    before = everything(warehouse)
    rows = [participant("e1", f"person {n}" * 50, 1) for n in range(2000)]

    def fill() -> None:
        with warehouse.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 10}")
            connection.execute(
                event_participants.insert(),
                [dict(zip(event_participants.columns.keys(), row, strict=True)) for row in rows],
            )

    assert message_of(fill) == (
        f"the warehouse {place(warehouse.url)} is on a full disk; the transaction was rolled back, "
        "older data are safe; free some space and repeat"
    )
    assert everything(warehouse) == before
    warehouse.dispose()
    settle_in(warehouse, {}, "another")
    assert len(table_of(warehouse, companies)) == 2


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_file_that_another_process_keeps_locked(warehouse: Warehouse) -> None:
    """A writer waits for the busy time-out, then says so; readers go on."""
    settle_in(warehouse, {})
    hasty = Warehouse(warehouse.url.render_as_string(), busy_seconds=0.05)
    with contextlib.closing(sqlite3.connect(warehouse.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        text = message_of(lambda: settle_in(hasty, {}, "another"))
        hasty.dispose()
        assert len(table_of(warehouse, companies)) == 1
        other.execute("ROLLBACK")
    assert text == (
        f"the warehouse {place(warehouse.url)} is locked by another process for longer than the busy time-out; "
        "nothing was written; try again when it is done"
    )
    settle_in(warehouse, {}, "another")
    assert len(table_of(warehouse, companies)) == 2


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is left as it is."""
    file = tmp_path / "w.db"
    file.write_text("a letter to somebody, longer than the hundred bytes of a database's head. " * 3)
    before = file.read_bytes()
    assert message_of(lambda: read(Warehouse(f"sqlite:///{file}"))) == (
        f"the warehouse sqlite:///{file} is not an SQLite database; nothing was written; "
        "is SEQUEL_WAREHOUSE_URL the right file?"
    )
    assert file.read_bytes() == before


def test_a_refused_row_is_reported_without_its_values(warehouse: Warehouse) -> None:
    """A row may hold a name or an e-mail; statement, parameters and the server's detail are left out."""
    settle_in(warehouse, {"e1": STAGE})
    row = {"company_id": "acme", "person_id": "p", "email": "ada@x.org", "name": None, "named_on": AT.date()}

    def insert() -> None:
        with warehouse.write() as connection:
            connection.execute(people.insert().values(**row))

    text = message_of(insert)
    code = "IntegrityError" if warehouse.is_sqlite else "23502"
    assert text == (
        f"the warehouse {place(warehouse.url)} refused a row that lacks a value ({code}, people, name); "
        "the transaction was rolled back, older data are safe"
    )


def test_a_time_without_a_zone_is_refused(warehouse: Warehouse) -> None:
    """It would be read in somebody's local zone."""

    def store() -> None:
        with warehouse.write() as connection:
            values = {**vars(known_company()), "first_seen_at": AT.replace(tzinfo=None), "last_seen_at": AT}
            connection.execute(companies.insert().values(**values))

    assert "a time without a zone cannot be stored: 2026-03-09 12:05:00" in message_of(store)
