"""How is a company doing against the last week, month, quarter or year, and against the same one a year before?

Each day's numbers are added when it enters a period's range and subtracted when it leaves. Running sums over that are
the exact numbers of every range, people and events counted once in each, in one pass over the facts.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Table, Text, and_, func, select

from sequel_assets.insights.comparing import NUMBERS, changes, range_columns
from sequel_assets.insights.event_days import known_days
from sequel_assets.insights.periods import (
    COMPARED_WITH,
    PERIODS,
    Days,
    is_over,
    other,
    to_date,
)
from sequel_assets.insights.running_ranges import running_ranges
from sequel_assets.insights.sql import company_label, day_of, number_of, rows_of
from sequel_assets.insights.unlisted import HAS_UNLISTED, NO_AVERAGE, unlisted_column
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    LIVE,
    ON_DEMAND,
    company_column,
    day_column,
    event_participants,
    metadata,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject

_BEFORE = "; in the range compared with, null where that lies before the history"
_NULL = "; null where one of the two ranges is incomplete, or there was nothing before"


def _numbers(prefix: str, suffix: str, *, nullable: bool) -> list[Column[Any]]:
    def number(name: str, comment: str) -> Column[Any]:
        return Column(prefix + name, BigInteger, nullable=nullable, comment=comment + suffix)

    def decimal(name: str, comment: str) -> Column[Any]:
        return Column(prefix + name, sa.Numeric(14, 2, asdecimal=False), nullable=True, comment=comment + suffix)

    return [
        number("live_minutes", LIVE),
        number("on_demand_minutes", ON_DEMAND),
        number("engaged_minutes", ENGAGED),
        number("unique_users", "distinct people with a minute in the range"),
        number("events", "events with at least one engaged minute in the range; a hub is one"),
        decimal("average_engaged_minutes",
            f"engaged_minutes / unique_users, two decimals, halves up; null when nobody came, {NO_AVERAGE}"),
        decimal("engaged_minutes_per_day", "engaged_minutes / days of the range, two decimals, halves up"),
    ]  # fmt: skip


usage_comparison = Table(
    "usage_comparison",
    metadata,
    company_column(),
    day_column(),
    Column("period", Text, primary_key=True,
        comment="day, week (ISO, Monday to Sunday), month, quarter, year: as far as it has gone at the end of this "
        "day; last_7_days, last_28_days, last_90_days: those ending with it"),
    Column("compared_with", Text, primary_key=True,
        comment="previous: the one directly before; year_before: the same one a year before (29 February: the 28th; "
        "ISO week 53: that year's last)"),
    Column("is_over", Boolean, nullable=False,
        comment="the period ends with this day, and is compared with the whole other one; else with as many days from "
        "the other one's beginning, at most all of it"),
    Column("first_day", sa.Date, nullable=False, comment="first day of the range; its last is day"),
    Column("is_complete", Boolean, nullable=False,
        comment="every day of the range is within the history and has closed"),
    *_numbers("", "", nullable=False),
    Column("before_first_day", sa.Date, nullable=False, comment="first day of the range compared with"),
    Column("before_last_day", sa.Date, nullable=False, comment="last day of the range compared with"),
    Column("before_is_complete", Boolean, nullable=False,
        comment="every day of the range compared with is within the history and has closed; where not, its numbers "
        "are those of the days that are"),
    *_numbers("before_", _BEFORE, nullable=True),
    Column("engaged_minutes_change", sa.Numeric(14, 2, asdecimal=False),
        comment="change of engaged_minutes_per_day in percent, two decimals" + _NULL),
    Column("events_change", sa.Numeric(14, 2, asdecimal=False),
        comment="change of events per day in percent, two decimals" + _NULL),
    Column("unique_users_change", sa.Numeric(14, 2, asdecimal=False),
        comment="change of unique_users in percent, two decimals; also null where the ranges are of unlike length: "
        "people are not so many a day, and where one of them has_unlisted_people" + _NULL),
    unlisted_column(),
    unlisted_column("before_", nullable=True, suffix=_BEFORE),
    *never_negative(*NUMBERS, *(f"before_{name}" for name in NUMBERS)),
    info={"repeats": True},
    comment="A company's usage in the usual periods, as they stood at the end of each day, beside the one before and "
    "the one a year before",
)  # fmt: skip


def select_usage_comparison(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: 16 rows for each day (a period each, compared with two others); it counts from `start`."""
    pairs = [(day, p, how, to_date(p, day), other(p, how, day)) for day in Days(first, last)
             for p in PERIODS for how in COMPARED_WITH]  # fmt: skip
    earliest = max(start, min(min(now.first, before.first) for *_, now, before in pairs))
    known = known_days(company_id, earliest, last)
    running = running_ranges(company_id, known, Days(earliest, last))
    wanted = rows_of(
        "wanted",
        {"period": Text, "compared_with": Text, "number": sa.Integer, "is_over": sa.Integer, "first_number": sa.Integer,
         "days": sa.Integer, "is_known": sa.Integer, "before_number": sa.Integer, "before_first_number": sa.Integer,
         "before_days": sa.Integer, "before_is_known": sa.Integer},
        [(p, how, number_of(day), int(is_over(p, day)), number_of(now.first), len(now), int(now.first >= start),
          number_of(before.last), number_of(before.first), len(before), int(before.first >= start))
         for day, p, how, now, before in pairs],
    )  # fmt: skip
    now, before = running.alias("now"), running.alias("before")
    w, a, b = wanted.c, now.c, before.c
    complete = and_(w.is_known == 1, a.open_days == 0)
    before_complete = and_(w.before_is_known == 1, func.coalesce(b.open_days, 1) == 0)
    both = and_(complete, before_complete)
    has_unlisted, had_unlisted = a.unlisted > 0, b.unlisted > 0
    has_same_people = and_(w.days == w.before_days, a.unlisted == 0, b.unlisted == 0)
    return select(
        company_label(company_id),
        day_of(w.number).label("day"),
        w.period,
        w.compared_with,
        (w.is_over == 1).label("is_over"),
        day_of(w.first_number).label("first_day"),
        complete.label("is_complete"),
        *range_columns("", a, w.days, has_unlisted),
        day_of(w.before_first_number).label("before_first_day"),
        day_of(w.before_number).label("before_last_day"),
        before_complete.label("before_is_complete"),
        *range_columns("before_", b, w.before_days, had_unlisted),
        *changes(both, has_same_people, (a, w.days), (b, w.before_days)),
        has_unlisted.label(HAS_UNLISTED),
        had_unlisted.label(f"before_{HAS_UNLISTED}"),
    ).select_from(
        wanted.join(now, and_(a.period == w.period, a.number == w.number)).outerjoin(
            before, and_(b.period == w.period, b.number == w.before_number)
        )
    )


USAGE_COMPARISON = Insight(
    table=usage_comparison,
    subject=Subject.USAGE,
    answers="How is a company doing against the period before, and against the same one a year before?",
    grain="one row per company, day, period and what it is compared with: 16 a day, over all event types (one type: "
    "`sequel-assets query usage --event-type`)",
    source="derived from event_participants of every day from counts_from (see lifetime_usage) on",
    refreshed="at the day's close, and after any day before it changed",
    example="SELECT day, period, engaged_minutes_per_day, before_engaged_minutes_per_day, engaged_minutes_change "
    "FROM usage_comparison WHERE compared_with = 'previous' AND is_over ORDER BY company_id, day, period",
    sources=(event_participants.name,),
    as_of=True,
    at_close=True,
    select=select_usage_comparison,
)
