"""How many people watched at the same time at the most, and when?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, func, literal, select

from sequel_assets.insights.sql import company_label
from sequel_assets.warehouse.tables.core import (
    ALL,
    company_column,
    day_column,
    event_concurrency,
    metadata,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.types import UtcDateTime

peak_concurrency = Table(
    "peak_concurrency",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True,
        comment="the stage event's uid; all = the company over all its events together"),
    Column("peak_users", sa.BigInteger, nullable=False,
        comment="highest number of concurrent users in any minute of the day"),
    Column("peak_at", UtcDateTime, nullable=False, comment="the earliest minute (UTC) with that number"),
    *never_negative("peak_users"),
    comment="The highest concurrency of each day, per event and per company",
)  # fmt: skip


def select_peak_concurrency(company_id: str, first: date, last: date, _start: date) -> sa.CompoundSelect[Any]:
    """Return the SELECT: of each event's minutes, and of the company's minutes added up, the highest and earliest."""
    minute = event_concurrency.c
    chosen = (minute.company_id == company_id, minute.day.between(first, last))
    each = select(minute.day, minute.event_id, minute.minute, minute.users).where(*chosen).subquery("each_event")
    together = (
        select(minute.day, literal(ALL).label("event_id"), minute.minute, func.sum(minute.users).label("users"))
        .where(*chosen)
        .group_by(minute.day, minute.minute)
        .subquery("together")
    )
    return sa.union_all(_highest(company_id, each), _highest(company_id, together))


def _highest(company_id: str, minutes: sa.Subquery) -> sa.Select[Any]:
    m = minutes.c
    place = func.row_number().over(partition_by=(m.day, m.event_id), order_by=(m.users.desc(), m.minute.asc()))
    ranked = select(m.day, m.event_id, m.users, m.minute, place.label("place")).subquery()
    return select(
        company_label(company_id),
        ranked.c.day,
        ranked.c.event_id,
        sa.cast(ranked.c.users, sa.BigInteger).label("peak_users"),
        ranked.c.minute.label("peak_at"),
    ).where(ranked.c.place == 1)


PEAK_CONCURRENCY = Insight(
    table=peak_concurrency,
    subject=Subject.EVENT_DETAILS,
    answers="How many people watched at the same time at the most, and when?",
    grain="one row per company, day and stage event with concurrency, and one (event_id = all) for the company",
    source="derived from event_concurrency",
    refreshed="with the concurrency of its day",
    example="SELECT day, peak_users, peak_at FROM peak_concurrency WHERE event_id = 'all' ORDER BY company_id, day",
    sources=(event_concurrency.name,),
    as_of=False,
    select=select_peak_concurrency,
)
