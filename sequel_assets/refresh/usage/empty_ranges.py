"""Empty ranges: days of the past on which an event had no minutes, and which days are left to request. Pure.

A range is kept only of days that were final when Sequel answered that there was nothing: such a day is not requested
again by itself. Where a day has minutes after all, it leaves the range.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from sequel_assets.refresh.usage.range_search import DAY, Span
from sequel_assets.warehouse.stores.empty_ranges import EmptyRange


def last_final_day(through: datetime, late_window: timedelta) -> date:
    """Return the last day whose end plus the late window an answer of that hour covers."""
    return (through - late_window).date() - DAY


def learn(
    stored: Sequence[EmptyRange],
    empty: Iterable[Span],
    non_empty: Collection[date],
    *,
    through: datetime,
    late_window: timedelta,
) -> list[EmptyRange]:
    """Return an event's empty ranges after Sequel answered which ranges are `empty` and which days `non_empty`.

    Of a range only the days that are final by now count.
    """
    last = last_final_day(through, late_window)
    fresh = [EmptyRange(span.first, min(span.last, last), through) for span in empty if span.first <= last]
    return joined(without([*stored, *fresh], non_empty))


def without(ranges: Iterable[EmptyRange], days: Collection[date]) -> list[EmptyRange]:
    """Return the ranges without some days."""
    found: list[EmptyRange] = []
    for each in ranges:
        first = each.first
        for day in sorted(day for day in set(days) if each.first <= day <= each.last):
            if first < day:
                found.append(EmptyRange(first, day - DAY, each.through))
            first = day + DAY
        if first <= each.last:
            found.append(EmptyRange(first, each.last, each.through))
    return found


def joined(ranges: Iterable[EmptyRange]) -> list[EmptyRange]:
    """Return the ranges in order, those that touch or overlap as one, which keeps the earliest of their hours."""
    found: list[EmptyRange] = []
    for each in sorted(ranges):
        before = found[-1] if found else None
        if before is not None and each.first <= before.last + DAY:
            through = min(before.through, each.through)
            found[-1] = EmptyRange(before.first, max(before.last, each.last), through)
        else:
            found.append(each)
    return found


def left_to_request(days: Iterable[date], ranges: Sequence[EmptyRange]) -> list[date]:
    """Return the days that no range covers, in order."""
    return [day for day in sorted(days) if not any(each.first <= day <= each.last for each in ranges)]
