"""The oracle: what every table must hold, computed the obvious way from the sandbox's minutes.

Slow and plain on purpose. It shares no code with the platform: its own keyed hash, its own sums, its own rounding.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sequel_assets.sandbox import HUB, Event, World
from sequel_assets_tests.support.reference import details as reference_details
from sequel_assets_tests.support.reference.hosts import audience_rows

KEY = "the key of the tests, 32 characters"
COLUMNS = {
    "events": ("company_id", "event_id", "event_type"),
    "people": ("company_id", "person_id", "email", "name"),
    "event_participants": ("company_id", "day", "event_id", "person_id", "event_type", "live_minutes",
                           "on_demand_minutes", "engaged_minutes"),
    "event_concurrency": ("company_id", "day", "event_id", "minute", "users"),
    "daily_usage": ("company_id", "day", "event_type", "live_minutes", "on_demand_minutes", "engaged_minutes",
                    "unique_users", "average_engaged_minutes", "events"),
    "lifetime_usage": ("company_id", "day", "event_type", "live_minutes", "on_demand_minutes", "engaged_minutes",
                       "unique_users", "events", "first_day", "counts_from"),
    "peak_concurrency": ("company_id", "day", "event_id", "peak_users", "peak_at"),
    "audience_usage": ("company_id", "day", "live_minutes", "on_demand_minutes", "engaged_minutes", "unique_users",
                       "average_engaged_minutes", "host_minutes", "events", "events_with_unknown_hosts"),
    **reference_details.COLUMNS,
}  # fmt: skip
"""The tables that are compared, with the columns of design section 4."""
Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Engaged:
    """One person in one minute of one event, with everything that a table may want to know of it."""

    company_id: str
    event: Event
    person_id: str
    day: date
    at: datetime
    live: bool
    on_demand: bool


def expected_tables(
    world: World,
    days: Sequence[date],
    *,
    start: date | None = None,
    now: datetime | None = None,
    companies: Collection[str] | None = None,
    without: Collection[str] = (),
    counts_from: date | None = None,
) -> Tables:
    """Return every row that the tables must hold after these days of these companies (default: all) were refreshed.

    `start` is SEQUEL_START_DATE (default: the first of the days), `without` are events that are not to be found;
    lifetime counts from `counts_from` (default: the start).
    """
    moment = now or world.now
    assert moment is not None
    top = moment.replace(minute=0, second=0, microsecond=0)
    chosen = [c.id for c in world.companies] if companies is None else list(companies)
    owners = {e: owner for e, owner in owners_of(world).items() if owner in chosen and e not in without}
    minutes = [
        Engaged(owner, event, person_id(minute.person.key(event_id)), minute.at.date(), minute.at, minute.live, minute.on_demand)
        for event_id, owner in owners.items()
        for event in [_event(world, event_id)]
        for minute in world.minutes(event_id, before=top)
        if minute.at.date() in set(days)
    ]  # fmt: skip
    first = counts_from or start or min(days)
    concurrency = _concurrency(minutes)
    return {
        "events": sorted((owner, event_id, _event(world, event_id).event_type) for event_id, owner in owners.items()),
        "people": _people(world, owners, top, set(days), moment),
        "event_participants": _participants(minutes),
        "event_concurrency": concurrency,
        "daily_usage": _daily(minutes, chosen, days),
        "lifetime_usage": _lifetime(minutes, chosen, days, first),
        "peak_concurrency": _peaks(concurrency),
        "audience_usage": audience_rows(minutes, chosen, days, person_id),
        **reference_details.expected_details(world, owners, set(days), moment, top, person_id),
    }


def person_id(key: str) -> str:
    """Return the keyed hash of who somebody is."""
    return hmac.new(KEY.encode("utf-8"), key.encode("utf-8"), hashlib.sha256).hexdigest()


def owners_of(world: World) -> dict[str, str]:
    """Return the company of each event; a hub is found through links only and goes to its earliest event's company."""
    owners = {e.id: e.company_id for e in world.events if e.event_type != HUB and e.id != "all"}
    links: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for event in world.events:
        if event.id in owners and event.hub_id is not None:
            links[event.hub_id].append((event.starts_at, event.company_id))
    return owners | {hub: min(linked)[1] for hub, linked in links.items() if world.event(hub) is not None}


