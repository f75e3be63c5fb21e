"""The oracle of what a company comes to: comparisons, top lists, roll-ups, any range. Sets and loops, slow and plain on purpose.

It works on rows of facts that the other oracle made from the sandbox's minutes, and shares no code with the platform: its
own calendar, its own trees, its own rounding.
"""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = tuple[Any, ...]
STAGE = "virtualStageEvent"
ROLLING = {"day": 1, "last_7_days": 7, "last_28_days": 28, "last_90_days": 90}
CALENDAR = ("week", "month", "quarter", "year")


def rounded(top: int, bottom: int) -> float | None:
    """A quotient with two decimals, halves away from zero; None where there is nothing to divide by."""
    return float((Decimal(top) / Decimal(bottom)).quantize(Decimal("0.01"), ROUND_HALF_UP)) if bottom else None


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def numbers(facts: Sequence[Row]) -> dict[str, Any]:
    """Minutes, people, events of rows of event_participants; an event is one of its company."""
    live, on_demand, engaged = (sum(row[place] for row in facts) for place in (5, 6, 7))
    people, events = {row[3] for row in facts}, {(row[0], row[2]) for row in facts}
    return {
        "live_minutes": live,
        "on_demand_minutes": on_demand,
        "engaged_minutes": engaged,
        "unique_users": len(people),
        "events": len(events),
        "average_engaged_minutes": rounded(engaged, len(people)),
    }


