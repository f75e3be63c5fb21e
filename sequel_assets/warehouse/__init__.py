"""The warehouse: tables, slices replaced in one transaction, people. SQLAlchemy; no Dagster and no HTTP."""
