"""Which days a period has, and which it is compared with. Pure date arithmetic; every range includes both its ends.

A period under way is compared with as many days from the beginning of the other one, at most all of it; one that ends
with the day is compared with all of the other one. Where the lengths differ, only averages per day are comparable.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
ROLLING = {"day": 1, "last_7_days": 7, "last_28_days": 28, "last_90_days": 90}
"""Periods that end with any day, and how many days they have."""
CALENDAR = ("week", "month", "quarter", "year")
"""Periods of the calendar; a week is ISO's, from Monday to Sunday."""
PERIODS = ("day", *CALENDAR, "last_7_days", "last_28_days", "last_90_days")
PREVIOUS, YEAR_BEFORE = "previous", "year_before"
COMPARED_WITH = (PREVIOUS, YEAR_BEFORE)


@dataclass(frozen=True, order=True)
class Days:
    """Days from the first to the last, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        """Each day, in order."""
        return (self.first + n * DAY for n in range(len(self)))


def full_period(period: str, day: date) -> Days:
    """Return the period that has this day; a rolling one ends with it."""
    if period in ROLLING:
        return Days(day - (ROLLING[period] - 1) * DAY, day)
    if period == "week":
        monday = day - day.weekday() * DAY
        return Days(monday, monday + 6 * DAY)
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Days(first, _months_later(first, months) - DAY)


def to_date(period: str, day: date) -> Days:
    """Return the period as far as it has gone at the end of this day."""
    return Days(full_period(period, day).first, day)


def is_over(period: str, day: date) -> bool:
    """Say whether the period ends with this day."""
    return full_period(period, day).last == day


def other(period: str, compared_with: str, day: date) -> Days:
    """Return the days that the period, as far as it has gone at the end of this day, is compared with."""
    if period in ROLLING:
        return full_period(period, day - ROLLING[period] * DAY if compared_with == PREVIOUS else _year_before(day))
    this = full_period(period, day)
    if compared_with == PREVIOUS:
        that = full_period(period, this.first - DAY)
    elif period == "week":
        that = _same_week_a_year_before(day)
    else:
        that = full_period(period, _year_before(this.first))
    if day == this.last:
        return that
    return Days(that.first, min(that.first + (day - this.first), that.last))


def _year_before(day: date) -> date:
    """Return the same date a year before; of 29 February the 28th."""
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


def _same_week_a_year_before(day: date) -> Days:
    """Return the week of the same number in ISO's year before; week 53 of a year without one is its last."""
    year, number, _ = day.isocalendar()
    last = date(year - 1, 12, 28).isocalendar().week  # 28 December is always in the last one
    monday = date.fromisocalendar(year - 1, min(number, last), 1)
    return Days(monday, monday + 6 * DAY)


def _months_later(first: date, months: int) -> date:
    """Return the first of a month so many months later."""
    number = first.month - 1 + months
    return date(first.year + number // 12, number % 12 + 1, 1)
