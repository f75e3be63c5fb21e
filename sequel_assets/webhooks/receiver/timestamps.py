"""Parses a time stamp into UTC by a closed list of formats. Pure.

What is not on the list is not parsed. A lenient parser is worse than none: one took `01:11:23 GMT-0500` for 01:11:23
UTC, and a notification was closed by a refresh from before the end that it reported.
"""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

FIRST_YEAR, AFTER_LAST_YEAR = 2000, 2100
LONGEST = 120
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _AFTER_LAST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(AFTER_LAST_YEAR, 1, 1, tzinfo=UTC)
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
"""Units of an epoch time per second. Within the years that are accepted no number fits two of them."""

_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,40}))?)?"
_OFFSET = r"(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?"
_WEEKDAY = r"(?P<weekday>mon|tue|wed|thu|fri|sat|sun)"
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # ISO 8601, RFC 3339, and as databases and Go write it: 2026-11-30T01:11:23.5-05:00, 2026-11-30 06:11:23 UTC
        rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|{_OFFSET}))?",
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) "
        r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,40}))? \+0000 UTC",
        # ISO 8601 without dashes: 20261130T061123Z
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
        rf"(?:[.,](?P<fraction>\d{{1,40}}))?(?:Z|{_OFFSET})?",
        # RFC 2822 and HTTP: Mon, 30 Nov 2026 01:11:23 -0500
        rf"(?:{_WEEKDAY}, ?)?(?P<day>\d\d?)(?P<dash>[ -]){_MONTH}(?P=dash)(?P<year>\d{{4}}) {_CLOCK}"
        rf" (?:Z|UT|UTC|GMT|{_OFFSET}(?: \([^()]*\))?)",
        # JavaScript: Mon Nov 30 2026 01:11:23 GMT-0500 (Eastern Standard Time)
        rf"{_WEEKDAY} {_MONTH} (?P<day>\d\d) (?P<year>\d{{4}}) {_CLOCK} GMT(?:{_OFFSET})?(?: \([^()]*\))?",
        # Java and `date`: Mon Nov 30 06:11:23 UTC 2026
        rf"{_WEEKDAY} {_MONTH} +(?P<day>\d\d?) {_CLOCK} (?:UTC|GMT) (?P<year>\d{{4}})",
    )
)
_NUMBER = re.compile(r"[1-9]\d{8,19}(?:\.\d{1,20})?", re.ASCII)
_NUMBER_OF_JSON = re.compile(r"[1-9]\d{0,19}(?:\.\d{1,20})?(?:[eE]\+?\d{1,2})?", re.ASCII)


def of_text(text: str) -> datetime | None:
    """Return what a text says.

    UTC where ISO 8601 names no zone, None where it is not on the list or contradicts itself.
    """
    text = text.strip(" \t\r\n")
    if len(text) > LONGEST:
        return None
    if _NUMBER.fullmatch(text):
        return _since_1970(Fraction(text))
    found = next((match.groupdict() for form in _FORMS if (match := form.fullmatch(text))), None)
    try:
        return _in_range(_datetime_of(found)) if found else None
    except (ValueError, OverflowError):
        return None


def of_number(digits: str) -> datetime | None:
    """Return what a number of JSON says, as it is written: seconds, or parts of them, since 1970."""
    return _since_1970(Fraction(digits)) if _NUMBER_OF_JSON.fullmatch(digits) else None


def _since_1970(number: Fraction) -> datetime | None:
    for unit in _UNITS:
        since = _EPOCH + timedelta(microseconds=int(number * 1_000_000 / unit)) if number < unit << 32 else _EPOCH
        if _in_range(since):
            return since
    return None


def _datetime_of(found: dict[str, str | None]) -> datetime:
    """Return the time of the matched parts; `ValueError` where no such time exists."""
    month = (found["month"] or "").lower()
    day = datetime(
        int(found["year"] or 0),
        _MONTHS.index(month) + 1 if month in _MONTHS else int(month),
        int(found["day"] or 0),
        tzinfo=UTC,
    )
    weekday = found.get("weekday")
    if weekday and _WEEKDAYS[day.weekday()] != weekday.lower():
        raise ValueError("another day of the week")
    return day + _since_midnight(found) - _ahead_of_utc(found)


def _since_midnight(found: dict[str, str | None]) -> timedelta:
    """Return the time of day: to 24:00:00, and to a second 60 (a leap second is the first of the next minute)."""
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    fraction = found.get("fraction") or ""
    if minute > 59 or second > 60 or (hour, minute, second) > (24, 0, 0) or (hour == 24 and fraction.strip("0")):
        raise ValueError("no such time")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int(f"{fraction:0<6}"[:6]))


def _ahead_of_utc(found: dict[str, str | None]) -> timedelta:
    hours, minutes = int(found.get("hours") or 0), int(found.get("minutes") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if found.get("sign") == "-" else ahead


def _in_range(at: datetime) -> datetime | None:
    """Return a time of the years that are accepted, else None."""
    return at if _FIRST <= at < _AFTER_LAST else None
