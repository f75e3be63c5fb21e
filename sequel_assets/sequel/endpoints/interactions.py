"""Polls, questions, chat and reactions of an event: the endpoint is only named (N), its shape is our proposal.

Where the endpoint is absent or has another shape, the datasets made from it are unavailable; so is each part that is
missing from the response. A value that is present and unreadable is an error.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from sequel_assets.sequel.endpoints.named_totals import non_empty_object
from sequel_assets.sequel.parsing.fields import Id, Integer, IntegerOrNone, Text, TextOrNone, WrongShapeError
from sequel_assets.sequel.parsing.shapes import Camel, validated
from sequel_assets.sequel.parsing.times import Timed, TimestampOrNone


def _list_or_empty(value: object) -> object:
    return [] if value is None else value


class PollOption(Camel):
    """One choice of a poll."""

    option_id: Id
    text: Text = ""


class PollAnswer(Camel, Timed):
    """What one person chose."""

    times: ClassVar = ("answered_at",)

    option_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    answered_at: TimestampOrNone = None


class Poll(Camel):
    """One poll with its answers."""

    poll_id: Id
    question: Text = ""
    options: Annotated[list[PollOption], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    answers: Annotated[list[PollAnswer], BeforeValidator(_list_or_empty)] = Field(default_factory=list)


class Question(Camel, Timed):
    """A question of the audience."""

    times: ClassVar = ("asked_at", "answered_at")

    question_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    text: Text = Field("", repr=False)
    asked_at: TimestampOrNone = None
    answer: TextOrNone = Field(None, repr=False)
    answered_at: TimestampOrNone = None
    upvotes: IntegerOrNone = None


class ChatMessage(Camel, Timed):
    """A message in the chat."""

    times: ClassVar = ("sent_at",)

    message_id: Id
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    name: TextOrNone = Field(None, repr=False)
    text: Text = Field("", repr=False)
    sent_at: TimestampOrNone = None


class Reaction(Camel):
    """How often an emoji was sent in a minute of the event."""

    emoji: Text
    count: Integer
    minute: IntegerOrNone = None


class Interactions(Camel):
    """Polls, questions, chat and reactions of an event. None is a missing part, which is not an empty one."""

    event_id: TextOrNone = None
    polls: list[Poll] | None = None
    questions: list[Question] | None = None
    chat: list[ChatMessage] | None = None
    reactions: list[Reaction] | None = None


PARTS = ("polls", "questions", "chat", "reactions")


def interactions_from(value: object) -> Interactions:
    """The interactions of an event. A response without any of the parts is not the expected one: an error."""
    interactions = validated(Interactions, non_empty_object(value))
    if all(getattr(interactions, part) is None for part in PARTS):
        raise WrongShapeError(f"none of {', '.join(PARTS)} is there")
    return interactions
