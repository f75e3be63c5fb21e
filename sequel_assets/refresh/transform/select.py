"""Runs the SELECTs of the insights, each composed once for a range of days: composing and compiling takes longer than running.

The company is a parameter, so that a run over many companies composes each SELECT once. It never writes.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.tables.dataset import Insight

MAX_COMPOSED = 100
"""SELECTs that a process keeps: those of all insights for some ranges of days."""
_COMPANY: Any = sa.bindparam("of_company", type_=sa.Text)


@lru_cache(MAX_COMPOSED)
def _composed(select: Callable[..., Any], first: date, last: date, start: date) -> Any:
    return select(_COMPANY, first, last, start)


def rows_by_day(
    connection: sa.Connection, company_id: str, insight: Insight, days: Sequence[date], start: date
) -> dict[date, list[Any]]:
    """Return what an insight's SELECT says of these days, which are in order."""
    if not days:
        return {}
    place, chosen = insight.table.columns.keys().index("day"), set(days)
    found: dict[date, list[Any]] = {}
    statement = _composed(insight.select, days[0], days[-1], start)
    for row in connection.execute(statement, {_COMPANY.key: company_id}):
        if row[place] in chosen:
            found.setdefault(row[place], []).append(tuple(row))
    return found
