"""Closes what a test left open to its PostgreSQL database, before that database goes to the next test.

An engine that nobody disposed keeps its connection until garbage is collected, in the middle of another test, which then
fails by a ResourceWarning that is not its own.
"""

from __future__ import annotations

import weakref

import psycopg
import sqlalchemy as sa
from sqlalchemy.pool import Pool

_made: weakref.WeakSet[psycopg.Connection[object]] = weakref.WeakSet()


def watch() -> None:
    """Remember each connection that an engine of this process makes with psycopg."""

    @sa.event.listens_for(Pool, "connect")
    def remember(connection: object, _record: object) -> None:
        if isinstance(connection, psycopg.Connection):
            _made.add(connection)


def close(*databases: str) -> None:
    """Close every connection to these databases."""
    for connection in [one for one in _made if not one.closed and one.info.dbname in databases]:
        connection.close()
