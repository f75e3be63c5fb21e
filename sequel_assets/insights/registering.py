"""Who registered for an event, from which day on that counts, and whether it is known at all.

Somebody who registers for the replay does so after the event and counts from that day on. Somebody who registered
before counts from the event's start day on, as all details of an event do.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sequel_assets.warehouse.tables.event_details import event_activity


class _UtcDay(FunctionElement[date]):
    """The UTC day of a time, as a date: there is no SQL for it that every engine understands."""

    name = "utc_day"
    type = sa.Date()
    inherit_cache = True


@compiles(_UtcDay, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    return f"date({compiler.process(element.clauses, **more)})"


@compiles(_UtcDay)
def _elsewhere(element: Any, compiler: Any, **more: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **more)} AT TIME ZONE 'UTC' AS DATE)"


def entry_day() -> Any:
    """Return the day from which an entry of event_activity counts as registered; its start day where nobody did."""
    a = event_activity.c
    registered_on = _UtcDay(a.registered_at)
    return case((registered_on > a.day, registered_on), else_=a.day)


def listed_of_events(company_id: str, first: date, last: date, *chosen: Any) -> sa.CTE:
    """Return how many entries event_activity has of each (chosen) event that starts on these days, and of them with what.

    `dated` have a time of registration, `counted` say how many questions they asked or polls they answered.
    """
    a = event_activity.c
    return (
        select(
            a.event_id,
            func.count().label("entries"),
            func.count(a.registered_at).label("dated"),
            func.count(func.coalesce(a.questions, a.polls)).label("counted"),
        )
        .where(a.company_id == company_id, a.day.between(first, last), *chosen)
        .group_by(a.event_id)
        .cte("listed")
    )


def is_registration_known(is_activity_known: Any, listed: Any) -> Any:
    """Return the condition that it is known who registered: not where there are entries and none has a time of it."""
    return (is_activity_known == 1) & ((func.coalesce(listed.entries, 0) == 0) | (listed.dated > 0))
