"""Which events a day still tells of, and how time is counted the same on every engine.

An event's replay window opens on the UTC day on which it is planned to start and closes REPLAY_DAYS later. As-of rows
of an event are written for those days only, so that its rows are bounded.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, case, cast, func, literal, select

from sequel_assets.insights.daily_usage import average, quotient
from sequel_assets.warehouse.tables.core import STAGE, event_participants, events, refreshes

REPLAY_DAYS = 30
"""How many days after its start day an event is still told of."""
EARLIEST = date(1970, 1, 1)
"""Before any day of any event: times are counted from it."""
ZERO, UNKNOWN = literal(0), cast(sa.null(), sa.BigInteger)
PERCENT = "percent, 0 to 100 with two decimals, halves up"


def percent_column(name: str, comment: str) -> "sa.Column[float]":
    """Return a column of a share that is not known where its denominator is zero or was not told."""
    return sa.Column(name, sa.Numeric(5, 2, asdecimal=False), comment=f"{comment}; {PERCENT}")


def percent(part: Any, whole: Any) -> Any:
    """Return part / whole as SQL in percent with two decimals; null where there is nothing to be a part of."""
    return cast(average(part * 100, whole), sa.Numeric(5, 2, asdecimal=False))


def seconds(column: Any) -> Any:
    """Return whole seconds since 1970 of a day or a moment in UTC, rounded down."""
    exactly = sa.extract("epoch", column)
    whole = cast(exactly, sa.BigInteger)  # which rounds on PostgreSQL
    return whole - case((whole > exactly, 1), else_=0)


def minute_number(column: Any) -> Any:
    """Return the whole minutes since 1970 of a moment."""
    return quotient(seconds(column), 60)


def day_number(column: Any) -> Any:
    """Return the UTC days since 1970 of a day or a moment: what is subtracted where days are apart."""
    return quotient(seconds(column), 86400)


def planned_minutes() -> Any:
    """Return the minutes from an event's planned start to its planned end; null where there are none."""
    planned = minute_number(events.c.ends_at) - minute_number(events.c.starts_at)
    return case((planned > 0, planned), else_=None)


def open_events(company_id: str, first: date, last: date) -> sa.CTE:
    """Return the stage events whose replay window has one of these days: event_id, start_number, planned_minutes, is_cancelled."""
    e = events.c
    begins = datetime.combine(first - timedelta(days=REPLAY_DAYS), time(), UTC)
    ends = datetime.combine(last + timedelta(days=1), time(), UTC)
    return (
        select(
            e.event_id,
            day_number(e.starts_at).label("start_number"),
            planned_minutes().label("planned_minutes"),
            e.is_cancelled,
        )
        .where(e.company_id == company_id, e.event_type == STAGE, e.starts_at >= begins, e.starts_at < ends)
        .cte("open_events")
    )


def known_days(company_id: str, first: date, last: date) -> sa.CTE:
    """Return the refreshed days of a company: day, number, is_open (1 where the day has not closed)."""
    r = refreshes.c
    number = day_number(r.day)
    has_closed = and_(r.full_through.is_not(None), day_number(r.full_through) > number)
    return (
        select(r.day, number.label("number"), case((has_closed, 0), else_=1).label("is_open"))
        .where(
            r.company_id == company_id,
            r.dataset == event_participants.name,
            r.data_through.is_not(None),
            r.day.between(first, last),
        )
        .cte("known")
    )


def open_days(company_id: str, first: date, last: date, start: date, opened: sa.CTE) -> sa.CTE:
    """Return each refreshed day of each event's window: day, what open_events says, has_begun, is_last_day.

    Of an open day it is not known whether its events have begun: no fact says so, and there is no clock.
    """
    days = known_days(company_id, max(start, first), last)
    number, begins = days.c.number, opened.c.start_number
    has_begun = (number > begins) | (days.c.is_open == 0)
    return (
        select(
            days.c.day, *opened.c, has_begun.label("has_begun"), (number == begins + REPLAY_DAYS).label("is_last_day")
        )
        .select_from(opened.join(days, number.between(begins, begins + REPLAY_DAYS)))
        .cte("open_days")
    )


def answered_days(company_id: str, last: date, datasets: Sequence[str]) -> sa.CTE:
    """Return, by day, which of these datasets have a slice of it: number, day, and a column of 1 or 0 per dataset.

    What is not told of an event's start day is not known, and null; what is told has no rows where nothing happened.
    """
    r = refreshes.c
    return (
        select(
            day_number(r.day).label("number"),
            r.day,
            *(func.max(case((r.dataset == name, 1), else_=0)).label(name) for name in datasets),
        )
        .where(r.company_id == company_id, r.dataset.in_(datasets), r.data_through.is_not(None))
        .where(r.day.between(EARLIEST, last))
        .group_by(r.day)
        .cte("told_days")
    )


def where_known(told: Any, number: Any) -> Any:
    """Return a count as a whole number where its dataset is told, else null."""
    return case((told == 1, cast(func.coalesce(number, 0), sa.BigInteger)), else_=None)


def stacked(otherwise: Mapping[str, Any], *parts: tuple[sa.Select[Any], Mapping[str, Any]]) -> sa.Subquery:
    """Return SELECTs one beneath the other, each with its keys and its numbers, and `otherwise` for those it lacks.

    Stacked and then grouped, not joined: without statistics SQLite and PostgreSQL would loop over rows times rows.
    """
    each = [
        keys.add_columns(*(numbers.get(name, nothing).label(name) for name, nothing in otherwise.items()))
        for keys, numbers in parts
    ]
    return sa.union_all(*each).subquery()


def so_far(
    days: sa.FromClause, changes: sa.FromClause, sums: Sequence[str], highest: Sequence[str] = ()
) -> sa.Subquery:
    """Return each event and day with what `days` says of it, and what was added (or highest) up to that day."""
    d, c = days.c, changes.c
    said = {column.name: column for column in d if column.name not in ("event_id", "day")}
    nothing: dict[str, Any] = {name: cast(sa.null(), column.type) for name, column in said.items()}
    nothing |= dict.fromkeys(sums, ZERO) | {name: cast(sa.null(), c[name].type) for name in highest}
    every = stacked(
        nothing | {"is_day": ZERO},
        (select(d.event_id, d.day), said | {"is_day": literal(1)}),
        (select(c.event_id, c.day), {name: c[name] for name in (*sums, *highest)}),
    )
    e = every.c
    until: dict[str, Any] = {"partition_by": e.event_id, "order_by": e.day}
    running = select(
        e.event_id,
        e.day,
        e.is_day,
        *(e[name] for name in said),
        *(func.sum(e[name]).over(**until).label(name) for name in sums),
        *(func.max(e[name]).over(**until).label(name) for name in highest),
    ).subquery("running")
    return (
        select(*(column for column in running.c if column.name != "is_day"))
        .where(running.c.is_day == 1)
        .subquery("so_far")
    )
