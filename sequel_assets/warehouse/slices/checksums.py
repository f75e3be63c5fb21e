"""One checksum for a set of rows, the same on every engine and in any order."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.tables.core import MOVES_ON

OBSERVED = ("first_seen_at", "vanished_at", "checked_at", "concurrency_from", "concurrency_until")
"""Columns that say when something was observed: they are not part of the content that a checksum covers."""

LATER = ("has_unlisted_people", "before_has_unlisted_people")
"""Columns that came later: they are part of the content where one is true, so that checksums from before stay right."""


def checksum_of(table: sa.Table, rows: Iterable[Row]) -> str:
    """Return the checksum that `refreshes` keeps of rows of a table: over all its columns but those in `OBSERVED`.

    The rows have every column, in the table's order. The same rows have the same checksum, whenever they were
    refreshed.
    """
    return checksum(without_observed(table, rows))


def without_observed(table: sa.Table, rows: Iterable[Row]) -> list[Row]:
    """Return rows of a table, each with every column, without those in `OBSERVED`, and in `LATER` where none is true."""
    rows, names = list(rows), table.columns.keys()
    later = {name for name in LATER if name in names and not any(row[names.index(name)] for row in rows)}
    places = [place for place, name in enumerate(names) if name not in OBSERVED and name not in later]
    if len(places) == len(names):
        return rows
    return [tuple(row[place] for place in places) for row in rows]


def without_hours(table: sa.Table, rows: frozenset[Row]) -> frozenset[Row]:
    """Return rows without the columns that move on with every hour: a later hour of the same numbers changes nothing."""
    places = [place for place, column in enumerate(table.columns) if not column.info.get(MOVES_ON)]
    return (
        rows if len(places) == len(table.columns) else frozenset(tuple(row[place] for place in places) for row in rows)
    )


def checksum(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of a set of rows."""
    digest = hashlib.sha256()
    for line in sorted(json.dumps([_plain(value) for value in row], default=str, ensure_ascii=False) for row in rows):
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return a whole number as an integer: SQLite answers 15 where PostgreSQL answers 15.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