def period_of(period: str, day: date) -> tuple[date, date]:
    """The days of a period that has this day."""
    if period in ROLLING:
        return day - timedelta(days=ROLLING[period] - 1), day
    if period == "week":
        at = day
        while at.isoweekday() != 1:
            at -= timedelta(days=1)
        return at, at + timedelta(days=6)
    months = {"month": [day.month], "quarter": [3 * ((day.month + 2) // 3) - n for n in (2, 1, 0)], "year": [1, 12]}
    first, last = min(months[period]), max(months[period])
    return date(day.year, first, 1), date(day.year, last, calendar.monthrange(day.year, last)[1])


def year_before(day: date) -> date:
    try:
        return date(day.year - 1, day.month, day.day)
    except ValueError:
        return date(day.year - 1, 2, 28)


def compared(period: str, how: str, day: date) -> tuple[date, date]:
    """The range that a period is compared with, as it stands at the end of a day."""
    first, last = period_of(period, day)
    if period in ROLLING:
        return period_of(period, first - timedelta(days=1) if how == "previous" else year_before(day))
    if how == "previous":
        other = period_of(period, first - timedelta(days=1))
    elif period == "week":
        year, week, _ = day.isocalendar()
        days = days_of(date(year - 2, 12, 20), date(year - 1, 12, 31))
        weeks = {at.isocalendar()[1]: at for at in days if at.isocalendar()[0] == year - 1}
        other = period_of("week", weeks[min(week, max(weeks))])
    else:
        other = period_of(period, year_before(first))
    if day == last:
        return other
    both = days_of(*other)[: len(days_of(first, day))]
    return both[0], both[-1]


def comparison(company: str, facts: Sequence[Row], day: date, start: date, closed: Collection[date]) -> list[Row]:
    """The 16 rows of `usage_comparison` as of a day; `facts` are the company's, `closed` its days that have closed."""
    rows = []
    for period in ("day", *CALENDAR, "last_7_days", "last_28_days", "last_90_days"):
        for how in ("previous", "year_before"):
            now, before = (period_of(period, day)[0], day), compared(period, how, day)
            told, complete = [], []
            for first, last in (now, before):
                here = numbers([row for row in facts if max(first, start) <= row[1] <= last])
                length = len(days_of(first, last))
                values: list[Any] = [here[name] for name in ("live_minutes", "on_demand_minutes", "engaged_minutes",
                                     "unique_users", "events", "average_engaged_minutes")]  # fmt: skip
                values.append(rounded(here["engaged_minutes"], length))
                told.append(values if last >= start else [None] * 7)
                complete.append(all(at >= start and at in closed for at in days_of(first, last)))
            lengths = [len(days_of(*one)) for one in (now, before)]
            changes: list[float | None] = [None, None, None]
            if all(complete):
                pairs = [(told[0][place] * lengths[1], told[1][place] * lengths[0]) for place in (2, 4)]
                if lengths[0] == lengths[1]:
                    pairs.append((told[0][3], told[1][3]))
                changes = [rounded(100 * (a - b), b) for a, b in pairs] + [None] * (3 - len(pairs))
            rows.append((company, day, period, how, period_of(period, day)[1] == day, now[0], complete[0], *told[0],
                         *before, complete[1], *told[1], *changes, False, None if told[1][0] is None else False))  # fmt: skip
    return sorted(rows)


def top(company: str, facts: Sequence[Row], day: date, start: date) -> list[Row]:
    """The rows of `top_participants` as of a day."""
    is_month_end = (day + timedelta(days=1)).day == 1
    lengths: dict[str, int | None] = {"last_7_days": 7, "last_28_days": 28}
    if is_month_end:
        lengths |= {"last_90_days": 90, "last_365_days": 365, "lifetime": None}
    rows = []
    for period, length in lengths.items():
        first = start if length is None else max(start, day - timedelta(days=length - 1))
        for rank, (person, values) in enumerate(ranking(facts, first, day)[: 100 if is_month_end else 10], start=1):
            rows.append((company, day, period, rank, person, first, *values))
    return sorted(rows)


def ranking(facts: Sequence[Row], first: date, last: date) -> list[tuple[str, tuple[int, ...]]]:
    """Everybody of a range in order, each with live, on-demand and engaged minutes, events and days."""
    theirs: dict[str, list[Row]] = defaultdict(list)
    for row in facts:
        if first <= row[1] <= last:
            theirs[row[3]].append(row)
    told = [
        (person, (*(sum(row[place] for row in rows) for place in (5, 6, 7)), len({(row[0], row[2]) for row in rows}),
                  len({row[1] for row in rows})))
        for person, rows in theirs.items()
    ]  # fmt: skip
    return sorted(told, key=lambda one: (-one[1][2], one[0]))


def descendants(parents: Mapping[str, Sequence[tuple[date, str | None]]], company: str, day: date) -> set[str]:
    """A company and all beneath it on a day."""

    def parent(of: str) -> str | None:
        stood = [where for where in parents[of] if where[0] <= day] or [parents[of][0]]
        return stood[-1][1]

    found = {company}
    while True:
        more = {one for one in parents if parent(one) in found} | found
        if more == found:
            return found
        found = more


def rollup(
    parents: Mapping[str, Sequence[tuple[date, str | None]]],
    facts: Sequence[Row],
    concurrency: Sequence[Row],
    through: Mapping[tuple[str, date], datetime],
    company: str,
    day: date,
) -> list[Row]:
    """The rows of `company_rollup`; `through` is the hour that each company's facts of a day cover."""
    members = descendants(parents, company, day)
    here = [row for row in facts if row[0] in members and row[1] == day]
    users: Counter[datetime] = Counter()
    for member, on, _, minute, many in concurrency:
        if member in members and on == day:
            users[minute] += many
    highest = max(users.values(), default=None)
    peak = (highest, min((minute for minute in users if users[minute] == highest), default=None))
    rows = []
    for kind in ("all", *sorted({row[4] for row in here})):
        n = numbers([row for row in here if kind in ("all", row[4])])
        rows.append(
            (company, day, kind, len(members), n["live_minutes"], n["on_demand_minutes"], n["engaged_minutes"],
             n["unique_users"], n["average_engaged_minutes"], n["events"],
             *(peak if kind in ("all", STAGE) else (None, None)), min(through[member, day] for member in members), False)
        )  # fmt: skip
    return sorted(rows)
