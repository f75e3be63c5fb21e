"""Migrated PostgreSQL databases that are used again: making one takes 0.1 to 0.2 s of CPU, emptying one a few milliseconds.

A database goes back only where a test has changed nothing but rows: its catalog, rights, settings and schema version are
compared with those of a fresh copy. Any other one is dropped, and so is one that held many rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import psycopg
import sqlalchemy as sa

import sequel_assets.insights  # the tables that are emptied
import sequel_assets.warehouse.tables.company_lists
import sequel_assets.warehouse.tables.event_details
import sequel_assets.warehouse.tables.webhooks  # noqa: F401
from sequel_assets.warehouse.schema import VERSION_TABLE
from sequel_assets.warehouse.tables.core import metadata
from sequel_assets_tests.support.postgres import PostgresServer

MAX_ROWS = 3_000
"""Deleted rows slow down later scans: a database that held more of them in one table is dropped."""
_CATALOG = f"""
    SELECT (SELECT string_agg(oid || relname || coalesce(relacl::text, '-') || relowner || coalesce(reloptions::text, ''),
                              ',' ORDER BY oid) FROM pg_class WHERE oid >= 16384),
           (SELECT count(*) || '-' || max(oid::bigint) FROM pg_class),
           (SELECT string_agg(attrelid || attname || atttypid || attnotnull || attisdropped || coalesce(attacl::text, ''),
                              ',' ORDER BY attrelid, attnum) FROM pg_attribute WHERE attrelid >= 16384),
           (SELECT string_agg(nspname || coalesce(nspacl::text, '-'), ',' ORDER BY oid) FROM pg_namespace
             WHERE nspname !~ '^pg_'),
           (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint),
           (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_description),
           (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
             WHERE d.datname = current_database()),
           (SELECT coalesce(datacl::text, '-') || datdba FROM pg_database WHERE datname = current_database()),
           (SELECT string_agg(v::text, ',') FROM {VERSION_TABLE} v)
"""


class DatabasePool:
    """Lends databases with the newest schema and nothing in them."""

    def __init__(self, server: PostgresServer, template: Callable[[], str]) -> None:
        self._server, self._template = server, template
        self._free: list[str] = []
        self._numbers = itertools.count(1)
        self._fresh: tuple[object, ...] | None = None
        self._tables = [table.name for table in reversed(metadata.sorted_tables)]

    def take(self) -> str:
        """Return the name of a database."""
        if self._free:
            return self._free.pop()
        name = f"pooled{next(self._numbers)}"
        self._server.run(f"CREATE DATABASE {name} TEMPLATE {self._template()} STRATEGY FILE_COPY")
        if self._fresh is None:
            with self._connect(name) as connection:
                self._fresh = connection.execute(_CATALOG).fetchone()
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it where it is no longer as new."""
        self._server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            with self._connect(name) as connection:
                is_as_new = connection.execute(_CATALOG).fetchone() == self._fresh and self._is_emptied(connection)
        except psycopg.Error:
            is_as_new = False
        if is_as_new:
            self._free.append(name)
        else:
            self._server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _is_emptied(self, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
        """Delete every row; say whether there were few."""
        found = connection.execute(
            "SELECT " + ", ".join(f"EXISTS (SELECT FROM {_quoted(name)})" for name in self._tables)
        ).fetchone()
        assert found is not None
        counts = [
            connection.execute(f"DELETE FROM {_quoted(name)}".encode()).rowcount
            for name, has_rows in zip(self._tables, found, strict=True)
            if has_rows
        ]
        return max(counts, default=0) <= MAX_ROWS

    def _connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(f"postgresql://postgres@/{name}?host={self._server.folder}", autocommit=True)


def _quoted(name: str) -> str:
    return sa.dialects.postgresql.dialect().identifier_preparer.quote(name)
