"""The inbox of webhook deliveries: stored before they are acknowledged, then waiting until they are handled.

`handled_at IS NULL` is the queue. The ids can serve as a cursor as well, since they are in the order of the commits: a
writer holds a lock from the first id to the commit (an advisory lock on PostgreSQL, the write transaction on SQLite).
With a sequence, a lower id could be committed later, and a cursor would skip it. `purge` leaves the newest row, so that
no id is used twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.tables.core import companies
from sequel_assets.warehouse.tables.webhooks import inbox


@dataclass(frozen=True)
class Notification:
    """One delivery as it is stored; the columns of `inbox` say what each is."""

    company_id: str
    received_at: datetime
    capability_hash: str
    subscription_id: str | None
    delivery_key: str
    invocation_id: str | None
    correlation_id: str | None
    event_type: str
    event_id: str | None
    sent_at: datetime | None
    page: int | None
    pages: int | None
    body_sha256: str
    verdict: str


_FIELDS = tuple(field.name for field in fields(Notification))
_VALUES = attrgetter(*_FIELDS)
ROWS_AT_ONCE = 500


def store(connection: sa.Connection, notifications: Sequence[Notification]) -> None:
    """Add notifications, in order, within the caller's transaction; one that is stored already stays unchanged."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("sequel_assets inbox", 0))))
    newest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(inbox.c.id), 0))).scalar_one()
    as_stored = _as_stored(connection.dialect)
    bound: list[object] = []
    for number, notification in enumerate(notifications, newest + 1):
        values = zip(as_stored, _VALUES(notification), strict=True)
        bound += (number, *(process(value) if process else value for process, value in values))
    width = len(_FIELDS) + 1
    for first in range(0, len(bound), ROWS_AT_ONCE * width):
        some = tuple(bound[first : first + ROWS_AT_ONCE * width])
        connection.exec_driver_sql(_insert(connection.dialect.name, len(some) // width), some)


@lru_cache(10)
def _as_stored(dialect: sa.Dialect) -> list[Callable[[Any], Any] | None]:
    """Return, for each field, the function that converts a value for the driver."""
    return [inbox.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in _FIELDS]


@lru_cache(1000)
def _insert(dialect: str, rows: int) -> str:
    """Return one statement for so many rows.

    SQLAlchemy sends SQLite a row at a time, and each releases Python's lock and has to wait for it: in a busy receiver
    that takes longer than the disk.
    """
    row = ", ".join(["%s" if dialect == "postgresql" else "?"] * (len(_FIELDS) + 1))
    values = ", ".join([f"({row})"] * rows)
    return f"INSERT INTO {inbox.name} (id, {', '.join(_FIELDS)}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608 - no value is in it


@repeats
def purge(warehouse: Warehouse, before: datetime) -> int:
    """Delete the notifications that were handled before a time and return how many; the newest one always stays.

    Reads first: a write transaction would block the receivers on SQLite.
    """
    newest = sa.select(sa.func.max(inbox.c.id)).scalar_subquery()
    old = (inbox.c.handled_at < before, inbox.c.id != newest)
    with warehouse.read() as connection:
        if connection.scalar(sa.select(inbox.c.id).where(*old).limit(1)) is None:
            return 0
    with warehouse.write() as connection:
        return connection.execute(sa.delete(inbox).where(*old)).rowcount


def lineage(connection: sa.Connection, company_id: str) -> frozenset[str] | None:
    """Return a company and its ancestors; None where it is not known. A loop of companies ends the search."""
    above = (
        sa.select(companies.c.company_id, companies.c.parent_company_id)
        .where(companies.c.company_id == company_id)
        .cte("above", recursive=True)
    )
    parents = sa.select(companies.c.company_id, companies.c.parent_company_id).join(
        above, companies.c.company_id == above.c.parent_company_id
    )
    found = connection.execute(sa.select(above.union(parents).c.company_id)).scalars().all()
    return frozenset(found) or None
