"""Reads times and durations of the less documented endpoints: several spellings each; anything else is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from sequel_assets.sequel.parsing.fields import (
    LARGEST_COUNT,
    OUTSIDE,
    OutsideCalendarError,
    WrongShapeError,
    text_as_received,
    utc_or_none,
    within_calendar,
)
from sequel_assets.sequel.parsing.shapes import Model

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS, _MILLISECONDS = re.compile(r"[0-9]{9,10}(?:\.0+)?", re.ASCII), re.compile(r"[0-9]{12,13}(?:\.0+)?", re.ASCII)
_OTHER_NUMBER, _COMPACT_DAY = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,9})?", re.ASCII), re.compile(r"[0-9]{8}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_WITH_UNIT = re.compile(
    r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)", re.ASCII | re.IGNORECASE
)
_SECONDS_OF = {"s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}


@dataclass(frozen=True)
class Duration:
    """A time that somebody spent, as received and in whole minutes."""

    raw: str
    """A plain number in its shortest form; a text with a unit as it came."""
    minutes: int
    """A plain number is taken for minutes (I); "750s", "12m", "1h" are what they say. Halves up."""


def duration_or_none(value: object) -> Duration | None:
    """90, "90", 90.0, "12m", "750s", "1.5 h"; null and blanks are None. Anything else, or a negative, is refused."""
    text = text_as_received(value).strip()
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        number, unit = Decimal(text), "m"
        text = f"{number.normalize():f}"
    elif match := _WITH_UNIT.fullmatch(text):
        number, unit = Decimal(match[1]), match[2][0].lower()
    else:
        raise WrongShapeError("is no duration")
    minutes = int((number * _SECONDS_OF[unit] / 60).quantize(Decimal(1), ROUND_HALF_UP))
    if minutes > LARGEST_COUNT:
        raise WrongShapeError("is longer than any event")
    return Duration(text, minutes)


def counted_in(time: Duration | None, unit_seconds: float) -> Duration | None:
    """A plain number in another unit than minutes; a text with a unit of its own stays as it is."""
    if time is None or not _NUMBER.fullmatch(time.raw):
        return time
    minutes = Decimal(time.raw) * Decimal(str(unit_seconds)) / 60
    return Duration(time.raw, int(minutes.quantize(Decimal(1), ROUND_HALF_UP)))


def timestamp_or_none(value: object) -> datetime | None:
    """A time in UTC: ISO 8601, or seconds or milliseconds since 1970, as a number or its digits."""
    text = text_as_received(value).strip()
    for pattern, unit in ((_SECONDS, timedelta(seconds=1)), (_MILLISECONDS, timedelta(milliseconds=1))):
        if pattern.fullmatch(text):
            return within_calendar(EPOCH + int(text.split(".")[0]) * unit)
    if _OTHER_NUMBER.fullmatch(text) and not _COMPACT_DAY.fullmatch(text):  # as seconds since 1970 it is outside
        raise OutsideCalendarError(OUTSIDE)
    return utc_or_none(text)


DurationOrNone = Annotated[Duration | None, BeforeValidator(duration_or_none)]
TimestampOrNone = Annotated[datetime | None, BeforeValidator(timestamp_or_none)]


class Timed(Model):
    """A model with times. One outside the calendar becomes None and is named: one odd entry must not fail its list."""

    times: ClassVar[tuple[str, ...]] = ()
    """The names of its fields that are times."""
    _outside: tuple[str, ...] = PrivateAttr(())

    @property
    def outside(self) -> tuple[str, ...]:
        """The times that were outside the calendar, as Sequel spells them."""
        return self._outside

    @model_validator(mode="wrap")
    @classmethod
    def _without_times_outside(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError:
            if not isinstance(value, dict):
                raise
            outside = tuple(name for name in map(to_camel, cls.times) if _is_outside(value.get(name)))
            if not outside:
                raise
        model = handler({**value, **dict.fromkeys(outside)})
        model._outside = outside
        return model


def _is_outside(value: object) -> bool:
    try:
        timestamp_or_none(value)
    except OutsideCalendarError:
        return True
    except WrongShapeError:
        return False
    return False
