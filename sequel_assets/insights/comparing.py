"""Two ranges side by side, for any filter and any tree: the columns of `usage_comparison`, counted from the facts at once."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import literal, select

from sequel_assets.insights.periods import Days, is_over
from sequel_assets.insights.ranges import Scope, select_total
from sequel_assets.insights.tree import tree_of
from sequel_assets.insights.usage_comparison import changes, told


@dataclass(frozen=True)
class Side:
    """One of the two ranges: its days, what is counted of them (the history may begin within), how far that goes."""

    days: Days
    counted: Scope
    is_known: bool
    is_complete: bool


def select_comparison(period: str, compared_with: str, now: Side, before: Side) -> sa.Select[Any]:
    """Return one row: the period as it stands at the end of its range, beside the range that it is compared with."""
    tree = tree_of(now.counted.company_id) if now.counted.is_tree else None
    this, that = (select_total(side.counted, tree).subquery(name) for side, name in ((now, "now"), (before, "before")))
    both = sa.true() if now.is_complete and before.is_complete else sa.false()
    days, before_days = literal(len(now.days)), literal(len(before.days))
    return select(
        _day("day", now.days.last),
        literal(period).label("period"),
        literal(compared_with).label("compared_with"),
        literal(is_over(period, now.days.last)).label("is_over"),
        _day("first_day", now.days.first),
        literal(now.is_complete).label("is_complete"),
        *told("", this.c, days),
        _day("before_first_day", before.days.first),
        _day("before_last_day", before.days.last),
        literal(before.is_complete).label("before_is_complete"),
        *told("before_", that.c, before_days),
        *changes(both, days == before_days, (this.c, days), (that.c, before_days)),
    ).select_from(this.outerjoin(that, sa.true() if before.is_known else sa.false()))


def _day(name: str, day: date) -> sa.Label[date]:
    return literal(day, sa.Date).label(name)
