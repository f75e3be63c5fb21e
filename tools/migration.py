"""`python -m tools.migration`: the operations that the models need and no migration has yet, as a draft for the next one.

It compares a new SQLite warehouse with the models. It must never touch a warehouse of yours, so it takes no URL.
"""

import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext

import sequel_assets.refresh.core.datasets  # noqa: F401 - every table belongs to the models
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata


def missing_operations(models: sa.MetaData = metadata) -> str:
    """Return the body of `upgrade()`; `pass` where models and migrations agree."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(f"sqlite:///{Path(folder) / 'new.db'}")
        try:
            schema.migrate(warehouse)
            with warehouse.read() as connection:
                options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
                context = MigrationContext.configure(connection, opts=options)
                operations = produce_migrations(context, models).upgrade_ops
                return render_python_code(operations) if operations is not None else "pass"
        finally:
            warehouse.dispose()


if __name__ == "__main__":
    print(missing_operations())
