"""Dagster's own storage: everything that uses its private modules."""
