"""The warehouse: tables, slices and their replacement in one transaction, people. SQLAlchemy; no Dagster and no HTTP."""
