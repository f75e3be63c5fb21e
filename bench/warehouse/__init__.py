"""Benchmarks of the warehouse: what the database needs to write, derive and query."""
