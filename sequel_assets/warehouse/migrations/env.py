"""Alembic's entry point: runs on the connection (and in the transaction) that the caller hands over."""

from alembic import context

from sequel_assets.warehouse.schema import VERSION_TABLE
from sequel_assets.warehouse.tables.core import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
