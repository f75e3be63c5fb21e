"""Divides the requests that may be under way among the processes that ask Sequel, on however many hosts.

A process holds a lease on some places and renews it every second. It gets no more than what the others do not hold, so that
the sum never exceeds the limit. Places are given up in two steps: a renewal says how many to keep, and the next one, once no
more are in use, writes so; only then can another have them. All times are the database's, since the clocks of hosts differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.tables.request_places import request_places, request_throttle

LEASE = timedelta(seconds=30)
"""For how long places are held without a renewal. A commit of some seconds on SQLite, which keeps others from writing, is no loss."""
TURN = timedelta(seconds=5)
"""Where there are more processes than places, others have a turn after so long."""
LOCK = "request_places"
"""The lock that whoever changes a lease holds, see `Warehouse.write`."""
ACCOUNT = 1


@dataclass(frozen=True)
class Demand:
    """What a process wants."""

    companies: int
    """It works on so many: the weight where places are divided."""
    wanted: int
    """So many requests it had under way or waiting."""


@dataclass(frozen=True)
class Throttle:
    """Sequel answered 429."""

    pause_seconds: float
    """So long a pause it asked for."""
    seen: int | None
    """How many 429s the process knew of then: where there are more by now, this one is of the same burst. None: the process
    has reported this burst before."""


@dataclass(frozen=True)
class PlacesLease:
    """What a process got."""

    places: int
    throttles: int
    """How often Sequel answered 429 so far; where it is more than before, somebody was answered so."""
    pause_seconds: float
    """For how long nobody should ask."""
    holders: int
    """Processes that hold a lease, this one included."""
    is_settled: bool
    """It has what it is to have: it waits for no place of others, nor others for one of its own."""


@dataclass(frozen=True)
class PlacesInUse:
    """What all processes hold now."""

    processes: int
    places: int
    throttles: int


def divide(places: int, demands: Mapping[str, Demand], turn: int) -> dict[str, int]:
    """Return the places of each process. Pure.

    Each gets one if there are enough; else they take turns. The others go by the number of companies: first to those who
    want them, then to everybody, so that whoever suddenly has more to do has some.
    """
    holders = sorted(demands)
    if not holders:
        return {}
    if len(holders) >= places:
        first = turn * places % len(holders)
        lucky = {holders[(first + place) % len(holders)] for place in range(places)}
        return {holder: int(holder in lucky) for holder in holders}
    shares = dict.fromkeys(holders, 1)
    for limit in ({holder: max(1, demands[holder].wanted) for holder in holders}, dict.fromkeys(holders, places)):
        while sum(shares.values()) < places:
            open_ = [holder for holder in holders if shares[holder] < limit[holder]]
            if not open_:
                break
            # one place at a time to whoever has least for its companies: at most 64 steps
            chosen = min(open_, key=lambda holder: (shares[holder] / max(1, demands[holder].companies), holder))
            shares[chosen] += 1
    return shares


def renew(
    connection: sa.Connection,
    holder: str,
    host: str,
    demand: Demand,
    *,
    places: int,
    reserved: int,
    throttle: Throttle | None = None,
    has_ended: Callable[[str], bool] = lambda _: False,
) -> PlacesLease:
    """Renew a process's lease, or give it its first one; return what it holds now.

    `places` is the limit over all processes. `reserved` is how many requests it may have under way, or has, until it receives the answer:
    so many places stay its own. `throttle`: Sequel has answered 429. `has_ended` says by its `host` whether a process is known to
    have been killed: its lease need not be waited for.
    """
    now = _now(connection)
    p = request_places.c
    connection.execute(request_places.delete().where(p.expires_at < now, p.holder != holder))
    others = {row.holder: row for row in connection.execute(sa.select(request_places).where(p.holder != holder))}
    for name in [name for name, row in others.items() if has_ended(row.host)]:
        give_up(connection, name)
        del others[name]
    demands = {name: Demand(row.companies, row.wanted) for name, row in others.items()} | {holder: demand}
    target = divide(places, demands, int(now.timestamp() / TURN.total_seconds()))[holder]
    free = places - sum(row.places for row in others.values())
    mine = max(0, min(target, free))
    row = {
        "holder": holder,
        "host": host,
        "companies": demand.companies,
        "wanted": demand.wanted,
        "places": max(mine, min(reserved, places)),
        "expires_at": now + LEASE,
    }
    bulk.upsert(connection, request_places, [row])
    times, until = _throttle(connection, now, throttle)
    pause = (until - now).total_seconds() if until is not None else 0.0
    return PlacesLease(mine, times, max(0.0, pause), len(demands), is_settled=mine == target and reserved <= mine)


def in_use(connection: sa.Connection) -> PlacesInUse:
    """Return the places of the leases that have not ended, and the 429s so far."""
    p, t = request_places.c, request_throttle.c
    live = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(p.places), 0)).where(
        p.expires_at >= _now(connection)
    )
    processes, places = connection.execute(live).one()
    throttles = connection.scalar(sa.select(t.times).where(t.account == ACCOUNT))
    return PlacesInUse(processes, int(places), throttles or 0)


def give_up(connection: sa.Connection, holder: str) -> None:
    """End a process's lease."""
    connection.execute(request_places.delete().where(request_places.c.holder == holder))


def _throttle(connection: sa.Connection, now: datetime, throttle: Throttle | None) -> tuple[int, datetime | None]:
    """Return how often there was a 429 and until when everybody pauses, one more included where there was one."""
    t = request_throttle.c
    stored = connection.execute(sa.select(t.times, t.paused_until).where(t.account == ACCOUNT)).one_or_none()
    times, until = (stored.times, stored.paused_until) if stored else (0, None)
    if throttle is not None:
        wanted = now + timedelta(seconds=throttle.pause_seconds)
        is_new = throttle.seen is not None and times <= throttle.seen
        times, until = times + is_new, max(wanted, until) if until is not None else wanted
        bulk.upsert(connection, request_throttle, [{"account": ACCOUNT, "times": times, "paused_until": until}])
    return times, until


def _now(connection: sa.Connection) -> datetime:
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)
    return datetime.now(UTC)  # a SQLite file belongs to one host
