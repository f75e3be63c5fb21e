"""Are Sequel's days UTC days? Where an event's concurrency is on one day and all its live minutes are on the next or last.

Concurrency has times, so it shows the UTC day. It is compared only where a time zone would put an event's live minutes
beside its own days; an event that was moved after it was held looks alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sequel_assets.refresh.usage.concurrency import ConcurrencyByDay, since_midnight
from sequel_assets.refresh.usage.range_search import DAY, Span
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import STAGE

EAST, WEST = timedelta(hours=14), timedelta(hours=12)
"""The furthest zones from UTC."""


@dataclass(frozen=True)
class UtcDays:
    """The comparison for one event."""

    event: KnownEvent
    own: Span | None
    clock: Callable[[], datetime]
    through: datetime
    live_minutes: Callable[[Span], int]
    concurrency: Callable[[], ConcurrencyByDay]

    def is_refuted_in(self, span: Span, live: Iterable[date]) -> bool:
        """Say whether live minutes were found beside the event's own days, or may be just outside the span."""
        days, own = list(live), self.own
        if own is None or any(own.first <= day <= own.last for day in days):
            return False
        if days:
            return any(self._is_of_another_day(day) for day in days)
        return own.first in {span.first, span.last} and self._is_beside(own.first)

    def is_refuted_on(self, day: date, live_minutes: int) -> bool:
        """Say whether a day that was requested by itself has the live minutes of another one, or lacks its own."""
        if not live_minutes:
            return self._is_beside(day)
        is_own = self.own is not None and self.own.first <= day <= self.own.last
        return not is_own and self._is_of_another_day(day)

    def _is_of_another_day(self, day: date) -> bool:
        """Say whether live minutes of a day are those of the day before or after, by the event's concurrency."""
        if self.event.event_type != STAGE:
            return False
        concurrency = self.concurrency()
        if not may_be_of_another_day(day, concurrency, self.clock()):
            return False
        return not self.live_minutes(Span(min(concurrency), max(concurrency)))

    def _is_beside(self, day: date) -> bool:
        """Say whether an event that is over, and has nobody on its day, has concurrency there and live minutes beside it."""
        event = self.event
        is_over = event.ends_at is not None and event.ends_at <= self.through
        if event.event_type != STAGE or event.is_cancelled or self.own != Span(day, day) or not is_over:
            return False
        beside = neighbours_of(day, self.concurrency(), self.clock())
        return any(self.live_minutes(Span(other, other)) for other in beside)


def may_be_of_another_day(day: date, concurrency: Mapping[date, Mapping[datetime, int]], now: datetime) -> bool:
    """Say whether another time zone explains that live minutes are on a day without concurrency beside one with it. Pure."""
    return day not in concurrency and any(day in neighbours_of(placed, concurrency, now) for placed in concurrency)


def neighbours_of(day: date, concurrency: Mapping[date, Mapping[datetime, int]], now: datetime) -> list[date]:
    """Return the days on which another time zone would put the minutes of a day. Pure."""
    minutes = concurrency.get(day)
    if not minutes or max(minutes) > now:
        return []  # minutes to come are those of an event that was moved
    west = [day - DAY] if since_midnight(min(minutes)) < WEST else []
    return west + ([day + DAY] if since_midnight(max(minutes)) > timedelta(days=1) - EAST else [])
