"""Minutes, kept as half-open spans of whole minutes since 1970 (UTC): small, exact, and quick to add up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

MINUTES_PER_DAY = 1440
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1)

Spans = tuple[tuple[int, int], ...]
"""Sorted, disjoint spans (first minute, minute after the last)."""


def minute_of(time: datetime) -> int:
    """The minute that contains a time, counted from 1970. A time without a zone is refused."""
    if time.tzinfo is None:
        raise ValueError(f"a time needs its zone: {time!r}")
    return (time - EPOCH) // timedelta(minutes=1)


def datetime_of(minute: int) -> datetime:
    """The UTC time at which a minute begins."""
    return EPOCH + timedelta(minutes=minute)


def day_of(minute: int) -> date:
    """The UTC day that a minute belongs to."""
    return EPOCH_DAY + timedelta(days=minute // MINUTES_PER_DAY)


def union(spans: Iterable[tuple[int, int]]) -> Spans:
    """Every minute within at least one span, as sorted and disjoint spans."""
    merged: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if end <= first:
            continue
        if merged and first <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((first, end))
    return tuple(merged)


def clip(spans: Spans, first: int | None, end: int | None) -> Spans:
    """The part of the spans from `first` on and before `end`; None is unbounded."""
    low = -(10**12) if first is None else first
    high = 10**12 if end is None else end
    return tuple((max(a, low), min(b, high)) for a, b in spans if a < high and b > low)


def length(spans: Spans) -> int:
    """The number of minutes."""
    return sum(end - first for first, end in spans)


def by_day(spans: Spans) -> dict[int, int]:
    """Minutes per day, the day as its number since 1970."""
    days: dict[int, int] = {}
    for first, end in spans:
        while first < end:
            day = first // MINUTES_PER_DAY
            stop = min(end, (day + 1) * MINUTES_PER_DAY)
            days[day] = days.get(day, 0) + stop - first
            first = stop
    return days


def shorten(spans: Spans, minutes: int) -> Spans:
    """The spans without their last `minutes` minutes."""
    kept = list(spans)
    while kept and minutes > 0:
        first, end = kept.pop()
        if end - first > minutes:
            kept.append((first, end - minutes))
            break
        minutes -= end - first
    return tuple(kept)


def lengthen(spans: Spans, minutes: int) -> Spans:
    """The spans with `minutes` more minutes after their last."""
    return union((*spans, (spans[-1][1], spans[-1][1] + minutes))) if spans else spans


def shift(watched: Spans, by: int) -> Spans:
    """The same minutes, earlier or later."""
    return tuple((first + by, end + by) for first, end in watched)
