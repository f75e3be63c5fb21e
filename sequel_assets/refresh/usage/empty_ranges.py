"""What is known of an empty past, and what is left to be asked: arithmetic of days, pure.

A silence is kept only of days that were final when Sequel told that there was nothing: such a day is not asked about
again by itself. Where minutes are told after all, the silence goes.
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
    silent: Iterable[Span],
    loud: Collection[date],
    *,
    through: datetime,
    late_window: timedelta,
) -> list[EmptyRange]:
    """Return an event's silences after it was told which stretches are `silent` and which days `loud` (have minutes).

    Of a stretch only the days that are final by now count.
    """
    last = last_final_day(through, late_window)
    fresh = [EmptyRange(span.first, min(span.last, last), through) for span in silent if span.first <= last]
    return joined(without([*stored, *fresh], loud))


def without(silences: Iterable[EmptyRange], days: Collection[date]) -> list[EmptyRange]:
    """Return the silences less some days."""
    found: list[EmptyRange] = []
    for silence in silences:
        first = silence.first
        for day in sorted(day for day in set(days) if silence.first <= day <= silence.last):
            if first < day:
                found.append(EmptyRange(first, day - DAY, silence.through))
            first = day + DAY
        if first <= silence.last:
            found.append(EmptyRange(first, silence.last, silence.through))
    return found


def joined(silences: Iterable[EmptyRange]) -> list[EmptyRange]:
    """Return the silences in order, those that touch or overlap as one, which keeps the earliest of their hours."""
    found: list[EmptyRange] = []
    for silence in sorted(silences):
        before = found[-1] if found else None
        if before is not None and silence.first <= before.last + DAY:
            through = min(before.through, silence.through)
            found[-1] = EmptyRange(before.first, max(before.last, silence.last), through)
        else:
            found.append(silence)
    return found


def left_to_request(days: Iterable[date], silences: Sequence[EmptyRange]) -> list[date]:
    """Return the days that no silence covers, in order."""
    return [day for day in sorted(days) if not any(silence.first <= day <= silence.last for silence in silences)]
