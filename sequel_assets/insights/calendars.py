"""Days within a SELECT: those that are refreshed, and small lists that Python has made, such as ranges to be answered.

A day goes by its number, the days since 1970, so that days are added and compared the same on every engine.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

_EPOCH = date(1970, 1, 1)


def number_of(day: date) -> int:
    """Return the days since 1970."""
    return (day - _EPOCH).days


def rows_of(name: str, columns: Mapping[str, Any], rows: Sequence[tuple[Any, ...]]) -> sa.CTE:
    """Return rows of numbers and plain words as a table of a SELECT; they are written into it, not bound."""
    listed = [sa.column(column, kind) for column, kind in columns.items()]
    return sa.values(*listed, name=name, literal_binds=True).data(rows).cte(name)


def calendar_of(days: Collection[date]) -> sa.CTE:
    """Return days by their number: number, day."""
    listed = sa.values(sa.column("number", sa.Integer), sa.column("day", sa.Date), name="calendar")
    return listed.data([(number_of(day), day) for day in sorted(days)]).cte("calendar")
