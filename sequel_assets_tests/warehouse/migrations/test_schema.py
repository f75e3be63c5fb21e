"""The schema: models and migrations agree, and every other state of a database is told in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import sequel_assets.insights
import sequel_assets.warehouse.tables.company_lists
import sequel_assets.warehouse.tables.webhooks  # noqa: F401 - their tables belong to the models
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.tables.core import companies, metadata
from sequel_assets_tests.support.rows import everything, known_company, settle_in, table_of

IN_A_PROCESS = """
import sys
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import ensure_current, migrate
warehouse = Warehouse(sys.argv[1])
sys.stdin.readline()
migrate(warehouse)
ensure_current(warehouse)
warehouse.dispose()
"""


def test_models_and_migrations_agree(warehouse: Warehouse) -> None:
    """Alembic finds no difference of tables, columns, types, keys, uniques or (PostgreSQL) comments."""
    with warehouse.read() as connection:
        options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_every_check_and_key_of_the_models_exists_after_migrating(warehouse: Warehouse) -> None:
    """What Alembic does not compare: checks, foreign keys by name and columns, primary keys in their order."""
    with warehouse.read() as connection:
        found = sa.inspect(connection)
        for table in metadata.sorted_tables:
            checks = {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert {check["name"] for check in found.get_check_constraints(table.name)} == {
                metadata.naming_convention["ck"] % {"table_name": table.name, "constraint_name": name}
                if not str(name).startswith("ck_")
                else name
                for name in checks
            }
            assert [
                (key["name"], key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in found.get_foreign_keys(table.name)
            ] == [
                (
                    f"fk_{table.name}_{key.referred_table.name}",
                    list(key.column_keys),
                    key.referred_table.name,
                    [element.column.name for element in key.elements],
                )
                for key in table.foreign_key_constraints
            ]
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [
                column.name for column in table.primary_key.columns
            ]


def test_every_primary_key_begins_with_the_company(warehouse: Warehouse) -> None:
    """So that a distributed database can shard by it."""
    with warehouse.read() as connection:
        found = sa.inspect(connection)
        firsts = {name: found.get_pk_constraint(name)["constrained_columns"][0] for name in metadata.tables}
    # small, and the same for every company: such a database copies them to each shard
    everybodys = {"person_numbers": "number", "request_places": "holder", "request_throttle": "account"}
    assert firsts == dict.fromkeys(metadata.tables, "company_id") | everybodys


def test_every_table_and_column_says_what_it_is() -> None:
    """A definition is written once, as a comment; none is missing."""
    silent = [str(item) for table in metadata.sorted_tables for item in (table, *table.columns) if not item.comment]
    assert silent == []


def test_migrating_twice_changes_nothing(warehouse: Warehouse) -> None:
    """The second time finds the newest schema and leaves rows and tables as they are."""
    settle_in(warehouse, {"e1": "virtualStageEvent"})
    before = everything(warehouse)
    schema.migrate(warehouse)
    schema.ensure_current(warehouse)
    assert everything(warehouse) == before


@pytest.mark.alternating
def test_three_processes_may_migrate_at_once(warehouse_url: str) -> None:
    """One makes the tables, the others wait and find them; none fails."""
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", IN_A_PROCESS, warehouse_url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 3


def test_a_database_without_tables_names_the_command_that_makes_them(warehouse_url: str) -> None:
    """One line: what, where, what next."""
    warehouse = Warehouse(warehouse_url)
    with pytest.raises(WarehouseError) as told:
        schema.ensure_current(warehouse)
    warehouse.dispose()
    assert str(told.value) == f"the warehouse {place(warehouse.url)} has no tables yet; run: sequel-assets migrate"


def test_an_older_schema_names_the_command_that_migrates_it(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that is newer than the tables writes nothing into them."""
    present = schema.newest()
    monkeypatch.setattr(schema, "newest", lambda: "9999")
    with pytest.raises(WarehouseError) as told:
        schema.ensure_current(warehouse)
    assert str(told.value) == (
        f"the warehouse {place(warehouse.url)} has an older schema ({present}, this release needs 9999); "
        "nothing was written; run: sequel-assets migrate"
    )


def test_a_newer_schema_is_refused_and_left_alone(warehouse: Warehouse) -> None:
    """Neither used nor migrated: only a newer release knows what it means."""
    with warehouse.write() as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    for use in (schema.ensure_current, schema.migrate, schema.create_if_empty):
        with pytest.raises(WarehouseError) as told:
            use(warehouse)
        assert str(told.value) == (
            f"the warehouse {place(warehouse.url)} has schema 9999, which a newer release made; "
            "nothing was written; update sequel_assets"
        )


def test_a_migration_that_fails_leaves_no_table_behind(warehouse_url: str) -> None:
    """It is one transaction on both engines, data definitions included."""
    warehouse = Warehouse(warehouse_url)
    with warehouse.write() as connection:
        connection.execute(sa.text("CREATE TABLE refreshes (other INTEGER)"))
    with pytest.raises(WarehouseError, match="has a table of that name already, which is not ours"):
        schema.migrate(warehouse)
    with warehouse.read() as connection:
        assert sa.inspect(connection).get_table_names() == ["refreshes"]
        assert schema.version(connection) is None
    warehouse.dispose()


def test_the_database_may_be_shared_with_dagsters_own_tables(warehouse_url: str) -> None:
    """Dagster keeps its schema's version in `alembic_version`; it is neither read nor changed."""
    warehouse = Warehouse(warehouse_url)
    with warehouse.write() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('29b539ebc72a')"))
    schema.create_if_empty(warehouse)
    with warehouse.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).all() == [("29b539ebc72a",)]
    warehouse.dispose()


def test_tables_are_made_once_and_kept(warehouse_url: str) -> None:
    """`create_if_empty` fills an empty database and leaves a filled one as it is."""
    warehouse = Warehouse(warehouse_url)
    schema.create_if_empty(warehouse)
    settle_in(warehouse, {})
    schema.create_if_empty(warehouse)
    assert [row[0] for row in table_of(warehouse, companies)] == [known_company().company_id]
    warehouse.dispose()
