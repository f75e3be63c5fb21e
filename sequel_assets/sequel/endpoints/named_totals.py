"""Usage totals of endpoints that are only named (N): their shapes are our proposal, so every field is optional.

They serve to check totals and never fill a table: an absent field costs a skipped check. A field that is present and
unreadable is an error all the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BeforeValidator, Field

from sequel_assets.sequel.parsing.fields import IntegerOrNone, TextOrNone, WrongShapeError, utc_or_none
from sequel_assets.sequel.parsing.shapes import Camel, a_list, an_object, validated


def _day(value: object) -> dt.date:
    time = utc_or_none(value)
    if time is None:
        raise WrongShapeError("is missing")
    return time.date()


class Usage(Camel):
    """Usage of a company, over its lifetime or a range of days."""

    company_id: TextOrNone = None
    live_minutes: IntegerOrNone = None
    on_demand_minutes: IntegerOrNone = None
    total_minutes: IntegerOrNone = None
    number_of_events: IntegerOrNone = None
    number_of_users: IntegerOrNone = None


class DayUsage(Camel):
    """Usage of a company on one day."""

    day: Annotated[dt.date, BeforeValidator(_day)] = Field(validation_alias="date")
    virtual_stage_minutes: IntegerOrNone = None
    networking_minutes: IntegerOrNone = None
    live_minutes: IntegerOrNone = None
    on_demand_minutes: IntegerOrNone = None
    number_of_users: IntegerOrNone = None


def non_empty_object(value: object) -> dict[str, object]:
    """The object. An empty one has no information and must not pass for "nothing happened"."""
    raw = an_object(value)
    if not raw:
        raise WrongShapeError("the answer is empty")
    return raw


def usage_from(value: object) -> Usage:
    """Usage of a company."""
    return validated(Usage, non_empty_object(value))


def days_from(value: object) -> list[DayUsage]:
    """Usage of a company by day, in the order received."""
    return validated(list[DayUsage], a_list(non_empty_object(value).get("days"), "days"), "days")
