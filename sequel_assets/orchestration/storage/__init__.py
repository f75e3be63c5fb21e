"""Dagster's own storage: everything that uses Dagster's private modules."""
