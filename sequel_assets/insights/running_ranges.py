"""The numbers of every usual period at the end of each day, in one pass over the facts.

Each day's numbers are added when it enters a period's range and subtracted when it leaves; running sums over that are
exact, people and events counted once in each range.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Text, and_, case, func, literal, select

from sequel_assets.insights.comparing import NUMBERS
from sequel_assets.insights.periods import CALENDAR, ROLLING, Days, full_period
from sequel_assets.insights.sql import as_integer, day_number, number_of, rows_of
from sequel_assets.insights.unlisted import facts_of_nobody
from sequel_assets.warehouse.tables.core import MINUTES, event_participants
from sequel_assets.warehouse.tables.unlisted import unlisted_usage


def running_ranges(company_id: str, known: sa.CTE, days: Days) -> sa.CTE:
    """Return, per period and known day, the numbers of the range that the period has at the end of that day."""
    spans = _spans(known, days)
    fact, u = event_participants.c, unlisted_usage.c
    facts = (
        select(fact.person_id, fact.event_id, *(fact[name] for name in MINUTES), day_number(fact.day).label("number"))
        .where(fact.company_id == company_id, fact.day.between(days.first, days.last))
        .union_all(
            facts_of_nobody("person_id", "event_id", *MINUTES)
            .add_columns(day_number(u.day).label("number"))
            .where(u.company_id == company_id, u.day.between(days.first, days.last))
        )
        .cte("facts")
    )
    of_day = (
        select(
            facts.c.number,
            *(func.sum(facts.c[name]).label(name) for name in MINUTES),
            (func.count() - func.count(facts.c.person_id)).label("unlisted"),
        )
        .group_by(facts.c.number)
        .cte("of_day")
    )
    zero = literal(0)
    minutes, beyond = [func.coalesce(of_day.c[name], 0) for name in MINUTES], func.coalesce(of_day.c.unlisted, 0)
    each = spans.join(known, known.c.number == spans.c.number).outerjoin(of_day, of_day.c.number == spans.c.number)
    people = _appearances(facts, facts.c.person_id, "people_seen")
    events = _appearances(facts, facts.c.event_id, "events_seen")
    changes = sa.union_all(
        select(spans.c.period, spans.c.number, *(n.label(name) for n, name in zip(minutes, MINUTES, strict=True)),
               zero.label("unique_users"), zero.label("events"), known.c.is_open.label("open_days"), beyond.label("unlisted")).select_from(each),
        select(spans.c.period, spans.c.leaves, *(-n for n in minutes), zero, zero, -known.c.is_open, -beyond).select_from(each),
        *(select(spans.c.period, place, zero, zero, zero, *counts, zero, zero)
          .select_from(spans.join(seen, seen.c.number == spans.c.number))
          for seen, sign in ((people, 1), (events, 0))
          for counts, place in (((seen.c.many * sign, seen.c.many * (1 - sign)), spans.c.number),
                                ((-seen.c.many * sign, -seen.c.many * (1 - sign)), _earlier(seen.c.next_number, spans.c.leaves)))),
    ).subquery("changes")  # fmt: skip
    names = (*NUMBERS, "open_days", "unlisted")
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
    seen = select(facts.c.number, who.label("who")).where(who.is_not(None)).distinct().subquery()
    following = func.lead(seen.c.number).over(partition_by=seen.c.who, order_by=seen.c.number)
    each = select(seen.c.number, following.label("next_number")).subquery()
    return (
        select(each.c.number, each.c.next_number, func.count().label("many"))
        .group_by(each.c.number, each.c.next_number)
        .cte(name)
    )


def _earlier(next_number: Any, leaves: Any) -> Any:
    return case((next_number < leaves, next_number), else_=leaves)
