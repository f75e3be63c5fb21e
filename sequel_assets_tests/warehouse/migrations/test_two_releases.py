"""Two releases side by side: the former one writes until a migration begins, and is refused by name from then on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.tables.core import companies, metadata
from sequel_assets_tests.support.rows import AT, known_company, table_of
from sequel_assets_tests.warehouse.migrations.older_releases import (
    OlderSchema,
    Rows,
    older_revisions,
    with_a_row_in_each,
)

NEWER = "9999"


def save(warehouse: Warehouse, company_id: str) -> None:
    with warehouse.write(company_id) as connection:
        insert_company(connection, company_id)


def insert_company(connection: sa.Connection, company_id: str) -> None:
    row = vars(known_company(company_id)) | {"first_seen_at": AT, "last_seen_at": AT}
    connection.execute(companies.insert().values(row))


def test_a_writer_that_started_before_the_upgrade_is_refused_after_it(warehouse: Warehouse) -> None:
    """In its next transaction, whether or not it takes a company's lock; it still reads, and nothing of it is written."""
    schema.ensure_current(warehouse)
    save(warehouse, "before")
    newer = Warehouse(warehouse.url.render_as_string(hide_password=False))
    with newer.write() as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{NEWER}'"))
    newer.dispose()
    for company_id in ("after", None):
        with pytest.raises(WarehouseError) as refused, warehouse.write(company_id) as connection:
            insert_company(connection, "after")
        assert str(refused.value) == (
            f"the warehouse {place(warehouse.url)} has schema {NEWER}, which a newer release made; "
            "nothing was written; update sequel_assets"
        )
    assert [row[0] for row in table_of(warehouse, companies)] == ["before"]


def test_a_writer_over_whose_warehouse_an_older_backup_was_restored_is_refused(
    warehouse: Warehouse,
) -> None:
    """The other way round the line names the command that migrates."""
    needed, older = schema.newest(), older_revisions()[-1]
    schema.ensure_current(warehouse)
    with warehouse.write() as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{older}'"))
    with pytest.raises(WarehouseError) as refused:
        save(warehouse, "after")
    assert str(refused.value) == (
        f"the warehouse {place(warehouse.url)} has an older schema ({older}, this release needs {needed}); "
        "nothing was written; run: sequel-assets migrate"
    )
    assert table_of(warehouse, companies) == []


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_migration_waits_for_the_writers_that_have_begun_and_those_that_come_meanwhile_are_refused(
    tableless: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever tables they touch: no statement of the former release is executed on the newer schema.

    SQLite has one writer at a time anyway.
    """
    former = older_revisions()[-1]
    OlderSchema.of(tableless, former)
    url = tableless.url.render_as_string(hide_password=False)
    newer, late = Warehouse(url), Warehouse(url)
    with monkeypatch.context() as as_the_former_release:
        as_the_former_release.setattr(schema, "newest", lambda: former)
        for one in (tableless, late):
            schema.ensure_current(one)
    with ThreadPoolExecutor(2) as pool:
        with tableless.write("early") as connection:
            migrated = pool.submit(schema.migrate, newer)
            wait_for_lockers(tableless, 1)
            written = pool.submit(save, late, "late")
            wait_for_lockers(tableless, 2)
            insert_company(connection, "early")
        migrated.result(30)
        refusal = written.exception(30)
    assert isinstance(refusal, WarehouseError)
    assert "nothing was written" in str(refusal)
    assert [row[0] for row in table_of(newer, companies)] == ["early"]
    schema.ensure_current(newer)
    for one in (newer, late):
        one.dispose()


def wait_for_lockers(warehouse: Warehouse, number: int) -> None:
    """Wait until so many transactions of the database wait for a lock."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 20
    while True:
        with warehouse.read() as connection:
            if connection.scalar(waiting) == number:
                return
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("revision", older_revisions())
def test_each_statement_of_an_older_release_fits_the_newest_tables_or_is_refused(
    revision: str, warehouse: Warehouse, tableless: Warehouse, refreshed: Rows
) -> None:
    """Columns that came later have a default or may be null: what is refused is named here."""
    older = OlderSchema.of(tableless, revision)
    taken, refused = set(), set()
    for name, insert, values in older.statements(with_a_row_in_each(refreshed)):
        try:
            with warehouse.write() as connection:
                connection.execute(insert, values)
            taken.add(name)
        except WarehouseError:
            refused.add(name)
    assert refused == ({"lifetime_usage"} if revision < "0003" else set())
    assert taken | refused == {*older.columns} & {*metadata.tables}
