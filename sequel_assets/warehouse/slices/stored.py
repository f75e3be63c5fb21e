"""Reads slices of one company as they are stored: rows, bookkeeping, control totals, and what is beyond a capped list.

For `replacement`, which compares and writes; nothing here writes.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.decisions import Before, SliceUpdate, with_unlisted
from sequel_assets.warehouse.tables.core import NO_DAY, event_concurrency, event_participants, proofs, refreshes
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

_BOOKKEEPING = sa.select(refreshes).where(
    refreshes.c.company_id == sa.bindparam("of_company"),
    refreshes.c.dataset.in_(sa.bindparam("datasets", expanding=True)),
    refreshes.c.day.between(sa.bindparam("first"), sa.bindparam("last")),
)
"""Composed once, like every statement that each slice needs: composing one takes three times as long as running it."""


@lru_cache
def _rows_of_days(table: sa.Table) -> "sa.Select[Any]":
    c = table.c
    days = c.day.between(sa.bindparam("first"), sa.bindparam("last"))
    return sa.select(table).where(c.company_id == sa.bindparam("of_company"), days)


def stored_slices(
    connection: sa.Connection, company_id: str, updates: Sequence[SliceUpdate]
) -> dict[tuple[str, date], Before]:
    """Return what is stored of the slices of updates, by table name and day."""
    days: dict[sa.Table, list[date]] = {}
    for update in updates:
        days.setdefault(update.table, []).append(update.day)
    names = [table.name for table in days]
    bookkept = bookkeeping_rows(connection, company_id, names, [update.day for update in updates])
    found = {}
    for table, here in days.items():
        known = {day: bookkept.get((table.name, day)) for day in here}
        rows = _rows_by_day(connection, table, company_id, [day for day, row in known.items() if row and row.rows])
        totals: dict[date, frozenset[Row]] = {}
        if table is event_participants or table is event_concurrency:  # they have each event's newest hour
            totals = _rows_by_day(connection, proofs, company_id, here)
        beyond: dict[date, frozenset[Row]] = {}
        if table is event_participants:
            beyond = _rows_by_day(connection, unlisted_usage, company_id, here)
        none: frozenset[Row] = frozenset()
        for day, row in known.items():
            found[table.name, day] = Before(row, rows.get(day, none), totals.get(day, none), beyond.get(day, none))
    return found


def bookkeeping_rows(
    connection: sa.Connection, company_id: str, datasets: Sequence[str], days: Sequence[date]
) -> dict[tuple[str, date], Any]:
    """Return the rows of `refreshes` of datasets and days, by dataset and day."""
    here = {"of_company": company_id, "datasets": datasets, "first": min(days), "last": max(days)}
    return {(row.dataset, row.day): row for row in connection.execute(_BOOKKEEPING, here)}


def _rows_by_day(
    connection: sa.Connection, table: sa.Table, company_id: str, days: Sequence[date]
) -> dict[date, frozenset[Row]]:
    if not days:
        return {}
    place, wanted = table.columns.keys().index("day"), set(days)
    found: dict[date, list[Row]] = {}
    here = {"of_company": company_id, "first": min(days), "last": max(days)}
    for row in connection.execute(_rows_of_days(table), here):
        if row[place] in wanted:
            found.setdefault(row[place], []).append(tuple(row))
    return {day: frozenset(rows) for day, rows in found.items()}


def counted_rows(connection: sa.Connection, company_id: str, table: sa.Table, day: date) -> list[Row]:
    """Return the rows of a slice, and what is beyond them as rows of nobody."""
    return [*rows_of(connection, table, company_id, day), *rows_of_nobody(connection, table, company_id, day)]


def rows_of_nobody(connection: sa.Connection, table: sa.Table, company_id: str, day: date) -> frozenset[Row]:
    """Return the minutes beyond the lists of a day as rows of nobody; only the minutes of events have any."""
    if table is not event_participants:
        return frozenset()
    return with_unlisted(frozenset(), frozenset(rows_of(connection, unlisted_usage, company_id, day)))


def rows_of(connection: sa.Connection, table: sa.Table, company_id: str, day: date) -> list[Row]:
    """Return the rows of a slice; those of all days for a dataset without days."""
    here = [table.c.company_id == company_id]
    if day != NO_DAY:
        here.append(table.c.day == day)
    return [tuple(row) for row in connection.execute(sa.select(table).where(*here))]
