"""The concurrent users of a stage event, minute by minute, placed on UTC days."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sequel_assets.refresh.usage.event_client import EventClient, EventMissing
from sequel_assets.refresh.usage.extract import SliceFailure
from sequel_assets.sequel import EARLIEST, LATEST

ConcurrencyByDay = dict[date, dict[datetime, int]]
"""day -> minute -> users."""


def place_minutes(starts_at: datetime, views: Iterable[tuple[int, int]]) -> ConcurrencyByDay:
    """Return the minutes by day: all that came, also beyond the planned end; of two values for one the larger."""
    start = starts_at.replace(second=0, microsecond=0)
    found: ConcurrencyByDay = {}
    for offset, users in views:
        after = timedelta(minutes=offset)
        if not EARLIEST - start <= after < LATEST - start:  # adding what is beyond the calendar would raise
            raise SliceFailure(
                f"minute {offset} of its concurrency is beyond any calendar "
                f"(not between {EARLIEST.year} and {LATEST.year})"
            )
        minute = start + after
        day = found.setdefault(minute.date(), {})
        day[minute] = max(users, day.get(minute, 0))
    return found


def fetch_concurrency(client: EventClient, *, has_live_minutes: bool) -> ConcurrencyByDay:
    """Return the concurrency of an event. 404 means empty where nobody was live; else it is requested once more.

    Where minutes are stored it is not taken for empty either, unless Sequel says that nobody was ever live.
    """
    views = client.concurrency()
    may_be_empty = not has_live_minutes and client.event.concurrency_from is None
    if views is None and not may_be_empty:
        views = client.concurrency()
        if views is None and (has_live_minutes or client.was_ever_live()):
            raise EventMissing(client.event.event_id)
    if not views:
        return {}
    if client.event.starts_at is None:
        raise SliceFailure("Sequel gives it no start date, so the minutes of its concurrency cannot be placed")
    return place_minutes(client.event.starts_at, views)
