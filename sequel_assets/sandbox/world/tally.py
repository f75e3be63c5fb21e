"""Adding up: what an event's or a company's minutes come to in a range of days, seen at some hour.

Everything here follows from the minutes alone: a range is a set of days, a day's number is a sum over the rows of its
attendance. Per event and hour the sums per day are cached, so that repeated requests for totals are cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.truth import HUB, Attendance, Event

ENGAGEMENT_TYPES = ("all", "live", "onDemand")


class DayRow(NamedTuple):
    """One row's minutes of one day."""

    row: int
    live: int
    on_demand: int
    engaged: int


class RowMinutes(NamedTuple):
    """A row of attendance and its minutes in the requested range."""

    attendance: Attendance
    minutes: int


@dataclass
class Range:
    """Days from `first` to `last`, both included; None is unbounded."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: int) -> bool:
        """Whether a day (its number since 1970) lies in the range."""
        return (self.first is None or day >= (self.first - spans.EPOCH_DAY).days) and (
            self.last is None or day <= (self.last - spans.EPOCH_DAY).days
        )


class EventTally:
    """An event's minutes before `before` (a minute since 1970), by day and row; a day begins `offset` minutes sooner."""

    def __init__(self, event: Event, before: int, offset: int = 0) -> None:
        self.rows = event.rows
        self.is_complete = True
        self.days: dict[int, list[DayRow]] = {}
        for index, row in enumerate(self.rows):
            live, on_demand, engaged = row.live, row.on_demand, row.engaged
            if engaged and engaged[-1][1] > before:
                self.is_complete = False
                live, on_demand, engaged = (spans.clip(part, None, before) for part in (live, on_demand, engaged))
            if offset:
                live, on_demand, engaged = (spans.shift(part, offset) for part in (live, on_demand, engaged))
            live_days, on_demand_days = spans.by_day(live), spans.by_day(on_demand)
            for day, minutes in spans.by_day(engaged).items():
                day_row = DayRow(index, live_days.get(day, 0), on_demand_days.get(day, 0), minutes)
                self.days.setdefault(day, []).append(day_row)
        self._asked: dict[tuple[date | None, date | None, str], list[RowMinutes]] = {}

    def participants(self, days: Range, engagement_type: str) -> list[RowMinutes]:
        """The rows with minutes of that type in those days: most minutes first, then by e-mail and name as shown."""
        key = (days.first, days.last, engagement_type)
        if key not in self._asked:
            sums: dict[int, int] = {}
            for day_row in self._in(days):
                minutes = minutes_of(day_row, engagement_type)
                if minutes:
                    sums[day_row.row] = sums.get(day_row.row, 0) + minutes
            found = [RowMinutes(self.rows[index], minutes) for index, minutes in sums.items()]
            found.sort(key=lambda r: (-r.minutes, str(r.attendance.email or ""), str(r.attendance.name or "")))
            if len(self._asked) >= 16:
                self._asked.clear()
            self._asked[key] = found
        return self._asked[key]

    def totals(self, days: Range) -> DayRow:
        """Live, on-demand and engaged minutes of everybody in those days (`row` counts what was added)."""
        found = list(self._in(days))
        return DayRow(
            len(found), sum(r.live for r in found), sum(r.on_demand for r in found), sum(r.engaged for r in found)
        )

    def _in(self, days: Range) -> Iterable[DayRow]:
        if days.first is not None and days.first == days.last:
            return self.days.get((days.first - spans.EPOCH_DAY).days, [])
        return (day_row for day, rows in self.days.items() if days.holds(day) for day_row in rows)


def minutes_of(day_row: DayRow, engagement_type: str) -> int:
    """The minutes of one engagement type; `all` counts a minute that was both once."""
    if engagement_type == "live":
        return day_row.live
    return day_row.on_demand if engagement_type == "onDemand" else day_row.engaged


class Tallies:
    """The tallies of a world's events, kept until an event is restated or the hour moves over it."""

    def __init__(self, offset: int = 0) -> None:
        self._offset = offset
        self._kept: WeakKeyDictionary[Event, tuple[int, int, EventTally]] = WeakKeyDictionary()

    def of(self, event: Event, before: int) -> EventTally:
        """An event's tally at an hour. One that saw every minute serves all later hours too."""
        version, hour, tally = self._kept.get(event, (-1, 0, None))
        if tally is None or version != event.version or not (hour == before or (tally.is_complete and hour < before)):
            tally = EventTally(event, before, self._offset)
            self._kept[event] = (event.version, before, tally)
        return tally


def concurrency(event: Event, before: int, since: int | None = None) -> list[tuple[int, int]]:
    """(minute counted from the event's start, people watching live) of each minute from `since` on with anybody."""
    steps: dict[int, int] = {}
    for row in event.rows:
        for first, end in spans.clip(row.live, since, before):
            steps[first] = steps.get(first, 0) + 1
            steps[end] = steps.get(end, 0) - 1
    start, users, seen = spans.minute_of(event.starts_at), 0, []
    minutes = sorted(steps)
    for first, following in pairwise(minutes):
        users += steps[first]
        if users:
            seen += [(minute - start, users) for minute in range(first, following)]
    return seen


@dataclass
class Usage:
    """What a company used in a range: minutes, events with at least one minute, people counted once."""

    live_minutes: int = 0
    on_demand_minutes: int = 0
    engaged_minutes: int = 0
    stage_minutes: int = 0
    hub_minutes: int = 0
    events: int = 0
    users: int = 0


def usage(tallies: Iterable[tuple[Event, EventTally]], days: Range, engagement_type: str) -> Usage:
    """The usage of a set of events; with `live` or `onDemand` only those minutes count, and nothing else does."""
    sum_ = Usage()
    people: set[str] = set()
    for event, tally in tallies:
        rows = tally.participants(days, engagement_type)
        if not rows:
            continue
        totals, minutes = tally.totals(days), sum(row.minutes for row in rows)
        sum_.events += 1
        sum_.live_minutes += totals.live if engagement_type != "onDemand" else 0
        sum_.on_demand_minutes += totals.on_demand if engagement_type != "live" else 0
        sum_.engaged_minutes += minutes
        sum_.stage_minutes += 0 if event.event_type == HUB else minutes
        sum_.hub_minutes += minutes if event.event_type == HUB else 0
        people.update(row.attendance.person.key(event.id) for row in rows)
    sum_.users = len(people)
    return sum_
