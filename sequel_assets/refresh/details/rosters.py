"""What Sequel lists of an event or hub without a day: who registered, who is in it, and its rooms, as rows of their tables."""

import json

from sequel_assets.refresh.details.endpoint import Endpoint, EventRequest, Listing, Rows
from sequel_assets.sequel import SequelClient
from sequel_assets.sequel.endpoints.directory import Registrant
from sequel_assets.warehouse.stores.people import normal_name
from sequel_assets.warehouse.tables.company_lists import hub_participants, hub_rooms, registrants


def fetch_registrants(client: SequelClient, asked: EventRequest) -> Rows:
    """Return a row per person who registered, without the columns that the warehouse knows better."""
    rows = Rows()
    found: dict[str, tuple[bool, str | None]] = {}
    told = [(one, _as_json(one.metadata)) for one in client.registrants(asked.event.event_id)]
    rows.entries = len(told)
    everybody = [Listing(one.email, one.name, _mark(one), answers or "") for one, answers in told]
    for who, (one, answers) in zip(rows.everybody(asked, everybody), told, strict=True):
        has_link, before = found.get(who, (False, None))
        found[who] = (has_link or one.join_url is not None, max(filter(None, (before, answers)), default=None))
    for who, (has_link, answers) in found.items():
        rows.add(registrants, (asked.company_id, asked.event.event_id, who, None, has_link, answers))
    return rows


def _mark(one: Registrant) -> str | None:
    """Return what tells somebody apart who has no e-mail: link and name, since a link may be everybody's."""
    return None if one.join_url is None else f"{normal_name(one.name)}\0{one.join_url}"


def fetch_hub_participants(client: SequelClient, asked: EventRequest) -> Rows:
    """Return a row per person that a hub lists."""
    rows = Rows()
    found: dict[str, list[float | None]] = {}
    listed = client.hub_participants(asked.event.event_id)
    rows.entries = len(listed)
    everybody = [Listing(one.email, one.name, one.user_id, str(one.when)) for one in listed]
    for who, one in zip(rows.everybody(asked, everybody), listed, strict=True):
        found.setdefault(who, []).append(one.when)
    for who, entries in found.items():
        told = [when for when in entries if when is not None]
        first, last = min(told, default=None), max(told, default=None)
        rows.add(hub_participants, (asked.company_id, asked.event.event_id, who, len(entries), first, last))
    return rows


def fetch_hub_rooms(client: SequelClient, asked: EventRequest) -> Rows:
    """Return a row per room of a hub; an answer without their list tells nothing of them, an empty list is no rooms."""
    rows, told = Rows(), client.hub(asked.event.event_id).rooms
    if told is None:
        rows.untold[hub_rooms] = "Sequel's answer has no networkingHubRooms"
    for position, room in enumerate(told or (), start=1):
        rows.add(hub_rooms, (asked.company_id, asked.event.event_id, position, room.name or "", room.max_slots))
    return rows


def _as_json(value: object) -> str | None:
    """Return what is there as JSON with its keys in order; None where there is nothing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value not in (None, "", [], {}) else None


REGISTRANTS = Endpoint("registrants", (registrants,), fetch_registrants)
HUB_PARTICIPANTS = Endpoint(
    "hub participants",
    (hub_participants,),
    fetch_hub_participants,
    look_up=lambda client, hub_id: client.hub(hub_id),
)
HUB_ROOMS = Endpoint(
    "hub rooms", (hub_rooms,), fetch_hub_rooms, look_up=lambda client, hub_id: client.hub_participants(hub_id)
)
ROSTER_ENDPOINTS = (REGISTRANTS, HUB_PARTICIPANTS, HUB_ROOMS)
"""Each of one table, asked of the events that `LISTED_OF` names."""
