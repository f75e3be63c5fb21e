"""Of the people at an event's peak, how many were there in each minute?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, func, select

from sequel_assets.insights.sql import company_label, is_long, minute_number, percent, percent_column, within
from sequel_assets.warehouse.tables.core import (
    company_column,
    day_column,
    event_concurrency,
    events,
    metadata,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.types import UtcDateTime

event_retention = Table(
    "event_retention",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the stage event's uid"),
    Column("minute", UtcDateTime, primary_key=True, comment="the minute (UTC), by its beginning"),
    Column("minute_of_event", sa.BigInteger,
        comment="minutes from the planned start, negative before it; null where Sequel gives no start"),
    Column("users", sa.BigInteger, nullable=False, comment="concurrent users in that minute"),
    percent_column("share_of_peak",
        "users / the highest number of concurrent users in any minute of the event up to the end of this day; null "
        "where that is 0"),
    *never_negative("users"),
    comment="The retention curve of each event: the share of its peak that is there in each minute",
)  # fmt: skip


def select_event_retention(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: every known minute, and the event's peak up to the end of its day."""
    c, e = event_concurrency.c, events.c
    events_of_days = select(c.event_id).where(c.company_id == company_id, c.day.between(first, last))
    peak = func.max(c.users).over(partition_by=c.event_id, order_by=c.day)  # of all minutes up to the day's end
    minutes = (
        select(c.day, c.event_id, c.minute, c.users, peak.label("peak"))
        .where(c.company_id == company_id, c.day.between(start, last))
        .where(*within(c.event_id, events_of_days, is_all=is_long(first, last, start)))
        .subquery("minutes")
    )
    m = minutes.c
    return (
        select(
            company_label(company_id),
            m.day,
            m.event_id,
            m.minute,
            (minute_number(m.minute) - minute_number(e.starts_at)).label("minute_of_event"),
            m.users,
            percent(m.users, m.peak).label("share_of_peak"),
        )
        .join(events, (e.company_id == company_id) & (e.event_id == m.event_id))
        .where(m.day >= first)
    )


EVENT_RETENTION = Insight(
    table=event_retention,
    subject=Subject.EVENT_DETAILS,
    answers="What share of an event's peak was there in each minute?",
    grain="one row per company, day, stage event and minute that Sequel returns",
    source="derived from event_concurrency of the event up to this day",
    refreshed="when the day closes and when it turns final; for an event of today when its end is announced",
    example="SELECT minute_of_event, users, share_of_peak FROM event_retention ORDER BY company_id, event_id, minute",
    sources=(event_concurrency.name,),
    reads_events=True,
    as_of=True,
    at_close=True,
    select=select_event_retention,
)
