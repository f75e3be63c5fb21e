"""Companies, events, hubs, registrants and replays: the responses of the API host."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from pydantic import AliasChoices, AliasPath, Field

from sequel_assets.sequel.endpoints.hosts import Hosts, hosts_or_none
from sequel_assets.sequel.parsing.fields import (
    FlagOrNone,
    Id,
    IntegerOrNone,
    NumberOrNone,
    TextOrNone,
    TrimmedOrNone,
    WrongShapeError,
    an_id,
    flag_or_none,
    text_or_none,
    trimmed_or_none,
    utc_or_none,
)
from sequel_assets.sequel.parsing.shapes import FieldReader, Model, a_list, an_object, read, validated

T = TypeVar("T")


class Company(Model):
    """A company or sub-company. Its name is trimmed; a missing one is empty.

    A field that could not be read is listed in `bad_fields`. `event_ids` is None where the field is absent.
    """

    uid: str
    name: str = ""
    parent_company_id: str | None = None
    event_ids: tuple[str, ...] | None = None
    bad_fields: tuple[str, ...] = ()


class Event(Model):
    """An event. Times are UTC; a field that could not be read is its default and listed in `bad_fields`, as Sequel
    spells it, so that one odd event never hides the others of its list."""  # noqa: D205, D209

    uid: str
    company_uid: str | None = None
    name: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str | None = None
    kind: str | None = None
    networking_hub: str | None = None
    is_cancelled: bool = False
    is_replay_enabled: bool = False
    is_live: bool = False
    is_parent: bool = False
    is_child_session: bool = False
    is_in_person: bool = False
    is_simulive: bool = False
    organizers: Hosts | None = None
    presenters: Hosts | None = None
    bad_fields: tuple[str, ...] = ()


class HubRoom(Model):
    """A room of a hub, as received but for the blanks around its name."""

    name: TrimmedOrNone = None
    max_slots: IntegerOrNone = Field(None, validation_alias=AliasChoices("maxSlots", "max_slots"))


class Hub(Model):
    """A Networking Hub. Its rooms are in Sequel's order; None where the field is absent, which is not "no rooms"."""

    uid: str
    name: str = ""
    company_uid: str | None = None
    rooms: tuple[HubRoom, ...] | None = None


class HubParticipant(Model):
    """Somebody in a hub, as received. What `when` means Sequel does not say."""

    user_id: TextOrNone = Field(None, validation_alias=AliasPath("meta", "userId"))
    name: TextOrNone = Field(None, validation_alias=AliasPath("meta", "username"), repr=False)
    email: TextOrNone = Field(None, validation_alias=AliasPath("meta", "email"), repr=False)
    when: NumberOrNone = None


class Registrant(Model):
    """Somebody who registered for an event, as received."""

    name: TextOrNone = Field(None, repr=False)
    email: TextOrNone = Field(None, repr=False)
    join_url: TextOrNone = Field(None, repr=False)
    metadata: object = Field(None, repr=False)
    """The registration form's answers, of undocumented shape; a value of JSON."""


class Replay(Model):
    """A recording of an event."""

    url: TextOrNone = None
    download_url: TrimmedOrNone = Field(None, validation_alias=AliasChoices("downloadVideoUrl", "download_url"))
    download_status: TrimmedOrNone = Field(None, validation_alias=AliasChoices("downloadStatus", "download_status"))
    is_custom: FlagOrNone = Field(None, validation_alias=AliasChoices("isCustomReplay", "is_custom"))


class _Identified(Model):
    uid: Id


