"""Any range of days: usage, people, peaks of a company or of all beneath it, exact, from the facts themselves.

The one module that the command line and pages ask. Each function returns a SELECT; unique users are counted in the range
asked for and never added up. `judge` says, from what `select_coverage` tells, how far the numbers can be relied on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, cast, func, literal, null, select

from sequel_assets.warehouse.tables import (
    ALL,
    HUB,
    MINUTES,
    STAGE,
    companies,
    event_concurrency,
    event_participants,
    people,
    refreshes,
)

from .daily_usage import average, whole
from .periods import DAY, Days
from .tree import stands, tree_of

LIVE, ON_DEMAND = "live", "onDemand"
ENGAGEMENT_TYPES = (ALL, LIVE, ON_DEMAND)
EVENT_TYPES = (ALL, STAGE, HUB)


@dataclass(frozen=True)
class Scope:
    """What is asked about: a company, alone or with all beneath it, some days, which events and which minutes."""

    company_id: str
    days: Days
    is_tree: bool = False
    event_type: str = ALL
    engagement_type: str = ALL


def select_usage(scope: Scope) -> Any:
    """Return minutes, people and events: a row for all, and where all event types are asked for one for each of them."""
    f = _facts(scope).c
    by_person = (
        select(f.event_type, f.person_id, *(func.sum(f[name]).label(name) for name in MINUTES))
        .group_by(f.event_type, f.person_id)
        .cte("by_person")
    )
    events = select(f.event_type, f.company_id, f.event_id).distinct().cte("of_events")
    rows = [_usage(by_person, events, literal(scope.event_type, sa.Text), ())]
    if scope.event_type == ALL:
        rows.append(_usage(by_person, events, by_person.c.event_type, (by_person.c.event_type,)))
    return sa.union_all(*rows).order_by("event_type") if len(rows) > 1 else rows[0]


def select_people(scope: Scope, most: int | None = None, *, with_people: bool = False) -> Any:
    """Return who was engaged, the most minutes first, of as many the smaller person_id; names only if they are asked for."""
    tree = tree_of(scope.company_id) if scope.is_tree else None
    f = _facts(scope, tree).c
    events = select(f.person_id, f.company_id, f.event_id).distinct().subquery()
    counted = select(events.c.person_id, func.count().label("events")).group_by(events.c.person_id).subquery("counted")
    sums = (
        select(
            f.person_id,
            *(func.sum(f[name]).label(name) for name in MINUTES),
            func.count(f.day.distinct()).label("days"),
            func.min(f.day).label("first_day"),
            func.max(f.day).label("last_day"),
        )
        .group_by(f.person_id)
        .subquery("sums")
    )
    order = (sums.c.engaged_minutes.desc(), sums.c.person_id)
    place = func.row_number().over(order_by=order)
    ranked = (
        select(
            cast(place, BigInteger).label("rank"),
            sums.c.person_id,
            *(whole(sums.c[name]).label(name) for name in MINUTES),
            whole(counted.c.events).label("events"),
            whole(sums.c.days).label("days"),
            sums.c.first_day,
            sums.c.last_day,
        )
        .select_from(sums.join(counted, counted.c.person_id == sums.c.person_id))
        .order_by(*order)
        .limit(most)
        .subquery("ranked")
    )
    if not with_people:
        return select(ranked).order_by(ranked.c.rank)
    names = ("name", "email", "external_id")
    known = (
        select(people.c.person_id, *(func.max(people.c[name]).label(name) for name in names))
        .where(people.c.company_id.in_([scope.company_id] if tree is None else select(tree.c.company_id)))
        .group_by(people.c.person_id)
        .subquery("known")
    )
    named = ranked.outerjoin(known, known.c.person_id == ranked.c.person_id)
    return select(ranked, *(known.c[name] for name in names)).select_from(named).order_by(ranked.c.rank)


def select_peak(scope: Scope) -> Any:
    """Return the highest number of concurrent users in any minute, over all stage events together, and the earliest such."""
    m = event_concurrency.c
    source: Any = event_concurrency
    if scope.is_tree:
        tree = tree_of(scope.company_id)
        source = event_concurrency.join(tree, stands(tree, m.company_id, m.day))
    together = (
        select(m.minute, func.sum(m.users).label("users"))
        .select_from(source)
        .where(m.day.between(scope.days.first, scope.days.last), *_own(scope, m.company_id))
        .group_by(m.minute)
        .subquery("together")
    )
    return (
        select(cast(together.c.users, BigInteger).label("peak_users"), together.c.minute.label("peak_at"))
        .order_by(together.c.users.desc(), together.c.minute)
        .limit(1)
    )


def select_members(scope: Scope) -> Any:
    """Return the companies that are counted: company_id, from_day, until_day (excluded), gone_at."""
    c = companies.c
    if not scope.is_tree:
        no_day = cast(null(), sa.Date)
        own = c.company_id == scope.company_id
        return select(c.company_id, no_day.label("from_day"), no_day.label("until_day"), c.gone_at).where(own)
    tree = tree_of(scope.company_id)
    return select(*tree.c, c.gone_at).join_from(tree, companies, c.company_id == tree.c.company_id)


def select_coverage(scope: Scope, dataset: str) -> Any:
    """Return of each known day how many companies have their facts, and what the least of them covers."""
    r = refreshes.c
    source: Any = refreshes
    if scope.is_tree:
        tree = tree_of(scope.company_id)
        source = refreshes.join(tree, stands(tree, r.company_id, r.day))
    return (
        select(
            r.day,
            func.count().label("companies"),
            func.min(r.data_through).label("data_through"),
            func.count(r.full_through).label("fully_asked"),
            func.min(r.full_through).label("full_through"),
        )
        .select_from(source)
        .where(r.dataset == dataset, r.day.between(scope.days.first, scope.days.last), r.data_through.is_not(None))
        .where(*_own(scope, r.company_id))
        .group_by(r.day)
        .order_by(r.day)
    )


@dataclass(frozen=True)
class Coverage:
    """How far the numbers of a range can be relied on."""

    companies: int
    """How many companies are counted on the last day."""
    missing: tuple[date, ...] = field(default=())
    """Days of which a company has no facts: not asked yet, failed, or forgotten by Sequel."""
    not_closed: tuple[date, ...] = field(default=())
    """Days of which not every event has been asked after the day's end."""
    data_through: datetime | None = None
    """Everything up to this moment is counted, of the days that are known; None where none is."""

    @property
    def is_complete(self) -> bool:
        """Say whether every day is known and closed."""
        return not self.missing and not self.not_closed


