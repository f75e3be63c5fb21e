"""The concurrent users of a stage event, which come for all of it at once, placed minute by minute on UTC days.

That they count from the event's start is an assumption: minutes that only counting from midnight explains are refused.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from sequel_assets.refresh.core.api_profile import NO_CONCURRENCY, Fact, to_find_out
from sequel_assets.refresh.usage.event_client import EventClient, EventMissing
from sequel_assets.refresh.usage.extract import SliceFailure
from sequel_assets.sequel import EARLIEST, LATEST
from sequel_assets.warehouse.stores.catalog import KnownEvent

ConcurrencyByDay = dict[date, dict[datetime, int]]
"""day -> minute -> users."""
EARLY = timedelta(hours=1)
"""So long before its planned start an event may have viewers."""


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


def is_counted_from_start(event: KnownEvent, concurrency: Mapping[date, Mapping[datetime, int]]) -> bool:
    """Say whether its minutes cannot have been counted from midnight: the first one would be before the event. Pure."""
    return is_from_start(event.starts_at, _first(concurrency))


def is_from_start(starts_at: datetime | None, first: datetime | None) -> bool:
    """Say the same of an event's first minute. Pure."""
    if starts_at is None or first is None:
        return False
    return -timedelta(minutes=1) < first - starts_at < since_midnight(starts_at) - EARLY


def why_misplaced(event: KnownEvent, concurrency: Mapping[date, Mapping[datetime, int]]) -> str:
    """Return why the minutes have no time: the first is beyond the planned end, and within the plan from midnight. Pure."""
    first, starts, ends = _first(concurrency), event.starts_at, event.ends_at
    if first is None or starts is None or ends is None or first < ends:
        return ""
    from_midnight = first - since_midnight(starts)
    is_within_plan = starts - EARLY <= from_midnight <= ends
    return f"{NO_CONCURRENCY[Fact.CONCURRENCY]}; {to_find_out(event.event_id)}" if is_within_plan else ""


def _first(concurrency: Mapping[date, Mapping[datetime, int]]) -> datetime | None:
    return min((minute for of_day in concurrency.values() for minute in of_day), default=None)


def since_midnight(at: datetime) -> timedelta:
    """Return the time of day. Pure."""
    return timedelta(hours=at.hour, minutes=at.minute)
