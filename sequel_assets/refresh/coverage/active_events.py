"""Which events may have minutes now: what an hourly refresh requests, so that an hour does not cost the whole past."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import event_participants

BACK, AHEAD = timedelta(days=30), timedelta(days=1)
AFTER_END = timedelta(hours=2)


def active_events(
    events: Iterable[KnownEvent], now: datetime, *, watched: Collection[str], new: Collection[str]
) -> frozenset[str]:
    """Return the ids of the active events, and of the hubs that they link to.

    Active is an event that starts between 30 days ago and a day ahead, one with minutes in the last 30 days
    (`watched`), one that was listed for the first time (`new`), and one without a start, of which nothing can be ruled
    out.
    """
    events = list(events)
    active = {
        event.event_id
        for event in events
        if event.event_id in watched
        or event.event_id in new
        or event.starts_at is None
        or now - BACK <= event.starts_at <= now + AHEAD
        or (event.ends_at is not None and event.starts_at <= now <= event.ends_at)
    }
    hubs = {event.networking_hub_id for event in events if event.event_id in active and event.networking_hub_id}
    return frozenset(active | {event.event_id for event in events if event.event_id in hubs})


def is_under_way(event: KnownEvent, now: datetime) -> bool:
    """Say whether an event has begun and has not ended, by its plan, for more than two hours."""
    return (
        event.starts_at is not None
        and event.starts_at <= now
        and now - AFTER_END <= max(event.starts_at, event.ends_at or event.starts_at)  # a sum may overflow
    )


def watched_since(connection: sa.Connection, company_id: str, first: date) -> frozenset[str]:
    """Return the events of a company with minutes on a day or later."""
    fact = event_participants.c
    return frozenset(
        connection.scalars(sa.select(fact.event_id).where(fact.company_id == company_id, fact.day >= first).distinct())
    )