def judge(days: Days, members: Iterable[Sequence[Any]], known: Iterable[Sequence[Any]]) -> Coverage:
    """Return a range's coverage by the rows of `select_members` and `select_coverage`; who is gone is not missed. Pure."""
    stood, of_day = list(members), {row[0]: row for row in known}
    missing, not_closed, through = [], [], datetime.combine(days.last + DAY, time(), UTC)
    counted = 0
    for day in days:
        owed = [gone for _, begins, ends, gone in stood if (begins or day) <= day and (ends is None or day < ends)]
        counted = len(owed)
        least = sum(gone is None or day < gone.date() for gone in owed)
        _, many, data_through, fully_asked, full_through = of_day.get(day, (day, 0, None, 0, None))
        end = datetime.combine(day + DAY, time(), UTC)
        if many < least:
            missing.append(day)
        if many and (fully_asked < many or full_through < end):
            not_closed.append(day)
        if many and data_through < end:
            through = min(through, data_through)
    return Coverage(counted, tuple(missing), tuple(not_closed), through if of_day else None)


def _facts(scope: Scope, tree: sa.CTE | None = None) -> sa.CTE:
    """Return the facts of the scope; of one engagement type its minutes alone, and who had any."""
    fact = event_participants.c
    source: Any = event_participants
    if scope.is_tree:
        tree = tree_of(scope.company_id) if tree is None else tree
        source = event_participants.join(tree, stands(tree, fact.company_id, fact.day))
    zero = literal(0)
    minutes = {
        ALL: (fact.live_minutes, fact.on_demand_minutes, fact.engaged_minutes),
        LIVE: (fact.live_minutes, zero, fact.live_minutes),
        ON_DEMAND: (zero, fact.on_demand_minutes, fact.on_demand_minutes),
    }[scope.engagement_type]
    chosen = [fact.day.between(scope.days.first, scope.days.last), *_own(scope, fact.company_id), minutes[2] > 0]
    if scope.event_type != ALL:
        chosen.append(fact.event_type == scope.event_type)
    columns = (fact.company_id, fact.day, fact.event_id, fact.event_type, fact.person_id)
    named = (minute.label(name) for minute, name in zip(minutes, MINUTES, strict=True))
    return select(*columns, *named).select_from(source).where(*chosen).cte("facts")


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
        )
        .select_from(by_person)
        .group_by(*by)
        .subquery()
    )
    same = n.c.event_type == counted.c.event_type if by else sa.true()
    return select(
        n.c.event_type,
        *(whole(n.c[name]).label(name) for name in (*MINUTES, "unique_users")),
        average(whole(n.c.engaged_minutes), whole(n.c.unique_users)).label("average_engaged_minutes"),
        whole(counted.c.events).label("events"),
    ).select_from(n.join(counted, same))


def _own(scope: Scope, company: Any) -> list[Any]:
    return [] if scope.is_tree else [company == scope.company_id]
