"""Alembic's entry point: runs on the connection (and in the transaction) that the caller hands over."""

from alembic import context

from sequel_assets.warehouse.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
