"""How complete the numbers of any range of days are: which days are missing or have not closed.

Each company is checked by itself: a company that is gone has no slice, and its absence must not hide another's.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import case, cast, func, null, select

from sequel_assets.insights.company_hierarchy import hierarchy_of
from sequel_assets.insights.periods import DAY, Days
from sequel_assets.insights.ranges import Scope, rows_within
from sequel_assets.warehouse.tables.core import companies, refreshes


def select_members(scope: Scope) -> Any:
    """Return the companies that are counted: company_id, from_day, until_day (excluded), gone_at."""
    c = companies.c
    if not scope.includes_sub_companies:
        no_day = cast(null(), sa.Date)
        own = c.company_id == scope.company_id
        return select(c.company_id, no_day.label("from_day"), no_day.label("until_day"), c.gone_at).where(own)
    hierarchy = hierarchy_of(scope.company_id)
    return select(*hierarchy.c, c.gone_at).join_from(hierarchy, companies, c.company_id == hierarchy.c.company_id)


def select_coverage(scope: Scope, datasets: Collection[str]) -> Any:
    """Return, for each day and company with all of these datasets, the least hours that they cover."""
    r, (source, here) = refreshes.c, rows_within(refreshes, scope)
    least = case((func.count(r.full_through) == func.count(), func.min(r.full_through)), else_=None)
    return (
        select(r.day, r.company_id, func.min(r.data_through).label("data_through"), least.label("full_through"))
        .select_from(source)
        .where(r.dataset.in_(datasets), *here, r.data_through.is_not(None))
        .group_by(r.day, r.company_id)
        .having(func.count() == len(datasets))
    )


@dataclass(frozen=True)
class Coverage:
    """How complete the numbers of a range are."""

    companies: int
    """How many companies are counted on the last day."""
    missing: tuple[date, ...] = field(default=())
    """Days that a company lacks: not fetched yet, failed, or no longer kept by Sequel."""
    not_closed: tuple[date, ...] = field(default=())
    """Days of which not every event has been fetched after the day's end."""
    data_through: datetime | None = None
    """Everything up to this time is counted, of the days that are known; None where none is."""

    @property
    def is_complete(self) -> bool:
        """Say whether every day is known and closed."""
        return not self.missing and not self.not_closed


def judge(days: Days, members: Iterable[Sequence[Any]], known: Iterable[Sequence[Any]]) -> Coverage:
    """Return a range's coverage by the rows of `select_members` and `select_coverage`. Pure.

    A company that is gone is not missing.
    """
    belonging = list(members)
    of_day: dict[date, dict[str, tuple[datetime, datetime | None]]] = {}
    for day, company_id, data_through, full_through in known:
        of_day.setdefault(day, {})[company_id] = data_through, full_through
    missing, not_closed, through = [], [], datetime.combine(days.last + DAY, time(), UTC)
    counted = 0
    for day in days:
        here = [
            (who, gone) for who, begins, ends, gone in belonging if (begins or day) <= day and (not ends or day < ends)
        ]
        counted = len(here)
        covered = of_day.get(day, {})
        end = datetime.combine(day + DAY, time(), UTC)
        if any(who not in covered and (gone is None or day < gone.date()) for who, gone in here):
            missing.append(day)
        if any(full_through is None or full_through < end for _, full_through in covered.values()):
            not_closed.append(day)
        through = min([through, *(data_through for data_through, _ in covered.values() if data_through < end)])
    return Coverage(counted, tuple(missing), tuple(not_closed), through if of_day else None)
