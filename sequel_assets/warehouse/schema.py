"""The schema's version: Alembic's migrations, run by `migrate`, checked before every use and in every write transaction.

So two releases may run side by side: the former one writes until the migration begins, and is refused by name after it.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.database.transactions import repeats

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "sequel_assets_schema"
"""Not Alembic's own `alembic_version`: Dagster keeps its version there, and may share the database."""
_VERSION = sa.select(sa.column("version_num", sa.Text)).select_from(sa.table(VERSION_TABLE))


def newest() -> str:
    """Return the schema version that this code is written for."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def version(connection: sa.Connection) -> str | None:
    """Return the schema version of a database, None where there is no schema yet."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


@repeats
def migrate(warehouse: Warehouse) -> None:
    """Bring the schema to the newest version, in one transaction; a database from a newer release is refused.

    It waits for the write transactions that have begun. Those that come meanwhile wait for it, and then see its version.
    """
    with warehouse.write() as connection:
        if not warehouse.is_sqlite:  # two processes may come at once; SQLite's transaction alone is enough
            connection.execute(
                sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("sequel_assets schema", 0)))
            )
        now = version(connection)
        if now == newest():
            return
        _refuse_unknown(now, warehouse)
        if now is not None and not warehouse.is_sqlite:  # SQLite has one writer at a time anyway
            connection.execute(sa.text(f"LOCK TABLE {VERSION_TABLE} IN ACCESS EXCLUSIVE MODE"))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def ensure_current(warehouse: Warehouse) -> None:
    """Raise a `WarehouseError` that says what to do unless the schema is exactly the one of this code.

    Each write transaction of this `Warehouse` makes sure of it from then on: another release may migrate at any time.
    """
    now = warehouse.ask(version)
    if now is None:
        raise WarehouseError(f"the warehouse {place(warehouse.url)} has no tables yet; run: sequel-assets migrate")
    needed = newest()
    _refuse_other(now, needed, warehouse)
    warehouse.check_each_write(lambda connection: _refuse_other(connection.scalar(_VERSION), needed, warehouse))


def _refuse_other(now: str | None, needed: str, warehouse: Warehouse) -> None:
    if now != needed:
        _refuse_unknown(now, warehouse)
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} has an older schema ({now}, this release needs {needed}); "
            "nothing was written; run: sequel-assets migrate"
        )


def _refuse_unknown(now: str | None, warehouse: Warehouse) -> None:
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if now is not None and now not in known:
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} has schema {now}, which a newer release made; nothing was written; "
            "update sequel_assets"
        )


def create_if_empty(warehouse: Warehouse) -> None:
    """Give a database without tables the newest schema; one with an older or newer schema is refused, not changed."""
    if warehouse.ask(version) is None:
        migrate(warehouse)
    ensure_current(warehouse)
