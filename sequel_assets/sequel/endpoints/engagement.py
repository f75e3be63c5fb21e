"""Participants, concurrency and activity of events: the documented or observed responses of the analytics host."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sequel_assets.sequel.parsing.fields import (
    FlagOrNone,
    Integer,
    IntegerOrNone,
    MinuteOffset,
    NumberOrNone,
    Text,
    TextOrNone,
    WrongShapeError,
)
from sequel_assets.sequel.parsing.shapes import Camel, Model, a_list, an_object, validated
from sequel_assets.sequel.parsing.times import DurationOrNone, Timed, TimestampOrNone, counted_in

EngagementType = Literal["all", "live", "onDemand"]
EventType = Literal["virtualStageEvent", "networkingHub"]


class Participant(Model):
    """One row of the list, to the letter: rows that repeat another must stay recognisable. A blank e-mail is None."""

    name: Text = Field("", repr=False)
    email: TextOrNone = Field(None, validation_alias="userEmail", repr=False)
    engaged_minutes: Integer = Field(validation_alias="engagedMinutes")


class Participants(Model):
    """The two totals cover everybody, whatever `limit` is; the list holds at most `limit` rows."""

    number_of_users: int
    total_engaged_minutes: int
    participants: list[Participant] = Field(default_factory=list)


class Activity(Camel, Timed):
    """One person's activity in one event. Sequel does not state the unit of the durations: see `Duration`."""

    times: ClassVar = ("created_on", "updated_on", "registration_date")

    uid: TextOrNone = None
    user_id: TextOrNone = None
    email: TextOrNone = Field(None, repr=False)
    name: TextOrNone = Field(None, repr=False)
    attended: FlagOrNone = None
    viewed_replay: FlagOrNone = None
    live_time: DurationOrNone = None
    on_demand_time: DurationOrNone = None
    live_time_spent_percentage: NumberOrNone = None
    on_demand_time_spent_percentage: NumberOrNone = None
    average_live_view_time: NumberOrNone = None
    average_on_demand_view_time: NumberOrNone = None
    circles_number: IntegerOrNone = None
    comments: IntegerOrNone = None
    polls_number: IntegerOrNone = None
    questions_number: IntegerOrNone = None
    messages_reactions_count: IntegerOrNone = None
    lead_score: NumberOrNone = None
    raw_lead_score: NumberOrNone = None
    lead_status: TextOrNone = None
    engagement_score: NumberOrNone = None
    company_id: TextOrNone = None
    created_on: TimestampOrNone = None
    updated_on: TimestampOrNone = None
    registration_date: TimestampOrNone = None


class ActivityPage(Model):
    """One page of activity. Pages count from 1, and may overlap when rows arrive between two requests."""

    items: list[Activity]
    total_count: int
    page: int | None = None
    size: int | None = None


class _Totals(Model):
    number_of_users: Integer = Field(validation_alias="numberOfUsers")
    total_engaged_minutes: Integer = Field(validation_alias="totalEngagedMinutes")


class _PageHead(Model):
    total_count: Integer = Field(validation_alias="totalCount")
    page: IntegerOrNone = None
    size: IntegerOrNone = None


def participants_from(value: object) -> Participants:
    """Totals and list. Missing totals fail; a missing list does unless nobody was there."""
    raw = an_object(value)
    totals = validated(_Totals, raw)
    listed = raw.get("topParticipants")
    if listed is None and totals.number_of_users:
        raise WrongShapeError("topParticipants is missing")
    return Participants(
        number_of_users=totals.number_of_users,
        total_engaged_minutes=totals.total_engaged_minutes,
        participants=[]
        if listed is None
        else validated(list[Participant], a_list(listed, "topParticipants"), "topParticipants"),
    )


def concurrency_from(value: object) -> list[tuple[int, int]]:
    """(minute from the start, users), in the order received, duplicates kept. `VideoViews: null` is an empty list."""
    raw = an_object(value)
    if "VideoViews" not in raw:
        raise WrongShapeError("VideoViews is missing")
    views = raw["VideoViews"]
    return (
        []
        if views is None
        else validated(list[tuple[MinuteOffset, Integer]], a_list(views, "VideoViews"), "VideoViews")
    )


MINUTE_SECONDS = 60.0
"""The unit of the activity's times, as it is assumed (I)."""


def activity_page_from(value: object, unit_seconds: float = MINUTE_SECONDS) -> ActivityPage:
    """A page of activity, its times in a unit; an item that names nobody fails the page by its place."""
    raw = an_object(value)
    head = validated(_PageHead, raw)
    items = validated(list[Activity], a_list(raw.get("items"), "items"), "items")
    for index, item in enumerate(items):
        if item.uid is None and item.user_id is None:
            raise WrongShapeError(f"items[{index}] has neither uid nor userId")
    if unit_seconds != MINUTE_SECONDS:
        items = [_in_unit(item, unit_seconds) for item in items]
    return ActivityPage(items=items, total_count=head.total_count, page=head.page, size=head.size)


def _in_unit(item: Activity, unit_seconds: float) -> Activity:
    times = {name: counted_in(getattr(item, name), unit_seconds) for name in ("live_time", "on_demand_time")}
    return item.model_copy(update=times)
