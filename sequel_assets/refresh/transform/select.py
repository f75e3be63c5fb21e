"""Runs the SELECTs of the insights, each composed once for a range of days: composing and compiling takes longer than running.

The company is a parameter, so that a run over many companies composes each SELECT once. It never writes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.slices.checksums import checksum_of
from sequel_assets.warehouse.slices.stored import rows_of
from sequel_assets.warehouse.tables.dataset import Insight

MAX_COMPOSED = 100
"""SELECTs that a process keeps: those of all insights for some ranges of days."""
_COMPANY: Any = sa.bindparam("of_company", type_=sa.Text)


@lru_cache(MAX_COMPOSED)
def _composed(select: Callable[..., Any], first: date, last: date, start: date) -> Any:
    return select(_COMPANY, first, last, start)


def rows_by_day(
    connection: sa.Connection,
    company_id: str,
    insight: Insight,
    days: Sequence[date],
    start: date,
    *,
    is_carried: bool = False,
) -> dict[date, list[Any]]:
    """Return what an insight's SELECT says of these days, which are in order; carried on from the rows of the day before."""
    if not days:
        return {}
    place, chosen = insight.table.columns.keys().index("day"), set(days)
    found: dict[date, list[Any]] = {}
    select = insight.carry if is_carried and insight.carry is not None else insight.select
    statement = _composed(select, days[0], days[-1], start)
    for row in connection.execute(statement, {_COMPANY.key: company_id}):
        if row[place] in chosen:
            found.setdefault(row[place], []).append(tuple(row))
    return found


def is_seed(
    connection: sa.Connection,
    company_id: str,
    insight: Insight,
    day: date,
    wanted: Mapping[date, Any],
    stored: Mapping[date, Any],
) -> bool:
    """Say whether the days after this one may go on from its stored rows (`Insight.carry`).

    They may where the slice is of the facts as they are, all days before it included, and its rows are those of its
    checksum. An insight whose SELECT has changed has no row in `refreshes`: the migration that came with it deletes them.
    """
    if insight.carry is None or day not in wanted or day not in stored:
        return False
    if stored[day].input_checksum != wanted[day].input_checksum:
        return False
    rows = rows_of(connection, insight.table, company_id, day)
    return bool(checksum_of(insight.table, rows) == stored[day].checksum)
