"""Usage, people and peaks of a company in any range of days, with or without its sub-companies, from the facts.

For the command line and pages. Each function returns a SELECT; unique users are counted in the requested range and
never added up. `coverage` says how complete the numbers are.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, case, cast, func, literal, select

from sequel_assets.insights.company_hierarchy import belongs_on, hierarchy_of
from sequel_assets.insights.periods import Days
from sequel_assets.insights.sql import as_integer, average
from sequel_assets.insights.unlisted import HAS_UNLISTED, is_counted, known_average
from sequel_assets.warehouse.tables.core import ALL, HUB, MINUTES, STAGE, event_concurrency, event_participants, people
from sequel_assets.warehouse.tables.types import ByCodePoint
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

LIVE, ON_DEMAND = "live", "onDemand"
ENGAGEMENT_TYPES = (ALL, LIVE, ON_DEMAND)
EVENT_TYPES = (ALL, STAGE, HUB)


@dataclass(frozen=True)
class Scope:
    """What is counted: a company, alone or with its sub-companies, some days, which events and which minutes."""

    company_id: str
    days: Days
    includes_sub_companies: bool = False
    event_type: str = ALL
    engagement_type: str = ALL


def select_usage(scope: Scope) -> Any:
    """Return minutes, people and events: a row for all, and with all event types one for each of them."""
    by_person, events = _people_and_events(scope, None)
    in_all = _usage(by_person, events, literal(scope.event_type, sa.Text), ())
    if scope.event_type != ALL:
        return in_all
    by_type = _usage(by_person, events, by_person.c.event_type, (by_person.c.event_type,))
    return sa.union_all(in_all, by_type).order_by("event_type")


def select_total(scope: Scope, hierarchy: sa.CTE | None) -> sa.Select[Any]:
    """Return the row for all of `select_usage`; a SELECT with several ranges passes one hierarchy to all of them."""
    return _usage(*_people_and_events(scope, hierarchy), literal(scope.event_type, sa.Text), ())


def select_people(scope: Scope, limit: int | None = None, *, with_people: bool = False) -> Any:
    """Return who was engaged, the most minutes first, of as many the smaller person_id; with names if `with_people`."""
    hierarchy = hierarchy_of(scope.company_id) if scope.includes_sub_companies else None
    f = _facts(scope, hierarchy).c
    events = select(f.person_id, f.company_id, f.event_id).where(f.person_id.is_not(None)).distinct().subquery()
    counted = select(events.c.person_id, func.count().label("events")).group_by(events.c.person_id).subquery("counted")
    sums = (
        select(
            f.person_id,
            *(func.sum(f[name]).label(name) for name in MINUTES),
            func.count(f.day.distinct()).label("days"),
            func.min(f.day).label("first_day"),
            func.max(f.day).label("last_day"),
        )
        .where(f.person_id.is_not(None))
        .group_by(f.person_id)
        .subquery("sums")
    )
    order = (sums.c.engaged_minutes.desc(), sums.c.person_id)
    place = func.row_number().over(order_by=order)
    ranked = (
        select(
            cast(place, BigInteger).label("rank"),
            sums.c.person_id,
            *(as_integer(sums.c[name]).label(name) for name in MINUTES),
            as_integer(counted.c.events).label("events"),
            as_integer(sums.c.days).label("days"),
            sums.c.first_day,
            sums.c.last_day,
        )
        .select_from(sums.join(counted, counted.c.person_id == sums.c.person_id))
        .order_by(*order)
        .limit(limit)
        .subquery("ranked")
    )
    if not with_people:
        return select(ranked).order_by(ranked.c.rank)
    known = _known(people.c.company_id.in_([scope.company_id] if hierarchy is None else select(hierarchy.c.company_id)))
    named = ranked.outerjoin(known, (known.c.person_id == ranked.c.person_id) & (known.c.place == 1))
    names = (known.c[name] for name in ("name", "email", "external_id"))
    return select(ranked, *names).select_from(named).order_by(ranked.c.rank)


def _known(of_companies: Any) -> sa.Subquery:
    """Return the names of people, the preferred row first: one with an id of your own, of those the latest name."""
    p = people.c
    order = (case((p.external_id.is_(None), 1), else_=0), p.named_on.desc(), ByCodePoint(p.company_id))
    place = func.row_number().over(partition_by=p.person_id, order_by=order)
    return (
        select(p.person_id, p.name, p.email, p.external_id, place.label("place")).where(of_companies).subquery("known")
    )


def select_peak(scope: Scope) -> Any:
    """Return the highest number of concurrent users in any minute over all stage events, and its earliest minute."""
    m, (source, here) = event_concurrency.c, rows_within(event_concurrency, scope)
    together = (
        select(m.minute, func.sum(m.users).label("users"))
        .select_from(source)
        .where(*here)
        .group_by(m.minute)
        .subquery("together")
    )
    return (
        select(cast(together.c.users, BigInteger).label("peak_users"), together.c.minute.label("peak_at"))
        .order_by(together.c.users.desc(), together.c.minute)
        .limit(1)
    )


def _facts(scope: Scope, hierarchy: sa.CTE | None = None) -> sa.CTE:
    """Return the facts of the scope, and what Sequel counts beyond the people that it lists as facts of nobody."""
    if scope.includes_sub_companies and hierarchy is None:
        hierarchy = hierarchy_of(scope.company_id)
    nobody = cast(sa.null(), sa.Text).label("person_id")
    listed = minutes_within(event_participants, event_participants.c.person_id, scope, hierarchy)
    beyond = minutes_within(unlisted_usage, nobody, scope, hierarchy)
    return listed.union_all(beyond).cte()  # unnamed: a SELECT may ask for two ranges


def rows_within(table: sa.Table, scope: Scope, hierarchy: sa.CTE | None = None) -> tuple[Any, list[Any]]:
    """Return what a SELECT of a table's rows of the companies and days of a scope is from, and its conditions.

    A SELECT of several tables passes one hierarchy to all of them.
    """
    t = table.c
    days = t.day.between(scope.days.first, scope.days.last)
    if not scope.includes_sub_companies:
        return table, [days, t.company_id == scope.company_id]
    if hierarchy is None:
        hierarchy = hierarchy_of(scope.company_id)
    return table.join(hierarchy, belongs_on(hierarchy, t.company_id, t.day)), [days]


def minutes_within(table: sa.Table, who: Any, scope: Scope, hierarchy: sa.CTE | None) -> sa.Select[Any]:
    """Return the minutes of a table within the scope; of one engagement type its minutes alone, and `who` had any."""
    t, zero = table.c, literal(0)
    source, here = rows_within(table, scope, hierarchy)
    minutes = {
        ALL: (t.live_minutes, t.on_demand_minutes, t.engaged_minutes),
        LIVE: (t.live_minutes, zero, t.live_minutes),
        ON_DEMAND: (zero, t.on_demand_minutes, t.on_demand_minutes),
    }[scope.engagement_type]
    chosen = [*here, minutes[2] > 0]
    if scope.event_type != ALL:
        chosen.append(t.event_type == scope.event_type)
    named = (minute.label(name) for minute, name in zip(minutes, MINUTES, strict=True))
    return select(t.company_id, t.day, t.event_id, t.event_type, who, *named).select_from(source).where(*chosen)


def _people_and_events(scope: Scope, hierarchy: sa.CTE | None) -> tuple[sa.CTE, sa.CTE]:
    f = _facts(scope, hierarchy).c
    by_person = (
        select(f.event_type, f.person_id, *(func.sum(f[name]).label(name) for name in MINUTES))
        .group_by(f.event_type, f.person_id)
        .cte()
    )
    return by_person, select(f.event_type, f.company_id, f.event_id).distinct().cte()


def _usage(by_person: sa.CTE, events: sa.CTE, kind: Any, by: tuple[Any, ...]) -> sa.Select[Any]:
    each, f = events.c, by_person.c
    if by:
        counted = select(each.event_type, func.count().label("events")).group_by(each.event_type).subquery()
    else:
        counted = select(func.count().label("events")).select_from(events).subquery()
    n = (
        select(
            kind.label("event_type"),
            *(func.sum(f[name]).label(name) for name in MINUTES),
            func.count(f.person_id.distinct()).label("unique_users"),
            (func.count() - func.count(f.person_id)).label("unlisted"),
        )
        .select_from(by_person)
        .group_by(*by)
        .subquery()
    )
    same = n.c.event_type == counted.c.event_type if by else sa.true()
    return select(
        n.c.event_type,
        *(as_integer(n.c[name]).label(name) for name in (*MINUTES, "unique_users")),
        known_average(
            is_counted(n.c.unlisted), average(as_integer(n.c.engaged_minutes), as_integer(n.c.unique_users))
        ).label("average_engaged_minutes"),
        as_integer(counted.c.events).label("events"),
        is_counted(n.c.unlisted).label(HAS_UNLISTED),
    ).select_from(n.join(counted, same))
