"""Who comes to the networking hubs, for how long, and how many of an event's people do?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, case, func, literal, select

from sequel_assets.insights.event_days import ZERO, so_far, stacked
from sequel_assets.insights.sql import as_integer, average, company_label, is_long, percent, percent_column, within
from sequel_assets.insights.unlisted import is_counted, known_average, unlisted_column
from sequel_assets.warehouse.tables.core import (
    HUB,
    STAGE,
    company_column,
    day_column,
    event_participants,
    events,
    metadata,
    minutes_column,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

networking = Table(
    "networking",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the hub's uid"),
    Column("people", sa.BigInteger, nullable=False, comment="distinct people in the hub that day"),
    minutes_column("minutes", "minutes in the hub that day (person x minute)"),
    Column("average_minutes", sa.Numeric(14, 2, asdecimal=False), comment="minutes / people, two decimals, halves up; null where has_unlisted_people"),
    Column("pairs", sa.BigInteger, nullable=False,
        comment="pairs of people who were both in the hub that day: so many can have met at the most; Sequel does not "
        "say who met whom"),
    Column("returning_people", sa.BigInteger, nullable=False,
        comment="of the people those who had been in the hub on an earlier day"),
    Column("people_so_far", sa.BigInteger, nullable=False,
        comment="distinct people in the hub up to the end of this day"),
    Column("event_people_so_far", sa.BigInteger, nullable=False,
        comment="distinct people with a minute, up to the end of this day, in a stage event of the company that links "
        "to the hub"),
    Column("event_people_networked", sa.BigInteger, nullable=False, comment="of them those who have been in the hub"),
    percent_column("share_networked",
        "event_people_networked / event_people_so_far; null while nobody has come to the events"),
    unlisted_column(),
    *never_negative("people", "minutes", "pairs", "returning_people", "people_so_far", "event_people_so_far", "event_people_networked"),
    comment="Each networking hub on each day on which somebody was there",
)  # fmt: skip

_CHANGES = ("people_so_far", "event_people_so_far", "event_people_networked")


def select_networking(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: what happened that day, beside the people of the hub and of its events up to then."""
    f, hubs = event_participants.c, None if is_long(first, last, start) else _hubs(company_id, first, last)
    visit = func.row_number().over(partition_by=(f.event_id, f.person_id), order_by=f.day)
    visits = (
        select(f.event_id, f.person_id, f.day, f.engaged_minutes, visit.label("visit"))
        .where(f.company_id == company_id, f.event_type == HUB, f.day.between(start, last), *_of(hubs, f.event_id))
        .subquery("visits")
    )
    v = visits.c
    listed = (
        select(
            v.event_id,
            v.day,
            func.count().label("people"),
            func.sum(v.engaged_minutes).label("minutes"),
            func.sum(case((v.visit > 1, 1), else_=0)).label("returning_people"),
            ZERO.label("unlisted"),
        )
        .where(v.day >= first)
        .group_by(v.event_id, v.day)
    )
    o = unlisted_usage.c
    beyond = select(o.event_id, o.day, ZERO, o.engaged_minutes, ZERO, literal(1)).where(
        o.company_id == company_id, o.event_type == HUB, o.day.between(first, last)
    )
    both = sa.union_all(listed, beyond).subquery("both").c
    names = ("people", "minutes", "returning_people", "unlisted")
    days = (
        select(both.event_id, both.day, *(func.sum(both[name]).label(name) for name in names))
        .group_by(both.event_id, both.day)
        .subquery("hub_days")
    )
    until = so_far(days, _firsts(company_id, start, last, visits, hubs), _CHANGES)
    u = until.c
    people = as_integer(u.people)
    return select(
        company_label(company_id),
        u.day,
        u.event_id,
        people.label("people"),
        as_integer(u.minutes).label("minutes"),
        known_average(is_counted(u.unlisted), average(as_integer(u.minutes), people)).label("average_minutes"),
        (people * (people - 1) // 2).label("pairs"),
        as_integer(u.returning_people).label("returning_people"),
        *(as_integer(u[name]).label(name) for name in _CHANGES),
        percent(as_integer(u.event_people_networked), as_integer(u.event_people_so_far)).label("share_networked"),
        is_counted(u.unlisted).label("has_unlisted_people"),
    )


def _hubs(company_id: str, first: date, last: date) -> sa.CTE:
    """Return the hubs that have a row on these days."""
    each = [
        select(t.event_id).where(t.company_id == company_id, t.event_type == HUB, t.day.between(first, last))
        for t in (event_participants.c, unlisted_usage.c)
    ]
    return sa.union(*each).cte("hubs")


def _of(hubs: sa.CTE | None, hub_id: Any) -> list[Any]:
    """Return the condition that a hub is one of these; none where all are wanted."""
    return within(hub_id, None if hubs is None else select(hubs.c.event_id), is_all=hubs is None)


def _firsts(company_id: str, start: date, last: date, visits: sa.Subquery, hubs: sa.CTE | None) -> sa.Subquery:
    """Return how many people each day brought to a hub, to its events, and to both, for the first time."""
    f, e, v = event_participants.c, events.c, visits.c
    linking = (e.company_id == f.company_id) & (e.event_id == f.event_id)
    came = (
        select(e.networking_hub_id.label("event_id"), f.person_id, sa.null().label("met"), f.day.label("came"))
        .select_from(event_participants.join(events, linking))
        .where(f.company_id == company_id, f.event_type == STAGE, f.day.between(start, last))
        .where(e.networking_hub_id.is_not(None), *_of(hubs, e.networking_hub_id))
    )
    met = select(v.event_id, v.person_id, v.day.label("met"), sa.cast(sa.null(), sa.Date).label("came"))
    both = sa.union_all(met, came).subquery("both")
    first = (
        select(both.c.event_id, func.min(both.c.met).label("met"), func.min(both.c.came).label("came"))
        .group_by(both.c.event_id, both.c.person_id)
        .cte("first_days")
    )
    n = first.c
    met_and_came = case((n.came > n.met, n.came), (n.came.is_not(None), n.met), else_=None)
    firsts = stacked(
        dict.fromkeys(_CHANGES, ZERO),
        *(
            (select(n.event_id, day.label("day")).where(day.is_not(None)), {name: literal(1)})
            for name, day in zip(_CHANGES, (n.met, n.came, met_and_came), strict=True)
        ),
    )
    sums = (func.sum(firsts.c[name]).label(name) for name in _CHANGES)
    keys = (firsts.c.event_id, firsts.c.day)
    return select(*keys, *sums).group_by(*keys).subquery("first_times")


NETWORKING = Insight(
    table=networking,
    subject=Subject.NETWORKING,
    answers="Who networks: people, minutes, repeat visits, and what share of the events' people?",
    grain="one row per company, day and networking hub with at least one minute on that day",
    source="derived from event_participants of every day up to this one, and the events that link to the hub",
    refreshed="when the day closes and when it turns final, and after any day before it changed",
    example="SELECT event_id, day, people, minutes, returning_people, share_networked FROM networking ORDER BY "
    "company_id, event_id, day",
    sources=(event_participants.name,),
    reads_events=True,
    as_of=True,
    at_close=True,
    select=select_networking,
)
