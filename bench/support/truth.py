"""Compare the tables with the sandbox's minutes: each (event, day) of facts, each (company, day) of insights."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.sandbox import World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import event_participants, metadata
from sequel_assets_tests.support.reference import owners_of

EPOCH = date(1970, 1, 1)
Sums = tuple[int, int, int, int]


def differences(world: World, warehouse: Warehouse, first: date, now: datetime) -> tuple[int, int]:
    """Return how many keys were compared, and how many of them are wrong."""
    top = int(now.astimezone(UTC).replace(minute=0, second=0, microsecond=0).timestamp()) // 60
    facts: dict[tuple[str, date, str], dict[str, list[int]]] = {}
    for event_id, owner in owners_of(world).items():
        event = world.event(event_id)
        for row in event.rows if event else ():
            who = row.person.key(event_id)
            for kind, spans in enumerate((row.live, row.on_demand, row.engaged)):
                for begin, end in spans:
                    for day, minutes in _by_day(begin, min(end, top)):
                        if day >= first:
                            facts.setdefault((owner, day, event_id), {}).setdefault(who, [0, 0, 0])[kind] += minutes
    people: dict[tuple[str, date], set[str]] = defaultdict(set)
    minutes_of: dict[tuple[str, date], int] = defaultdict(int)
    for (owner, day, _), crowd in facts.items():
        people[owner, day] |= crowd.keys()
        minutes_of[owner, day] += sum(sums[2] for sums in crowd.values())
    days = [first + timedelta(days=n) for n in range((now.date() - first).days + 1)]
    daily, lifetime = {}, {}
    for company in world.companies:
        so_far: set[str] = set()
        total = 0
        for day in days:
            key = (company.id, day)
            so_far |= people[key]
            total += minutes_of[key]
            daily[key] = (minutes_of[key], len(people[key]))
            if so_far:
                lifetime[key] = (total, len(so_far))
    expected = {
        key: (len(crowd), *(sum(sums[kind] for sums in crowd.values()) for kind in range(3)))
        for key, crowd in facts.items()
    }
    pairs: tuple[tuple[dict[Any, Any], dict[Any, Any]], ...] = (
        (expected, _stored_facts(warehouse)),
        (daily, _stored(warehouse, "daily_usage")),
        (lifetime, _stored(warehouse, "lifetime_usage")),
    )
    compared = sum(len(want.keys() | have.keys()) for want, have in pairs)
    return compared, sum(want.get(key) != have.get(key) for want, have in pairs for key in want.keys() | have.keys())


def _by_day(begin: int, end: int) -> list[tuple[date, int]]:
    """Split minutes since 1970 by UTC days."""
    found = []
    while begin < end:
        number = begin // 1440
        stop = min(end, (number + 1) * 1440)
        found.append((EPOCH + timedelta(days=number), stop - begin))
        begin = stop
    return found


def _stored_facts(warehouse: Warehouse) -> dict[tuple[str, date, str], Sums]:
    f = event_participants.c
    sums = (sa.func.sum(f.live_minutes), sa.func.sum(f.on_demand_minutes), sa.func.sum(f.engaged_minutes))
    key = (f.company_id, f.day, f.event_id)
    with warehouse.read() as connection:
        return {
            (row[0], row[1], row[2]): (int(row[3]), int(row[4]), int(row[5]), int(row[6]))
            for row in connection.execute(sa.select(*key, sa.func.count(), *sums).group_by(*key))
        }


def _stored(warehouse: Warehouse, table: str) -> dict[tuple[str, date], tuple[int, int]]:
    t = metadata.tables[table].c
    query = sa.select(t.company_id, t.day, t.engaged_minutes, t.unique_users).where(t.event_type == "all")
    with warehouse.read() as connection:
        return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(query)}
