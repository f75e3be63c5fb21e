"""Compares two ranges of days for any filter, with or without sub-companies: the columns are those of `usage_comparison`."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, case, cast, literal, select

from sequel_assets.insights.company_hierarchy import hierarchy_of
from sequel_assets.insights.counted_usage import UsageCount, select_counted
from sequel_assets.insights.periods import Days, is_over
from sequel_assets.insights.ranges import Scope, select_total
from sequel_assets.insights.sql import average, quotient
from sequel_assets.insights.unlisted import HAS_UNLISTED, known_average
from sequel_assets.warehouse.tables.core import MINUTES

NUMBERS = (*MINUTES, "unique_users", "events")


@dataclass(frozen=True)
class Side:
    """One of the two ranges: its days, the part that is counted (the history may begin within), its completeness."""

    days: Days
    counted: Scope
    is_known: bool
    is_complete: bool
    usage: UsageCount | None = None
    """Its numbers where they are counted already, else they are counted from the facts."""


def select_comparison(period: str, compared_with: str, now: Side, before: Side) -> sa.Select[Any]:
    """Return one row: the period at the end of its range, and the range that it is compared with."""
    hierarchy = hierarchy_of(now.counted.company_id) if now.counted.includes_sub_companies else None
    this, that = (
        (select_counted([side.usage]) if side.usage else select_total(side.counted, hierarchy)).subquery(name)
        for side, name in ((now, "now"), (before, "before"))
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
        *range_columns("", this.c, days, this.c[HAS_UNLISTED]),
        _day("before_first_day", before.days.first),
        _day("before_last_day", before.days.last),
        literal(before.is_complete).label("before_is_complete"),
        *range_columns("before_", that.c, before_days, that.c[HAS_UNLISTED]),
        *changes(both, _is_fair(days == before_days, this.c, that.c), (this.c, days), (that.c, before_days)),
        this.c[HAS_UNLISTED],
        that.c[HAS_UNLISTED].label(f"before_{HAS_UNLISTED}"),
    ).select_from(this.outerjoin(that, sa.true() if before.is_known else sa.false()))


def _day(name: str, day: date) -> sa.Label[date]:
    return literal(day, sa.Date).label(name)


def _is_fair(is_as_long: Any, now: Any, before: Any) -> Any:
    """Return whether people can be compared: ranges of one length, and everybody is known."""
    return and_(is_as_long, sa.not_(now[HAS_UNLISTED]), sa.not_(before[HAS_UNLISTED]))


def range_columns(prefix: str, numbers: Any, days: Any, has_unlisted: Any) -> list[Any]:
    """Return the columns of a range of so many days; `has_unlisted` says whether people are a lower bound."""
    of_people = known_average(has_unlisted, average(numbers.engaged_minutes, numbers.unique_users))
    return [
        *(numbers[name].label(prefix + name) for name in NUMBERS),
        of_people.label(f"{prefix}average_engaged_minutes"),
        average(numbers.engaged_minutes, days).label(f"{prefix}engaged_minutes_per_day"),
    ]


def changes(both: Any, has_same_people: Any, now: tuple[Any, Any], before: tuple[Any, Any]) -> list[Any]:
    """Return the changes between two ranges, each its numbers and its days, where `both` are complete.

    `has_same_people` says whether their numbers of people can be compared.
    """
    (a, days), (b, before_days) = now, before
    return [
        _change(both, a.engaged_minutes * before_days, b.engaged_minutes * days).label("engaged_minutes_change"),
        _change(both, a.events * before_days, b.events * days).label("events_change"),
        _change(and_(both, has_same_people), a.unique_users, b.unique_users).label("unique_users_change"),
    ]


def _change(is_fair: Any, now: Any, before: Any) -> Any:
    """Return the change from before to now in percent, two decimals, halves away from zero; null unless it is fair."""
    grown, shrunk = (quotient(more * 20_000 + before, before * 2) for more in (now - before, before - now))
    hundredths = case((now >= before, grown), else_=-shrunk)
    return cast(
        case((and_(is_fair, before > 0), hundredths / sa.literal_column("100.0")), else_=None),
        sa.Numeric(14, 2, asdecimal=False),
    )
