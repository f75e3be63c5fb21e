"""How is a company doing against the last week, month, quarter or year, and against the same one a year before?

Each day's numbers are added when it enters a period's range and subtracted when it leaves. Running sums over that are
the exact numbers of every range, people and events counted once in each, in one pass over the facts.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Table, Text, and_, case, func, literal, select

from sequel_assets.insights.comparing import NUMBERS, changes, range_columns
from sequel_assets.insights.event_days import known_days
from sequel_assets.insights.periods import (
    CALENDAR,
    COMPARED_WITH,
    PERIODS,
    ROLLING,
    Days,
    full_period,
    is_over,
    other,
    to_date,
)
from sequel_assets.insights.sql import as_integer, company_label, day_number, day_of, number_of, rows_of
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    LIVE,
    MINUTES,
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
            "engaged_minutes / unique_users, two decimals, halves up; null when nobody came"),
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
        "people are not so many a day" + _NULL),
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
    running = _running(company_id, known, Days(earliest, last))
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
    return select(
        company_label(company_id),
        day_of(w.number).label("day"),
        w.period,
        w.compared_with,
        (w.is_over == 1).label("is_over"),
        day_of(w.first_number).label("first_day"),
        complete.label("is_complete"),
        *range_columns("", a, w.days),
        day_of(w.before_first_number).label("before_first_day"),
        day_of(w.before_number).label("before_last_day"),
        before_complete.label("before_is_complete"),
        *range_columns("before_", b, w.before_days),
        *changes(both, w.days == w.before_days, (a, w.days), (b, w.before_days)),
    ).select_from(
        wanted.join(now, and_(a.period == w.period, a.number == w.number)).outerjoin(
            before, and_(b.period == w.period, b.number == w.before_number)
        )
    )


def _running(company_id: str, known: sa.CTE, days: Days) -> sa.CTE:
    """Return, per period and known day, the numbers of the range that the period has at the end of that day."""
    spans = _spans(known, days)
    fact = event_participants.c
    facts = (
        select(day_number(fact.day).label("number"), fact.person_id, fact.event_id, *(fact[name] for name in MINUTES))
        .where(fact.company_id == company_id, fact.day.between(days.first, days.last))
        .cte("facts")
    )
    of_day = (
        select(facts.c.number, *(func.sum(facts.c[name]).label(name) for name in MINUTES))
        .group_by(facts.c.number)
        .cte("of_day")
    )
    zero = literal(0)
    minutes = [func.coalesce(of_day.c[name], 0) for name in MINUTES]
    each = spans.join(known, known.c.number == spans.c.number).outerjoin(of_day, of_day.c.number == spans.c.number)
    people = _appearances(facts, facts.c.person_id, "people_seen")
    events = _appearances(facts, facts.c.event_id, "events_seen")
    changes = sa.union_all(
        select(spans.c.period, spans.c.number, *(n.label(name) for n, name in zip(minutes, MINUTES, strict=True)),
               zero.label("unique_users"), zero.label("events"), known.c.is_open.label("open_days")).select_from(each),
        select(spans.c.period, spans.c.leaves, *(-n for n in minutes), zero, zero, -known.c.is_open).select_from(each),
        *(select(spans.c.period, place, zero, zero, zero, *counts, zero)
          .select_from(spans.join(seen, seen.c.number == spans.c.number))
          for seen, sign in ((people, 1), (events, 0))
          for counts, place in (((seen.c.many * sign, seen.c.many * (1 - sign)), spans.c.number),
                                ((-seen.c.many * sign, -seen.c.many * (1 - sign)), _earlier(seen.c.next_number, spans.c.leaves)))),
    ).subquery("changes")  # fmt: skip
    names = (*NUMBERS, "open_days")
    by_day = (
        select(changes.c.period, changes.c.number, *(func.sum(changes.c[name]).label(name) for name in names))
        .group_by(changes.c.period, changes.c.number)
        .subquery("by_day")
    )
    here = and_(by_day.c.period == spans.c.period, by_day.c.number == spans.c.number)
    return (
        select(
            spans.c.period,
            spans.c.number,
            *(
                as_integer(func.sum(by_day.c[name]).over(partition_by=spans.c.period, order_by=spans.c.number)).label(
                    name
                )
                for name in names
            ),
        )
        .select_from(spans.outerjoin(by_day, here))
        .cte("running")
    )


def _spans(known: sa.CTE, days: Days) -> sa.CTE:
    """Return, per period and known day, the number of the day at whose end this one is no more in the range."""
    instances = sorted({(period, full_period(period, day)) for period in CALENDAR for day in days})
    listed = rows_of(
        "instances",
        {"period": Text, "first_number": sa.Integer, "last_number": sa.Integer},
        [(period, number_of(one.first), number_of(one.last)) for period, one in instances],
    )
    rolling = [
        select(literal(period).label("period"), known.c.number, (known.c.number + length).label("leaves"))
        for period, length in ROLLING.items()
    ]
    calendar = select(listed.c.period, known.c.number, (listed.c.last_number + 1).label("leaves")).select_from(
        listed.join(known, known.c.number.between(listed.c.first_number, listed.c.last_number))
    )
    return sa.union_all(*rolling, calendar).cte("spans")


def _appearances(facts: sa.CTE, who: Any, name: str) -> sa.CTE:
    """Return how many people (or events) a day has, by the next day that has them: number, next_number, many."""
    seen = select(facts.c.number, who.label("who")).distinct().subquery()
    following = func.lead(seen.c.number).over(partition_by=seen.c.who, order_by=seen.c.number)
    each = select(seen.c.number, following.label("next_number")).subquery()
    return (
        select(each.c.number, each.c.next_number, func.count().label("many"))
        .group_by(each.c.number, each.c.next_number)
        .cte(name)
    )


def _earlier(next_number: Any, leaves: Any) -> Any:
    return case((next_number < leaves, next_number), else_=leaves)


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
