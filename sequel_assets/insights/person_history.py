"""What has a person done at a company so far, at the end of each day on which they were there?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, case, func, literal, select

from sequel_assets.insights.sql import as_integer, company_label, is_long
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    HUB,
    LIVE,
    MINUTES,
    ON_DEMAND,
    company_column,
    day_column,
    event_participants,
    metadata,
    minutes_column,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject

_SO_FAR = "; over all events and hubs, from counts_from to this day"

person_history = Table(
    "person_history",
    metadata,
    company_column(),
    day_column(),
    Column("person_id", Text, primary_key=True, comment="the person; see people"),
    minutes_column("live_minutes", LIVE + _SO_FAR),
    minutes_column("on_demand_minutes", ON_DEMAND + _SO_FAR),
    minutes_column("engaged_minutes", ENGAGED + _SO_FAR),
    minutes_column("hub_minutes", "of the engaged minutes those in hubs, from counts_from to this day"),
    Column("events", sa.BigInteger, nullable=False,
        comment="events with at least one of their minutes, a hub being one" + _SO_FAR),
    Column("days", sa.BigInteger, nullable=False,
        comment="days with at least one of their minutes, this one included" + _SO_FAR),
    Column("first_day", sa.Date, nullable=False,
        comment="the first day with a minute of theirs, not before counts_from"),
    Column("previous_day", sa.Date, comment="the last day with a minute of theirs before this one; null on the first"),
    Column("counts_from", sa.Date, nullable=False,
        comment="first day that is counted: SEQUEL_START_DATE, or the day after the last one that Sequel forgot "
        "before it was known"),
    *never_negative(*MINUTES, "hub_minutes", "events", "days"),
    comment="Each person over all events of a company, as of the end of each day on which they had a minute",
)  # fmt: skip

_SUMS = (*MINUTES, "hub_minutes", "events")


def select_person_history(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT, one pass over the facts of the people seen in these days: running sums, their latest kept."""
    f = event_participants.c
    chosen = [f.company_id == company_id, f.day.between(start, last)]
    if not is_long(first, last, start):
        seen = select(f.person_id).where(f.company_id == company_id, f.day.between(first, last))
        chosen.append(f.person_id.in_(seen))
    visit = func.row_number().over(partition_by=(f.person_id, f.event_id), order_by=f.day)
    facts = (
        select(f.person_id, f.day, f.event_type, *(f[name] for name in MINUTES), visit.label("visit"))
        .where(*chosen)
        .subquery("facts")
    )
    c = facts.c
    sums = {name: c[name] for name in MINUTES} | {
        "hub_minutes": case((c.event_type == HUB, c.engaged_minutes), else_=0),
        "events": case((c.visit == 1, 1), else_=0),
    }
    per_day = (
        select(c.person_id, c.day, *(func.sum(number).label(name) for name, number in sums.items()))
        .group_by(c.person_id, c.day)
        .subquery("per_day")
    )
    p = per_day.c
    mine: dict[str, Any] = {"partition_by": p.person_id, "order_by": p.day}
    as_of = select(
        p.person_id,
        p.day,
        *(func.sum(p[name]).over(**mine).label(name) for name in _SUMS),
        func.row_number().over(**mine).label("days"),
        func.min(p.day).over(**mine).label("first_day"),
        func.lag(p.day).over(**mine).label("previous_day"),
    ).subquery("as_of")
    return select(
        company_label(company_id),
        as_of.c.day,
        as_of.c.person_id,
        *(as_integer(as_of.c[name]).label(name) for name in _SUMS),
        as_integer(as_of.c.days).label("days"),
        as_of.c.first_day,
        sa.type_coerce(as_of.c.previous_day, sa.Date).label("previous_day"),
        literal(start, sa.Date).label("counts_from"),
    ).where(as_of.c.day >= first)


PERSON_HISTORY = Insight(
    table=person_history,
    subject=Subject.AUDIENCE,
    answers="How often has a person come, for how long, and when before?",
    grain="one row per company, day and person with a minute on that day, as of its end; a person's newest row is their history, "
    "and a day's slice holds whose history went on that day",
    source="derived from event_participants of every day from counts_from on",
    refreshed="when the day closes and when it turns final, and after any day before it changed",
    example="SELECT person_id, max(engaged_minutes) AS engaged_minutes, max(events) AS events, min(first_day) AS first_day, max(day) AS last_day "
    "FROM person_history GROUP BY company_id, person_id",
    sources=(event_participants.name,),
    as_of=True,
    at_close=True,
    select=select_person_history,
)
