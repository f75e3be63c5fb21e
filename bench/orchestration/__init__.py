"""Benchmarks of Dagster: start-up, its share of a refresh, the growth of its storage."""
