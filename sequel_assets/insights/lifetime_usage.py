"""How much has a company been used in all, up to the end of each day?"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text, case, func, literal, select

from sequel_assets.insights.periods import DAY, Days
from sequel_assets.insights.sql import as_integer, company_label
from sequel_assets.insights.unlisted import is_counted, unlisted_column, unlisted_minutes
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

lifetime_usage = Table(
    "lifetime_usage",
    metadata,
    company_column(),
    day_column(),
    Column("event_type", Text, primary_key=True, comment="virtualStageEvent, networkingHub, or all"),
    minutes_column("live_minutes", LIVE + "; from counts_from to this day"),
    minutes_column("on_demand_minutes", ON_DEMAND + "; from counts_from to this day"),
    minutes_column("engaged_minutes", ENGAGED + "; from counts_from to this day"),
    Column("unique_users", sa.BigInteger, nullable=False,
        comment="distinct people with a minute from counts_from to this day; not additive, never sum it"),
    Column("events", sa.BigInteger, nullable=False,
        comment="events with at least one engaged minute from counts_from to this day; a hub is one"),
    Column("first_day", sa.Date, nullable=False,
        comment="first day with a minute in this scope, not before counts_from"),
    Column("counts_from", sa.Date, nullable=False,
        comment="first day that is counted: SEQUEL_START_DATE, or the day after the last one that Sequel forgot "
        "before it was known; nothing from before it is in these numbers"),
    unlisted_column(),
    *never_negative(*MINUTES, "unique_users", "events"),
    comment="A company's usage from the day counts_from to the end of each day, in all and by event type",
)  # fmt: skip

_SUMS = ("live_minutes", "on_demand_minutes", "engaged_minutes", "unique_users", "events", "unlisted")


def select_lifetime_usage(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT, one pass over the company's facts for any number of days; it counts from `start`.

    Each person and each event counts on the day of their first minute; running sums over those firsts are then exact
    counts of distinct people and events, carried over idle days.
    """
    return _as_of(company_id, Days(start, last), first, start)


