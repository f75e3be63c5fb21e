"""Compares two ranges of days for any filter, with or without sub-companies: the columns of `usage_comparison`."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import literal, select

from sequel_assets.insights.company_hierarchy import hierarchy_of
from sequel_assets.insights.periods import Days, is_over
from sequel_assets.insights.range_columns import changes, range_columns
from sequel_assets.insights.ranges import Scope, select_total


@dataclass(frozen=True)
class Side:
    """One of the two ranges: its days, the part that is counted (the history may begin within), its completeness."""

    days: Days
    counted: Scope
    is_known: bool
    is_complete: bool


def select_comparison(period: str, compared_with: str, now: Side, before: Side) -> sa.Select[Any]:
    """Return one row: the period at the end of its range, and the range that it is compared with."""
    hierarchy = hierarchy_of(now.counted.company_id) if now.counted.includes_sub_companies else None
    this, that = (
        select_total(side.counted, hierarchy).subquery(name) for side, name in ((now, "now"), (before, "before"))
    )
    both = sa.true() if now.is_complete and before.is_complete else sa.false()
    days, before_days = literal(len(now.days)), literal(len(before.days))
    return select(
        _day("day", now.days.last),
        literal(period).label("period"),
        literal(compared_with).label("compared_with"),
        literal(is_over(period, now.days.last)).label("is_over"),
        _day("first_day", now.days.first),
        literal(now.is_complete).label("is_complete"),
        *range_columns("", this.c, days),
        _day("before_first_day", before.days.first),
        _day("before_last_day", before.days.last),
        literal(before.is_complete).label("before_is_complete"),
        *range_columns("before_", that.c, before_days),
        *changes(both, days == before_days, (this.c, days), (that.c, before_days)),
    ).select_from(this.outerjoin(that, sa.true() if before.is_known else sa.false()))


def _day(name: str, day: date) -> sa.Label[date]:
    return literal(day, sa.Date).label(name)
