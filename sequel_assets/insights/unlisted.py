"""Minutes beyond the people whom Sequel lists, added to what an insight sums; its numbers of people are lower bounds then.

The table is empty unless Sequel caps its lists, so each insight adds it as one more part, beside its pass over the facts.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, case, cast, func, literal, null, select

from sequel_assets.warehouse.tables.core import MINUTES, event_participants
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

HAS_UNLISTED = "has_unlisted_people"
NO_AVERAGE = "and where has_unlisted_people"


def unlisted_column(prefix: str = "", *, nullable: bool = False, suffix: str = "") -> "Column[bool]":
    """Return the column that says whether numbers of people are lower bounds."""
    return Column(
        prefix + HAS_UNLISTED,
        Boolean,
        nullable=nullable,
        server_default=None if nullable else sa.false(),
        comment="true where Sequel counts people beyond those that it lists: minutes include theirs, and each number "
        "of people here is a lower bound" + suffix,
    )


def unlisted_minutes(company_id: str, first: date, last: date, *by: Any) -> sa.Select[Any]:
    """Return the minutes beyond the lists, grouped by columns of `unlisted_usage`, and by how many rows (`unlisted`)."""
    u = unlisted_usage.c
    sums = (func.sum(u[name]).label(name) for name in MINUTES)
    return (
        select(*by, *sums, func.count().label("unlisted"))
        .where(u.company_id == company_id, u.day.between(first, last))
        .group_by(*by)
    )


def events_of_nobody() -> Any:
    """Return how many of the grouped rows are of an event and day without any person in event_participants."""
    u, fact = unlisted_usage.c, event_participants.c
    here = (fact.company_id == u.company_id, fact.day == u.day, fact.event_id == u.event_id)
    return func.sum(case((sa.exists().where(*here).correlate(unlisted_usage), 0), else_=1))


def facts_of_nobody(*columns: str) -> sa.Select[Any]:
    """Return the rows beyond the lists in the form of event_participants, of no person, for a union with facts."""
    u = unlisted_usage.c
    nobody = cast(null(), sa.Text).label("person_id")
    return select(*(nobody if name == "person_id" else u[name] for name in columns))


def known_average(has_unlisted: Any, average: Any) -> Any:
    """Return an average per person, null where there are people beyond those that are known."""
    return case((has_unlisted, None), else_=average)


def is_counted(unlisted: Any) -> Any:
    """Return whether any row beyond the lists was counted, as a boolean."""
    return func.coalesce(unlisted, literal(0)) > 0
