"""The replay window of events: the days on which an event has as-of rows, and what is known of them.

An event's replay window opens on the UTC day on which it is planned to start and closes REPLAY_DAYS later. As-of rows
of an event are written for those days only, so that its rows are bounded.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, case, cast, func, literal, select

from sequel_assets.insights.sql import day_number, minute_number
from sequel_assets.warehouse.tables.core import STAGE, event_participants, events, refreshes

REPLAY_DAYS = 30
"""For how many days after its start day an event has rows."""
EARLIEST = date(1970, 1, 1)
"""Before any day of any event: times are counted from it."""
ZERO, UNKNOWN = literal(0), cast(sa.null(), sa.BigInteger)


def planned_minutes() -> Any:
    """Return the minutes from an event's planned start to its planned end; null where there are none."""
    planned = minute_number(events.c.ends_at) - minute_number(events.c.starts_at)
    return case((planned > 0, planned), else_=None)


def open_events(company_id: str, first: date, last: date) -> sa.CTE:
    """Return the stage events whose replay window has one of these days.

    Columns: event_id, start_number, planned_minutes, is_cancelled.
    """
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
    """Return each refreshed day of each event's window: day, the columns of open_events, has_begun, is_last_day.

    Whether the events of an open day have begun is unknown: no fact says so, and there is no clock here.
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


def answered_days(company_id: str, last: date, datasets: Sequence[str], first: date = EARLIEST) -> sa.CTE:
    """Return, by day, which of these datasets have a slice of it: number, day, and a column of 1 or 0 per dataset.

    Where a dataset has no slice of an event's start day its numbers are unknown (null); where it has one without rows,
    nothing happened (0).
    """
    r = refreshes.c
    return (
        select(
            day_number(r.day).label("number"),
            r.day,
            *(func.max(case((r.dataset == name, 1), else_=0)).label(name) for name in datasets),
        )
        .where(r.company_id == company_id, r.dataset.in_(datasets), r.data_through.is_not(None))
        .where(r.day.between(first, last))
        .group_by(r.day)
        .cte("answered_days")
    )


def where_known(is_known: Any, number: Any) -> Any:
    """Return a count as an integer where its dataset is known (1), else null."""
    return case((is_known == 1, cast(func.coalesce(number, 0), sa.BigInteger)), else_=None)


def stacked(otherwise: Mapping[str, Any], *parts: tuple[sa.Select[Any], Mapping[str, Any]]) -> sa.Subquery:
    """Return a UNION ALL of SELECTs, each with its keys and its numbers, and `otherwise` for the numbers it lacks.

    The caller groups it. A join would be slow: without statistics SQLite and PostgreSQL loop over rows times rows.
    """
    each = [
        keys.add_columns(*(numbers.get(name, nothing).label(name) for name, nothing in otherwise.items()))
        for keys, numbers in parts
    ]
    return sa.union_all(*each).subquery()


def so_far(
    days: sa.FromClause, changes: sa.FromClause, sums: Sequence[str], highest: Sequence[str] = ()
) -> sa.Subquery:
    """Return each event and day with the columns of `days`, and running sums (or maxima) of `changes` up to it."""
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
