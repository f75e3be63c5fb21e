"""How much was a company's stage used on a day by its audience, without those who host?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, case, exists, func, literal, select

from sequel_assets.insights.sql import as_integer, average, company_label
from sequel_assets.warehouse.tables.company_lists import event_host_counts, event_hosts
from sequel_assets.warehouse.tables.core import (
    STAGE,
    company_column,
    day_column,
    event_participants,
    metadata,
    never_negative,
    refreshes,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

_NUMBERS = ("live_minutes", "on_demand_minutes", "engaged_minutes", "unique_users", "host_minutes", "events", "events_with_unknown_hosts")  # fmt: skip
_UNLESS_UNKNOWN = "null where the hosts of an event of the day are not known"
"""Nor where Sequel counts people beyond those that it lists: any of them may host the event."""

audience_usage = Table(
    "audience_usage",
    metadata,
    company_column(),
    day_column(),
    Column("live_minutes", sa.BigInteger, comment=f"minutes engaged live in stage events by people who do not host them; {_UNLESS_UNKNOWN}"),
    Column("on_demand_minutes", sa.BigInteger, comment=f"minutes engaged on demand, likewise; {_UNLESS_UNKNOWN}"),
    Column("engaged_minutes", sa.BigInteger, comment=f"minutes engaged, each person's minute counted once, likewise; {_UNLESS_UNKNOWN}"),
    Column("unique_users", sa.BigInteger, comment=f"distinct people with such a minute that day; not additive, never sum it; {_UNLESS_UNKNOWN}"),
    Column("average_engaged_minutes", sa.Numeric(14, 2, asdecimal=False), comment=f"engaged_minutes / unique_users, two decimals, halves up; null when nobody came, and {_UNLESS_UNKNOWN}"),
    Column("host_minutes", sa.BigInteger, comment=f"minutes engaged by people in stage events that they host: with engaged_minutes all of that day; {_UNLESS_UNKNOWN}"),
    Column("events", sa.BigInteger, nullable=False, comment="stage events with at least one engaged minute, by anybody"),
    Column("events_with_unknown_hosts", sa.BigInteger, nullable=False, comment="of them those whose hosts Sequel does not all name by an e-mail, and those with people beyond its lists: somebody of their audience may be one"),
    *never_negative(*_NUMBERS),
    comment="A company's usage of stage events on a day without those who organize or present them",
)  # fmt: skip


def select_audience_usage(company_id: str, first: date, last: date, _start: date) -> sa.Select[Any]:
    """Return the SELECT: a row for every refreshed day, with zeros where nobody came and nulls where hosts are not known."""
    f, h, c = event_participants.c, event_hosts.c, event_host_counts.c
    hosts = (h.company_id == f.company_id, h.event_id == f.event_id, h.person_id == f.person_id)
    minutes = (
        select(
            *(f.day, f.event_id, f.person_id, f.live_minutes, f.on_demand_minutes, f.engaged_minutes),
            case((exists().where(*hosts), 1), else_=0).label("is_host"),
        )
        .where(f.company_id == company_id, f.event_type == STAGE, f.day.between(first, last))
        .cte("minutes")
    )
    m = minutes.c
    of_audience: dict[str, Any] = {
        name: func.sum(case((m.is_host == 0, m[name]), else_=0))
        for name in ("live_minutes", "on_demand_minutes", "engaged_minutes")
    }
    of_audience["unique_users"] = func.count(case((m.is_host == 0, m.person_id)).distinct())
    of_audience["host_minutes"] = func.sum(case((m.is_host == 1, m.engaged_minutes), else_=0))
    of_audience["events"] = func.count(m.event_id.distinct())
    events = select(m.day, m.event_id).distinct().subquery("events_of_days")
    here = (c.company_id == company_id, c.event_id == events.c.event_id)
    is_known = exists().where(*here, c.organizers.is_not(None), c.presenters.is_not(None), c.by_id + c.unknown == 0)
    u = unlisted_usage.c
    beyond = sa.select(u.day, u.event_id).where(
        u.company_id == company_id, u.event_type == STAGE, u.day.between(first, last)
    )
    unsure = sa.union(select(events.c.day, events.c.event_id).where(~is_known), beyond).subquery("unsure")
    unknown = select(unsure.c.day).group_by(unsure.c.day)
    r = refreshes.c
    refreshed = (r.company_id == company_id, r.dataset == event_participants.name, r.data_through.is_not(None))
    both = sa.union_all(
        _stacked(select(m.day).group_by(m.day), of_audience),
        _stacked(unknown, {"events_with_unknown_hosts": func.count()}),
        _stacked(select(r.day).where(*refreshed, r.day.between(first, last)), {"refreshed": literal(1)}),
    ).subquery("both")  # not a join: without statistics PostgreSQL would loop
    n = (
        select(both.c.day, *(func.sum(both.c[name]).label(name) for name in _NUMBERS))
        .group_by(both.c.day)
        .having(func.sum(both.c.refreshed) > 0)
        .subquery("every_day")
        .c
    )
    number = {name: as_integer(n[name]) for name in _NUMBERS}
    number["average_engaged_minutes"] = average(number["engaged_minutes"], number["unique_users"])
    is_certain = n.events_with_unknown_hosts == 0
    columns = [column.name for column in audience_usage.columns if column.name not in ("company_id", "day")]
    return select(
        company_label(company_id),
        n.day.label("day"),
        *(
            (case((is_certain, number[name])) if audience_usage.c[name].nullable else number[name]).label(name)
            for name in columns
        ),
    )


def _stacked(days: sa.Select[Any], numbers: dict[str, Any]) -> sa.Select[Any]:
    """Return days with these numbers, and zeros for the others."""
    return days.add_columns(*(numbers.get(name, literal(0)).label(name) for name in (*_NUMBERS, "refreshed")))


AUDIENCE_USAGE = Insight(
    table=audience_usage,
    subject=Subject.USAGE,
    answers="How much was a company's stage used on a day by its audience, without those who organize or present?",
    grain="one row per company and day",
    source="derived from event_participants, and from event_hosts as they are: somebody who hosts an event is left out of that event alone. Hubs, "
    "whose hosts Sequel does not name, are left out; a host who comes without their e-mail counts as audience",
    refreshed="with the facts of its day: every hour for today, once more at the day's close and when it turns final; and where the hosts of an event change",
    example="SELECT day, engaged_minutes, unique_users, host_minutes, events_with_unknown_hosts FROM audience_usage ORDER BY company_id, day",
    sources=(event_participants.name,),
    as_of=False,
    reads_hosts=True,
    select=select_audience_usage,
)