def _event(world: World, event_id: str) -> Event:
    event = world.event(event_id)
    assert event is not None
    return event


def _participants(minutes: Sequence[Engaged]) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Engaged]] = defaultdict(list)
    for minute in minutes:
        groups[minute.company_id, minute.day, minute.event.id, minute.person_id, minute.event.event_type].append(minute)
    return sorted(
        (*key, sum(m.live for m in group), sum(m.on_demand for m in group), len({m.at for m in group}))
        for key, group in groups.items()
    )


def _concurrency(minutes: Sequence[Engaged]) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for minute in minutes:
        if minute.live and minute.event.event_type != HUB:
            groups[minute.company_id, minute.day, minute.event.id, minute.at].add(minute.person_id)
    return sorted((*key, len(people)) for key, people in groups.items())


def _sums(minutes: Sequence[Engaged]) -> tuple[int, int, int, int, int]:
    """Return live, on-demand and engaged minutes, people, events. One person's minute in two events counts twice."""
    return (
        sum(m.live for m in minutes),
        sum(m.on_demand for m in minutes),
        len({(m.event.id, m.person_id, m.at) for m in minutes}),
        len({m.person_id for m in minutes}),
        len({m.event.id for m in minutes}),
    )


def _scopes(minutes: Sequence[Engaged]) -> dict[str, list[Engaged]]:
    scopes: dict[str, list[Engaged]] = {"all": list(minutes)}
    for minute in minutes:
        scopes.setdefault(minute.event.event_type, []).append(minute)
    return scopes


def _daily(minutes: Sequence[Engaged], companies: Sequence[str], days: Sequence[date]) -> list[tuple[Any, ...]]:
    rows = []
    for company in companies:
        for day in days:
            here = [m for m in minutes if m.company_id == company and m.day == day]
            for scope, chosen in _scopes(here).items():
                live, on_demand, engaged, people, events = _sums(chosen)
                average = (
                    float((Decimal(engaged) / Decimal(people)).quantize(Decimal("0.01"), ROUND_HALF_UP))
                    if people
                    else None
                )
                rows.append((company, day, scope, live, on_demand, engaged, people, average, events))
    return sorted(rows)


def _lifetime(
    minutes: Sequence[Engaged], companies: Sequence[str], days: Sequence[date], first: date
) -> list[tuple[Any, ...]]:
    rows = []
    for company in companies:
        for day in days:
            so_far = [m for m in minutes if m.company_id == company and first <= m.day <= day]
            for scope, chosen in _scopes(so_far).items():
                if chosen:
                    rows.append((company, day, scope, *_sums(chosen), min(m.day for m in chosen), first))
    return sorted(rows)


def _peaks(concurrency: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    scopes: dict[tuple[Any, ...], dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for company, day, event_id, minute, users in concurrency:
        scopes[company, day, event_id][minute] += users
        scopes[company, day, "all"][minute] += users
    rows = []
    for key, by_minute in scopes.items():
        peak = max(by_minute.values())
        rows.append((*key, peak, min(minute for minute, users in by_minute.items() if users == peak)))
    return sorted(rows)


def _people(
    world: World, owners: dict[str, str], top: datetime, days: Collection[date], now: datetime
) -> list[tuple[Any, ...]]:
    """Return each person with the name of the latest day, and of several names on it the last in order."""
    seen: dict[tuple[str, str], set[tuple[date, str, str | None]]] = defaultdict(set)
    for event_id, owner in owners.items():
        for row in _event(world, event_id).rows:
            name = row.name.strip() if isinstance(row.name, str) else ""
            for minute in _minutes(row.engaged):
                if minute < top and minute.date() in days:
                    who = person_id(row.person.key(event_id))
                    seen[owner, who].add((minute.date(), name, row.person.email))
    extras = reference_details.people_of_details(world, owners, days, now, top, person_id)
    for company, who, day, name, email in extras:
        seen[company, who].add((day, name, email))
    latest = {who: max(names, key=lambda n: (n[0], n[1])) for who, names in seen.items()}
    return sorted((company, who, email, name) for (company, who), (_, name, email) in latest.items())


def _minutes(spans: Sequence[tuple[int, int]]) -> list[datetime]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [epoch + timedelta(minutes=minute) for first, end in spans for minute in range(first, end)]