def carry_lifetime_usage(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT that adds what these days bring to the stored rows of the day before the first one.

    Whether somebody, or an event, was there before is looked up for each of these days, by an index.
    """
    return _as_of(company_id, Days(first, last), first, start)


def _as_of(company_id: str, days: Days, first: date, start: date) -> sa.Select[Any]:
    """Return the rows from `first` on: running sums of what these days bring, on top of the day before them if that counts."""
    r = refreshes.c
    every_day = (
        select(r.day)
        .where(r.company_id == company_id, r.dataset == event_participants.name, r.day.between(days.first, days.last))
        .subquery("every_day")
    )
    changes = sa.union_all(
        *_changes(company_id, days, start, by_type=True), *_changes(company_id, days, start, by_type=False)
    ).subquery("changes")
    per_day = (
        select(changes.c.event_type, changes.c.day, *(func.sum(changes.c[name]).label(name) for name in _SUMS))
        .group_by(changes.c.event_type, changes.c.day)
        .subquery("per_day")
    )
    scopes = _scopes(company_id, days, start, per_day)
    added = {
        name: func.sum(func.coalesce(per_day.c[name], 0)).over(
            partition_by=scopes.c.event_type, order_by=every_day.c.day
        )
        for name in _SUMS
    }
    as_of = (
        select(
            every_day.c.day,
            scopes.c.event_type,
            *((scopes.c[name] + number).label(name) for name, number in added.items()),
            scopes.c.first_day,
        )
        .select_from(
            every_day.join(scopes, every_day.c.day >= scopes.c.first_day).outerjoin(
                per_day, (per_day.c.day == every_day.c.day) & (per_day.c.event_type == scopes.c.event_type)
            )
        )
        .subquery("as_of")
    )
    return select(
        company_label(company_id),
        as_of.c.day,
        as_of.c.event_type,
        *(as_integer(as_of.c[name]).label(name) for name in _SUMS[:-1]),
        as_of.c.first_day,
        literal(start, sa.Date).label("counts_from"),
        is_counted(as_of.c.unlisted).label("has_unlisted_people"),
    ).where(as_of.c.day >= first)


def _scopes(company_id: str, days: Days, start: date, per_day: sa.Subquery) -> sa.Subquery:
    """Return, for each event type with a minute so far, its first day and what it had before these days."""
    p, stored = per_day.c, lifetime_usage.c
    each: Any = select(p.event_type, func.min(p.day).label("first_day"), *(literal(0).label(name) for name in _SUMS))
    each = each.group_by(p.event_type)
    if days.first > start:
        had: dict[str, Any] = {name: stored[name] for name in _SUMS[:-1]}
        had["unlisted"] = case((stored.has_unlisted_people, 1), else_=0)
        before = select(stored.event_type, stored.first_day, *had.values())
        each = each.union_all(before.where(stored.company_id == company_id, stored.day == days.first - DAY))
    e = each.subquery("scopes_of_days").c
    return (
        select(
            e.event_type, func.min(e.first_day).label("first_day"), *(func.sum(e[name]).label(name) for name in _SUMS)
        )
        .group_by(e.event_type)
        .subquery("scopes")
    )


def _changes(company_id: str, days: Days, start: date, *, by_type: bool) -> list[sa.Select[Any]]:
    """Return what each day adds to a scope: its minutes, the people and the events seen for the first time."""
    fact, u = event_participants.c, unlisted_usage.c
    chosen = (fact.company_id == company_id, fact.day.between(days.first, days.last))
    known = (u.company_id == company_id, u.day.between(days.first, days.last))
    scope = fact.event_type if by_type else literal(ALL)
    group = (fact.event_type,) if by_type else ()

    def firsts(who: str, *seen: sa.Select[Any], among: Sequence[sa.Table]) -> sa.Subquery:
        """Return the first day of each person or event; an event may have nobody but people beyond the lists."""
        each = sa.union_all(*seen).subquery()
        found = (
            select(each.c.event_type, each.c.who, func.min(each.c.day).label("day"))
            .group_by(each.c.event_type, each.c.who)
            .subquery()
        )
        new = select(found.c.event_type, found.c.day)
        if days.first > start:
            before = (company_id, start, days.first - DAY)
            new = new.where(*(never_before(table, who, found, *before, by_type=by_type) for table in among))
        return new.subquery()

    def first_days(kind: Any, who: Any, day: Any, chosen: tuple[Any, ...]) -> sa.Select[Any]:
        columns = (kind.label("event_type"), who.label("who"), func.min(day).label("day"))
        return select(*columns).where(*chosen).group_by(*((kind,) if by_type else ()), who)

    beyond_type = u.event_type if by_type else literal(ALL)
    zero = literal(0)
    new_people = firsts("person_id", first_days(scope, fact.person_id, fact.day, chosen), among=[event_participants])
    new_events = firsts(
        "event_id",
        first_days(scope, fact.event_id, fact.day, chosen),
        first_days(beyond_type, u.event_id, u.day, known),
        among=[event_participants, unlisted_usage],
    )
    minutes = [func.sum(fact[name]).label(name) for name in _SUMS[:3]]
    nothing = (zero.label("unique_users"), zero.label("events"))
    kind = u.event_type if by_type else literal(ALL).label("event_type")
    beyond = unlisted_minutes(company_id, days.first, days.last, u.day, *((u.event_type,) if by_type else ()))
    numbers = [*beyond.selected_columns][-4:]
    return [
        select(scope.label("event_type"), fact.day, *minutes, *nothing, zero.label("unlisted"))
        .where(*chosen)
        .group_by(*group, fact.day),
        select(new_people.c.event_type, new_people.c.day, zero, zero, zero, func.count(), zero, zero).group_by(
            new_people.c.event_type, new_people.c.day
        ),
        select(new_events.c.event_type, new_events.c.day, zero, zero, zero, zero, func.count(), zero).group_by(
            new_events.c.event_type, new_events.c.day
        ),
        beyond.with_only_columns(kind, u.day, *numbers[:3], *nothing, numbers[3]),
    ]


def never_before(
    table: sa.Table, who: str, found: sa.Subquery, company_id: str, first: date, last: date, *, by_type: bool
) -> Any:
    """Return the condition that a table has no row of somebody, or of an event, on these earlier days."""
    t = table.alias("earlier").c
    here = [t.company_id == company_id, t[who] == found.c.who, t.day.between(first, last)]
    if by_type:
        here.append(t.event_type == found.c.event_type)
    one = (
        select(literal(1)).where(*here).correlate(found).limit(1)
    )  # PostgreSQL would turn NOT EXISTS into a scan of them all
    return one.scalar_subquery().is_(None)


LIFETIME_USAGE = Insight(
    table=lifetime_usage,
    subject=Subject.USAGE,
    answers="How much has a company been used in all, up to the end of each day?",
    grain="one row per company, day and event type, and one for all of them, from the first day with a minute on",
    source="derived from event_participants of every day from counts_from on; not written while one of them is missing",
    refreshed="with the facts of its day, and after any day before it changed",
    example="SELECT company_id, engaged_minutes, unique_users, counts_from FROM lifetime_usage u WHERE event_type = 'all' "
    "AND day = (SELECT max(day) FROM lifetime_usage l WHERE l.company_id = u.company_id)",
    sources=(event_participants.name,),
    as_of=True,
    select=select_lifetime_usage,
    carry=carry_lifetime_usage,
)
