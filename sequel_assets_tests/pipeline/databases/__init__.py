"""Backfills into PostgreSQL servers that are not the usual one."""
