"""How much was a company used with all its sub-companies, everybody counted once over all of them?"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Table, Text, and_, func, literal, select

from sequel_assets.insights.company_hierarchy import belongs_on, hierarchy_of
from sequel_assets.insights.sql import as_integer, average, company_label, once
from sequel_assets.insights.unlisted import NO_AVERAGE, facts_of_nobody, is_counted, known_average, unlisted_column
from sequel_assets.warehouse.tables.core import (
    ALL,
    ENGAGED,
    LIVE,
    MINUTES,
    MOVES_ON,
    ON_DEMAND,
    STAGE,
    company_column,
    day_column,
    event_concurrency,
    event_participants,
    metadata,
    minutes_column,
    never_negative,
    refreshes,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.types import UtcDateTime
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

_OVER = "; over the company and its sub-companies"

company_rollup = Table(
    "company_rollup",
    metadata,
    company_column(),
    day_column(),
    Column("event_type", Text, primary_key=True, comment="virtualStageEvent, networkingHub, or all"),
    Column("companies", BigInteger, nullable=False,
        comment="companies that are counted: itself and its sub-companies on that day, at any depth"),
    minutes_column("live_minutes", LIVE + _OVER),
    minutes_column("on_demand_minutes", ON_DEMAND + _OVER),
    minutes_column("engaged_minutes", ENGAGED + _OVER),
    Column("unique_users", BigInteger, nullable=False,
        comment="distinct people with a minute that day, counted once however many of the companies they visit; not "
        "additive, never sum it"),
    Column("average_engaged_minutes", sa.Numeric(14, 2, asdecimal=False),
        comment=f"engaged_minutes / unique_users, two decimals, halves up; null when nobody came, {NO_AVERAGE}"),
    Column("events", BigInteger, nullable=False, comment="events with at least one engaged minute" + _OVER),
    Column("peak_users", BigInteger,
        comment="highest number of concurrent users in any minute, added up over the companies; stage events alone, "
        "so null for networkingHub, and where nobody watched live"),
    Column("peak_at", UtcDateTime, comment="the earliest minute (UTC) with that number"),
    Column("data_through", UtcDateTime, nullable=False, info={MOVES_ON: True},
        comment="the smallest of the companies': all of them cover this hour"),
    unlisted_column(),
    *never_negative("companies", *MINUTES, "unique_users", "events", "peak_users"),
    comment="A company's usage on a day with all its sub-companies, people counted once over all of them",
)  # fmt: skip


def select_company_rollup(company_id: str, first: date, last: date, _start: date) -> sa.Select[Any]:
    """Return the SELECT: a row `all` for every day that the companies have, and one per event type with minutes."""
    hierarchy = hierarchy_of(company_id)
    fact, r = event_participants.c, refreshes.c
    columns = ("company_id", "day", "event_id", "event_type", "person_id", *MINUTES)
    u = unlisted_usage.c
    beyond = (
        facts_of_nobody(*columns)
        .select_from(unlisted_usage.join(hierarchy, belongs_on(hierarchy, u.company_id, u.day)))
        .where(u.day.between(first, last))
    )
    facts = (
        select(*(fact[name] for name in columns))
        .select_from(event_participants.join(hierarchy, belongs_on(hierarchy, fact.company_id, fact.day)))
        .where(fact.day.between(first, last))
        .union_all(beyond)
        .cte("facts")
    )
    days = (
        select(
            r.day,
            func.count(r.company_id.distinct()).label("companies"),
            func.min(r.data_through).label("data_through"),
        )
        .select_from(refreshes.join(hierarchy, belongs_on(hierarchy, r.company_id, r.day)))
        .where(r.dataset.in_((event_participants.name, event_concurrency.name)), r.day.between(first, last))
        .where(r.data_through.is_not(None))
        .group_by(r.day)
        .cte("days")
    )
    numbers = once(sa.union_all(_numbers(facts, literal(ALL)), _numbers(facts, facts.c.event_type)), "numbers")
    scopes = sa.union(
        select(days.c.day, literal(ALL).label("event_type")), select(facts.c.day, facts.c.event_type)
    ).subquery("scopes")
    peaks = _peaks(hierarchy, first, last)
    n = numbers.c
    return select(
        company_label(company_id),
        days.c.day,
        scopes.c.event_type,
        as_integer(days.c.companies).label("companies"),
        *(as_integer(n[name]).label(name) for name in (*MINUTES, "unique_users")),
        known_average(is_counted(n.unlisted), average(as_integer(n.engaged_minutes), as_integer(n.unique_users))).label(
            "average_engaged_minutes"
        ),
        as_integer(n.events).label("events"),
        sa.cast(peaks.c.peak_users, BigInteger).label("peak_users"),
        peaks.c.peak_at,
        days.c.data_through,
        is_counted(n.unlisted).label("has_unlisted_people"),
    ).select_from(
        scopes.join(days, days.c.day == scopes.c.day)
        .outerjoin(numbers, and_(n.day == scopes.c.day, n.event_type == scopes.c.event_type))
        .outerjoin(peaks, and_(peaks.c.day == scopes.c.day, scopes.c.event_type.in_((ALL, STAGE))))
    )


def _numbers(facts: sa.CTE, scope: Any) -> sa.Select[Any]:
    """Return the numbers of each day in a scope. Two companies may have an event of one id: it is two events."""
    f = facts.c
    by = (f.day,) if scope is not f.event_type else (f.day, f.event_type)
    kind = scope.label("event_type")
    events = select(f.day, kind, f.company_id, f.event_id).distinct().subquery()
    counted = (
        select(events.c.day, events.c.event_type, func.count().label("events"))
        .group_by(events.c.day, events.c.event_type)
        .subquery()
    )
    sums = (
        select(
            f.day,
            kind,
            *(func.sum(f[name]).label(name) for name in MINUTES),
            func.count(f.person_id.distinct()).label("unique_users"),
            (func.count() - func.count(f.person_id)).label("unlisted"),
        )
        .group_by(*by)
        .subquery()
    )
    same = and_(sums.c.day == counted.c.day, sums.c.event_type == counted.c.event_type)
    return select(sums, counted.c.events).select_from(sums.join(counted, same))


def _peaks(hierarchy: sa.CTE, first: date, last: date) -> sa.CTE:
    """Return each day's highest and earliest minute, users added up over the hierarchy: day, peak_users, peak_at."""
    m = event_concurrency.c
    together = (
        select(m.day, m.minute, func.sum(m.users).label("users"))
        .select_from(event_concurrency.join(hierarchy, belongs_on(hierarchy, m.company_id, m.day)))
        .where(m.day.between(first, last))
        .group_by(m.day, m.minute)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=together.c.day, order_by=(together.c.users.desc(), together.c.minute.asc())
    )
    ranked = select(together, place.label("place")).subquery()
    highest = select(ranked.c.day, ranked.c.users.label("peak_users"), ranked.c.minute.label("peak_at"))
    return once(highest.where(ranked.c.place == 1), "peaks")


COMPANY_ROLLUP = Insight(
    table=company_rollup,
    subject=Subject.USAGE,
    answers="How much was a company used with all its sub-companies, everybody counted once?",
    grain="one row per company (one without sub-companies counts itself), day and event type, and one for all of them",
    source="derived from event_participants and event_concurrency of the company and its sub-companies on that day (company_parents); "
    "not written while one of them is missing",
    refreshed="at the day's close, once all its sub-companies have that day, and after any of them changed",
    example="SELECT day, companies, engaged_minutes, unique_users, peak_users FROM company_rollup WHERE event_type = "
    "'all' ORDER BY company_id, day",
    sources=(event_participants.name, event_concurrency.name),
    as_of=False,
    at_close=True,
    with_descendants=True,
    select=select_company_rollup,
)
