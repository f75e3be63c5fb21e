"""Answers of the endpoints that are only named (N): their shapes are our proposal, so every field is optional.

They serve to check numbers, never to fill a table: what is absent costs a skipped check. What is there and unreadable
is an error all the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import AliasGenerator, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from sequel_assets.sequel.fields import (
    Id,
    Text,
    TextOrNone,
    TimeOrNone,
    Whole,
    WholeOrNone,
    WrongShapeError,
    utc_or_none,
)
from sequel_assets.sequel.shapes import Model, a_list, an_object, validated


def _day(value: object) -> dt.date:
    time = utc_or_none(value)
    if time is None:
        raise ValueError("is missing")
    return time.date()


def _list_or_empty(value: object) -> object:
    return [] if value is None else value


class _Camel(Model):
    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_camel))


class Usage(_Camel):
    """Usage of a company, over its lifetime or a range of days."""

    company_id: TextOrNone = None
    live_minutes: WholeOrNone = None
    on_demand_minutes: WholeOrNone = None
    total_minutes: WholeOrNone = None
    number_of_events: WholeOrNone = None
    number_of_users: WholeOrNone = None


class DayUsage(_Camel):
    """Usage of a company on one day."""

    day: Annotated[dt.date, BeforeValidator(_day)] = Field(validation_alias="date")
    virtual_stage_minutes: WholeOrNone = None
    networking_minutes: WholeOrNone = None
    live_minutes: WholeOrNone = None
    on_demand_minutes: WholeOrNone = None
    number_of_users: WholeOrNone = None


class PollOption(_Camel):
    """One choice of a poll."""

    option_id: Id
    text: Text = ""


class PollAnswer(_Camel):
    """What one person chose."""

    option_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    answered_at: TimeOrNone = None


class Poll(_Camel):
    """One poll with its answers."""

    poll_id: Id
    question: Text = ""
    options: Annotated[list[PollOption], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    answers: Annotated[list[PollAnswer], BeforeValidator(_list_or_empty)] = Field(default_factory=list)


class Question(_Camel):
    """A question of the audience."""

    question_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    text: Text = Field("", repr=False)
    asked_at: TimeOrNone = None
    answer: TextOrNone = Field(None, repr=False)
    answered_at: TimeOrNone = None
    upvotes: WholeOrNone = None


class ChatMessage(_Camel):
    """A message in the chat."""

    message_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    text: Text = Field("", repr=False)
    sent_at: TimeOrNone = None


class Reaction(_Camel):
    """How often an emoji was sent in a minute of the event."""

    emoji: Text
    count: Whole
    minute: WholeOrNone = None


class Interactions(_Camel):
    """Polls, questions, chat and reactions of an event."""

    event_id: TextOrNone = None
    polls: Annotated[list[Poll], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    questions: Annotated[list[Question], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    chat: Annotated[list[ChatMessage], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    reactions: Annotated[list[Reaction], BeforeValidator(_list_or_empty)] = Field(default_factory=list)


_USAGE: TypeAdapter[Usage] = TypeAdapter(Usage)
_DAYS: TypeAdapter[list[DayUsage]] = TypeAdapter(list[DayUsage])
_INTERACTIONS: TypeAdapter[Interactions] = TypeAdapter(Interactions)


def _told(value: object) -> dict[str, Any]:
    """The object. An empty one says nothing at all, and must not pass for "nothing happened"."""
    raw = an_object(value)
    if not raw:
        raise WrongShapeError("the answer is empty")
    return raw


def usage_from(value: object) -> Usage:
    """Usage of a company."""
    return validated(_USAGE, _told(value))


def days_from(value: object) -> list[DayUsage]:
    """Usage of a company by day, in the order received."""
    return validated(_DAYS, a_list(_told(value).get("days"), "days"), "days")


def interactions_from(value: object) -> Interactions:
    """Polls and the like of an event."""
    return validated(_INTERACTIONS, _told(value))