def company_from(value: object, where: str = "") -> Company:
    """A company; its own id is required, the rest may be missing, null or (noted in `bad_fields`) odd.

    For a company fetched by itself an unreadable parent is an error: no other company is lost by it, and the call is
    repeated.
    """
    raw = an_object(value, where or "the answer")
    reader = FieldReader(raw)
    found = Company(
        uid=validated(_Identified, raw, where).uid,
        name=reader.of(trimmed_or_none, ("name",)) or "",
        parent_company_id=reader.of(text_or_none, ("parentCompanyId",)),
        event_ids=reader.each(an_id, "eventIds"),
        bad_fields=tuple(sorted(reader.bad)),
    )
    if not where and "parentCompanyId" in found.bad_fields:
        raise WrongShapeError("parentCompanyId is not a text")
    return found


def companies_from(value: object) -> list[Company]:
    """A list of companies; none is dropped, a nameless one fails the list by its place."""
    return [company_from(item, f"companies[{index}]") for index, item in enumerate(a_list(value))]


def event_from(value: object, where: str = "") -> Event:
    """An event; its own id is required, everything else may be missing, null or (noted in `bad_fields`) odd."""
    raw = an_object(value, where or "the answer")
    reader = FieldReader(raw)
    first = reader.of
    return Event(
        uid=validated(_Identified, raw, where).uid,
        company_uid=first(text_or_none, ("companyUid",), ("company", "id"), ("company", "uid")),
        name=first(trimmed_or_none, ("name",)) or "",
        starts_at=first(utc_or_none, ("startDate",)),
        ends_at=first(utc_or_none, ("endDate",)),
        timezone=first(trimmed_or_none, ("timezone",)),
        kind=first(trimmed_or_none, ("type",)),
        networking_hub=first(_hub_id, ("networkingHub",)),
        is_cancelled=first(flag_or_none, ("isEventCancelled",)) or False,
        is_replay_enabled=first(flag_or_none, ("isReplayEnabled",), ("liveEventManagement", "replayEnabled")) or False,
        is_live=first(flag_or_none, ("isEventLive",), ("liveEventManagement", "isEventLive")) or False,
        is_parent=first(flag_or_none, ("isParentEvent",)) or False,
        is_child_session=first(flag_or_none, ("isChildSessionEvent",)) or False,
        is_in_person=first(flag_or_none, ("isInPersonEvent",)) or False,
        is_simulive=first(flag_or_none, ("isSimuliveEnabled",)) or False,
        organizers=hosts_or_none(raw.get("organizers")),
        presenters=hosts_or_none(raw.get("presenters")),
        bad_fields=tuple(reader.bad),
    )


def events_from(value: object) -> list[Event]:
    """A list of events, in its order; none is dropped."""
    return [event_from(item, f"events[{index}]") for index, item in enumerate(a_list(value))]


def hub_from(value: object) -> Hub:
    """A hub; only its id is required. Its company may be an id or an object."""
    raw = an_object(value)
    company, rooms = raw.get("company"), raw.get("networkingHubRooms")
    if isinstance(company, dict):
        company = company.get("uid", company.get("id"))
    return Hub(
        uid=validated(_Identified, raw).uid,
        name=read(trimmed_or_none, raw.get("friendlyName"), "friendlyName") or "",
        company_uid=read(text_or_none, company, "company"),
        rooms=None
        if rooms is None
        else tuple(validated(list[HubRoom], a_list(rooms, "networkingHubRooms"), "networkingHubRooms")),
    )


def hub_participants_from(value: object) -> list[HubParticipant]:
    """The people of a hub."""
    people = [
        {**item, "meta": item["meta"] if isinstance(item.get("meta"), dict) else {}} if isinstance(item, dict) else item
        for item in a_list(value)
    ]
    return validated(list[HubParticipant], people, "participants")


def registrants_from(value: object) -> list[Registrant]:
    """The registrants of an event."""
    return validated(list[Registrant], a_list(value), "registrants")


def replays_from(value: object) -> list[Replay]:
    """The replays of an event."""
    return validated(list[Replay], a_list(value), "replays")


def _hub_id(value: object) -> str | None:
    """A hub's id: a text, or an object that holds it."""
    if isinstance(value, dict):
        value = value.get("uid", value.get("id"))
    return trimmed_or_none(value)
