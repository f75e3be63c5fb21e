"""Readers of single values as Sequel may send them: numbers as strings, blanks for nothing, times without a zone.

Each reader returns a clean value or raises `WrongShapeError`, a `ValueError`, so that pydantic reports it with its
place. No error text may quote the value: it may be somebody's name.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

LARGEST_COUNT = 10**9
_UNSIGNED_INTEGER = re.compile(r"\s*([0-9]{1,20})(?:\.0+)?\s*", re.ASCII)
_SIGNED_INTEGER = re.compile(r"\s*(-?[0-9]{1,20})(?:\.0+)?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*-?[0-9]{1,20}(?:\.[0-9]{1,20})?\s*", re.ASCII)


EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The calendar: a time before the first, or not before the second, is no time of any event and is not used."""


class WrongShapeError(ValueError):
    """A value that is not what the contract says; the message does not quote it."""


class OutsideCalendarError(WrongShapeError):
    """A valid time outside the calendar, such as one that stands for "none" or "for ever"."""


def non_negative_integer(value: object) -> int:
    """A count or a number of minutes: 12, "12", 12.0 and "12.0"; never 12.5, a negative, a bool, more than 10**9."""
    return _bounded_integer(value, _UNSIGNED_INTEGER, 0, LARGEST_COUNT)


def minute_offset(value: object) -> int:
    """Minutes from an event's start. May be negative (people wait for the start); within twenty years of it."""
    return _bounded_integer(value, _SIGNED_INTEGER, -(10**7), 10**7)


def _bounded_integer(value: object, pattern: re.Pattern[str], low: int, high: int) -> int:
    number: int | None = None
    if type(value) is int:
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str) and (match := pattern.fullmatch(value)):
        number = int(match[1])
    if number is None or not low <= number <= high:
        raise WrongShapeError(f"is not a whole number from {low} to {high}")
    return number


def number_or_none(value: object) -> float | None:
    """A number whose unit Sequel does not state; null and "" mean that it is not known."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongShapeError("is not a number")
    return float(value)


def text_as_received(value: object) -> str:
    """A text, to the letter; null is an empty one, a number its digits."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongShapeError("is not a text")
    return str(value)


def text_or_none(value: object) -> str | None:
    """A text, to the letter; null and blanks are None."""
    text = text_as_received(value)
    return text if text.strip() else None


def trimmed_or_none(value: object) -> str | None:
    """A text without the blanks around it; null and blanks are None."""
    return text_as_received(value).strip() or None


def an_id(value: object) -> str:
    """An id of any characters, as it is (they are escaped where they go into a path). Blank is none."""
    text = text_or_none(value)
    if text is None:
        raise WrongShapeError("is missing")
    return text


def flag_or_none(value: object) -> bool | None:
    """A boolean, also as "true", "1" or 1; null is None."""
    if isinstance(value, str):
        value = value.strip().lower()
    if value is None or value == "":
        return None
    if value in (True, "true", "1", "yes"):
        return True
    if value in (False, "false", "0", "no"):
        return False
    raise WrongShapeError("is neither true nor false")


def utc_or_none(value: object) -> datetime | None:
    """An ISO 8601 time in UTC, within the calendar; one without a zone is read as UTC."""
    text = trimmed_or_none(value)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return within_calendar(time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
    except OverflowError:  # the first or last day of Python's calendar, shifted by its zone
        raise OutsideCalendarError(OUTSIDE) from None
    except WrongShapeError:
        raise
    except ValueError:
        raise WrongShapeError("is not an ISO 8601 time") from None


OUTSIDE = f"is not between {EARLIEST.year} and {LATEST.year}"


def within_calendar(time: datetime) -> datetime:
    """The time, which must be one that an event can have."""
    if not EARLIEST <= time < LATEST:
        raise OutsideCalendarError(OUTSIDE)
    return time


Integer = Annotated[int, BeforeValidator(non_negative_integer)]
IntegerOrNone = Annotated[
    int | None, BeforeValidator(lambda value: None if value is None else non_negative_integer(value))
]
MinuteOffset = Annotated[int, BeforeValidator(minute_offset)]
NumberOrNone = Annotated[float | None, BeforeValidator(number_or_none)]
Text = Annotated[str, BeforeValidator(text_as_received)]
TextOrNone = Annotated[str | None, BeforeValidator(text_or_none)]
TrimmedOrNone = Annotated[str | None, BeforeValidator(trimmed_or_none)]
Id = Annotated[str, BeforeValidator(an_id)]
FlagOrNone = Annotated[bool | None, BeforeValidator(flag_or_none)]
TimeOrNone = Annotated[datetime | None, BeforeValidator(utc_or_none)]
