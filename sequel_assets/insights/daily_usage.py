"""How much was a company's offer used on a day, by how many people, for how long on average?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, func, literal, select

from sequel_assets.insights.sql import as_integer, average, company_label
from sequel_assets.insights.unlisted import (
    NO_AVERAGE,
    events_of_nobody,
    known_average,
    unlisted_column,
    unlisted_minutes,
)
from sequel_assets.warehouse.tables.core import (
    ALL,
    ENGAGED,
    LIVE,
    MINUTES,
    ON_DEMAND,
    company_column,
    day_column,
    event_participants,
    metadata,
    minutes_column,
    never_negative,
    refreshes,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

daily_usage = Table(
    "daily_usage",
    metadata,
    company_column(),
    day_column(),
    Column("event_type", Text, primary_key=True, comment="virtualStageEvent, networkingHub, or all"),
    minutes_column("live_minutes", LIVE),
    minutes_column("on_demand_minutes", ON_DEMAND),
    minutes_column("engaged_minutes", ENGAGED),
    Column("unique_users", sa.BigInteger, nullable=False,
        comment="distinct people with a minute that day; not additive, never sum it"),
    Column("average_engaged_minutes", sa.Numeric(14, 2, asdecimal=False),
           comment=f"engaged_minutes / unique_users, two decimals, halves up; null when nobody came, {NO_AVERAGE}"),
    Column("events", sa.BigInteger, nullable=False, comment="events with at least one engaged minute; a hub is one"),
    unlisted_column(),
    *never_negative(*MINUTES, "unique_users", "events"),
    comment="A company's usage on a day, in all and by event type",
)  # fmt: skip

_SUMS = (*MINUTES, "unique_users", "events", "unlisted")


def select_daily_usage(company_id: str, first: date, last: date, _start: date) -> sa.CompoundSelect[Any]:
    """Return the SELECT: a row `all` for every refreshed day (zeros when empty) and one per event type with minutes."""
    fact = event_participants.c
    chosen = (fact.company_id == company_id, fact.day.between(first, last))
    numbers = (
        func.sum(fact.live_minutes).label("live_minutes"),
        func.sum(fact.on_demand_minutes).label("on_demand_minutes"),
        func.sum(fact.engaged_minutes).label("engaged_minutes"),
        func.count(fact.person_id.distinct()).label("unique_users"),
        func.count(fact.event_id.distinct()).label("events"),
    )
    zero, u = literal(0), unlisted_usage.c
    all_types = (
        select(fact.day, *numbers, zero.label("unlisted"), zero.label("refreshed")).where(*chosen).group_by(fact.day)
    )
    by_type = _summed(
        select(fact.day, fact.event_type, *numbers, zero.label("unlisted"))
        .where(*chosen)
        .group_by(fact.day, fact.event_type),
        _beyond(company_id, first, last, u.day, u.event_type),
    )
    zeros = (literal(0).label(number.name) for number in numbers)
    refreshed = select(refreshes.c.day, *zeros, zero, literal(1).label("refreshed")).where(
        refreshes.c.company_id == company_id,
        refreshes.c.dataset == event_participants.name,
        refreshes.c.day.between(first, last),
        refreshes.c.data_through.is_not(None),
    )  # fmt: skip
    beyond = _beyond(company_id, first, last, u.day).add_columns(zero)
    both = sa.union_all(all_types, beyond, refreshed).subquery(
        "both"
    )  # not a join: without statistics PostgreSQL would loop
    every_day = (
        select(both.c.day, *(func.sum(both.c[name]).label(name) for name in _SUMS))
        .group_by(both.c.day)
        .having(func.sum(both.c.refreshed) > 0)
        .subquery("every_day")
    )
    return sa.union_all(
        _rows(company_id, every_day.c.day, literal(ALL), every_day),
        _rows(company_id, by_type.c.day, by_type.c.event_type, by_type),
    )


def _beyond(company_id: str, first: date, last: date, *by: Any) -> sa.Select[Any]:
    """Return what is beyond the lists, with the columns of the numbers."""
    beyond = unlisted_minutes(company_id, first, last, *by)
    minutes, unlisted = [*beyond.selected_columns][len(by) : -1], [*beyond.selected_columns][-1]
    return beyond.with_only_columns(*by, *minutes, literal(0), events_of_nobody(), unlisted)


def _summed(*parts: sa.Select[Any]) -> sa.Subquery:
    each = sa.union_all(*parts).subquery("each")
    keys = (each.c.day, each.c.event_type)
    return select(*keys, *(func.sum(each.c[name]).label(name) for name in _SUMS)).group_by(*keys).subquery("by_type")


def _rows(company_id: str, day: Any, event_type: Any, numbers: sa.Subquery) -> sa.Select[Any]:
    n = numbers.c
    has_unlisted = n.unlisted > 0
    return select(
        company_label(company_id),
        day.label("day"),
        event_type.label("event_type"),
        as_integer(n.live_minutes).label("live_minutes"),
        as_integer(n.on_demand_minutes).label("on_demand_minutes"),
        as_integer(n.engaged_minutes).label("engaged_minutes"),
        as_integer(n.unique_users).label("unique_users"),
        known_average(has_unlisted, average(as_integer(n.engaged_minutes), as_integer(n.unique_users))).label(
            "average_engaged_minutes"
        ),
        as_integer(n.events).label("events"),
        has_unlisted.label("has_unlisted_people"),
    )


DAILY_USAGE = Insight(
    table=daily_usage,
    subject=Subject.USAGE,
    answers="How much was a company used on a day, by how many people?",
    grain="one row per company, day and event type, and one for all of them",
    source="derived from event_participants",
    refreshed="with the facts of its day: every hour for today, once more at the day's close and when it turns final",
    example="SELECT day, engaged_minutes, unique_users, average_engaged_minutes FROM daily_usage WHERE event_type = "
    "'all' ORDER BY company_id, day",
    sources=(event_participants.name,),
    as_of=False,
    select=select_daily_usage,
)
