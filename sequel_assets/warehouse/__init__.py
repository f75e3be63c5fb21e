"""THE MEMORY: tables, slices, the one-transaction refresh, people. SQLAlchemy; no Dagster and no HTTP."""
