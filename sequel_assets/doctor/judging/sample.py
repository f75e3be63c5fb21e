"""Which events the doctor looks at: few, past, and such that their times show something. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sequel_assets.sequel import Event

MAX_EVENTS = 8
SETTLED = timedelta(hours=3)
"""An event that ended longer ago has its live minutes in the analytics."""
LATELY = timedelta(days=60)
"""Older events are taken where there are not enough: Sequel may have forgotten their minutes."""
LATEST_END_HOUR = 22
"""An event that is planned to end by then on its UTC day hardly runs over into the next one."""


@dataclass(frozen=True)
class SampledEvent:
    """An event with its totals of all time, of everybody."""

    event_id: str
    company_id: str
    starts_at: datetime
    ends_at: datetime
    users: int
    minutes: int

    @property
    def day(self) -> date:
        """Return the UTC day on which it starts."""
        return self.starts_at.date()

    @property
    def is_within_a_day(self) -> bool:
        """Say whether it lies on one UTC day, with some hours left after it."""
        return self.ends_at.date() == self.day and self.ends_at.hour < LATEST_END_HOUR


def choose_events(events: Iterable[Event], now: datetime, wanted: Collection[str]) -> list[Event]:
    """Return a few past events: the wanted ones, the earliest and latest ones by their hour, and then the newest."""
    past = {
        event.uid: event
        for event in events
        if event.starts_at is not None
        and event.ends_at is not None
        and event.starts_at < event.ends_at <= now - SETTLED
        and not event.is_cancelled
    }
    newest = sorted(past.values(), key=lambda event: (_start(event), event.uid), reverse=True)
    lately = [event for event in newest if _start(event) >= now - LATELY] or newest
    within = [event for event in lately if _is_within(event)]
    by_hour = sorted(within, key=lambda event: (_start(event).time(), event.uid))
    ordered = [past[uid] for uid in wanted if uid in past]
    for group in (by_hour[:2], by_hour[-1:], lately, newest):
        ordered += [event for event in group if event not in ordered]
    return ordered[:MAX_EVENTS]


def largest(sample: Sequence[SampledEvent]) -> SampledEvent:
    """Return the event with most people."""
    return max(sample, key=lambda one: (one.users, one.event_id))


def smallest(sample: Sequence[SampledEvent]) -> SampledEvent:
    """Return the event with fewest people, of those with more than a few where there are any."""
    several = [one for one in sample if one.users >= 4]
    return min(several or sample, key=lambda one: (one.users, one.event_id))


def for_dates(sample: Sequence[SampledEvent]) -> list[SampledEvent]:
    """Return the earliest and the latest event, by the hour, of those that lie on one UTC day."""
    within = sorted(
        (one for one in sample if one.is_within_a_day), key=lambda one: (one.starts_at.time(), one.event_id)
    )
    return within[:1] + within[1:][-1:]


def _start(event: Event) -> datetime:
    assert event.starts_at is not None  # noqa: S101 - only such are chosen
    return event.starts_at


def _is_within(event: Event) -> bool:
    start, end = event.starts_at, event.ends_at
    return start is not None and end is not None and start.date() == end.date() and end.hour < LATEST_END_HOUR
