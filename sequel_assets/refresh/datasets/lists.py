"""What Sequel lists of an event or hub without a day: who registered, who is in it, and its rooms.

A new list is its table, its fetch, its words, and an endpoint in `LIST_ENDPOINTS`.
"""

import json

from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, Rows
from sequel_assets.refresh.datasets.people_without_email import ListEntry
from sequel_assets.sequel import SequelClient
from sequel_assets.sequel.endpoints.directory import Registrant
from sequel_assets.sequel.endpoints.hosts import Host
from sequel_assets.warehouse.stores.people import Person, hashed, normal_name
from sequel_assets.warehouse.tables.company_lists import (
    event_host_counts,
    event_hosts,
    hub_participants,
    hub_rooms,
    registrants,
)
from sequel_assets.warehouse.tables.dataset import Dataset, Subject


def fetch_registrants(client: SequelClient, request: EventRequest) -> Rows:
    """Return a row per person who registered, without the columns that the warehouse knows better."""
    rows = Rows()
    found: dict[str, tuple[bool, str | None]] = {}
    listed = [(one, _as_json(one.metadata)) for one in client.registrants(request.event.event_id)]
    rows.entries = len(listed)
    everybody = [ListEntry(one.email, one.name, _mark(one), answers or "") for one, answers in listed]
    for who, (one, answers) in zip(rows.everybody(request, everybody), listed, strict=True):
        has_link, before = found.get(who, (False, None))
        found[who] = (has_link or one.join_url is not None, max(filter(None, (before, answers)), default=None))
    for who, (has_link, answers) in found.items():
        rows.add(registrants, (request.company_id, request.event.event_id, who, None, has_link, answers))
    return rows


def _mark(one: Registrant) -> str | None:
    """Return what identifies somebody who has no e-mail: link and name, since a link may be everybody's."""
    return None if one.join_url is None else f"{normal_name(one.name)}\0{one.join_url}"


def fetch_hub_participants(client: SequelClient, request: EventRequest) -> Rows:
    """Return a row per person that a hub lists."""
    rows = Rows()
    found: dict[str, list[float | None]] = {}
    listed = client.hub_participants(request.event.event_id)
    rows.entries = len(listed)
    everybody = [ListEntry(one.email, one.name, one.user_id, str(one.when)) for one in listed]
    for who, one in zip(rows.everybody(request, everybody), listed, strict=True):
        found.setdefault(who, []).append(one.when)
    for who, entries in found.items():
        times = [when for when in entries if when is not None]
        first, last = min(times, default=None), max(times, default=None)
        rows.add(hub_participants, (request.company_id, request.event.event_id, who, len(entries), first, last))
    return rows


def fetch_hub_rooms(client: SequelClient, request: EventRequest) -> Rows:
    """Return a row per room of a hub; an answer without their list says nothing of them, an empty list is no rooms."""
    rows, rooms = Rows(), client.hub(request.event.event_id).rooms
    if rooms is None:
        rows.missing_parts[hub_rooms] = "Sequel's answer has no networkingHubRooms"
    for position, room in enumerate(rooms or (), start=1):
        rows.add(hub_rooms, (request.company_id, request.event.event_id, position, room.name or "", room.max_slots))
    return rows


def fetch_event_hosts(client: SequelClient, request: EventRequest) -> Rows:
    """Return a row per person and role, as the list of events has just answered them, else the event by itself."""
    rows, event = Rows(), request.listed or client.event(request.event.event_id)
    key = (request.company_id, request.event.event_id)
    roles = {"organizer": event.organizers, "presenter": event.presenters}
    for role, hosts in roles.items():
        for one in hosts.named if hosts is not None else ():
            rows.add(event_hosts, (*key, _host(rows, request, one), role, one.email is not None))
    known = [hosts for hosts in roles.values() if hosts is not None]
    by_id = sum(one.email is None for hosts in known for one in hosts.named)
    counts = (None if hosts is None else len(hosts.named) for hosts in roles.values())
    rows.add(event_host_counts, (*key, *counts, by_id, sum(hosts.unknown for hosts in known)))
    return rows


def _host(rows: Rows, request: EventRequest, host: Host) -> str:
    """Return the id of a host, who is remembered: of their e-mail, else of their id, which no e-mail, name or event spells."""
    if host.email is not None:
        return rows.known(request, host.email, host.name)
    person = hashed(request.person_key, f"\0\0{host.user_id}")
    if host.name:
        rows.meet(Person(person, None, host.name))
    return person


def _as_json(value: object) -> str | None:
    """Return what is there as JSON with its keys in order; None where there is nothing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value not in (None, "", [], {}) else None


REGISTRANTS = Dataset(
    table=registrants,
    subject=Subject.AUDIENCE,
    answers="Who registered for an event, whether or not they came?",
    grain="one row per company, stage event and person who registered",
    source="GET /event/{eventId}/registrants (documented); links to join are not kept",
    refreshed="every hour for the events that start today or are under way; once a day for those that are upcoming or ended within 30 days; with a backfill for those that start on its days",
    example="SELECT event_id, count(*) AS registered FROM registrants GROUP BY event_id",
)
HUB_PARTICIPANTS = Dataset(
    table=hub_participants,
    subject=Subject.NETWORKING,
    answers="Whom does Sequel list in a networking hub?",
    grain="one row per company, hub and person",
    source="GET /networking/{id}/participantsList (documented)",
    refreshed="as registrants, with the events that link the hub",
    example="SELECT event_id, count(*) AS people FROM hub_participants GROUP BY event_id",
)
HUB_ROOMS = Dataset(
    table=hub_rooms,
    subject=Subject.NETWORKING,
    answers="Which rooms does a networking hub have, and for how many people each? With networking: how full was it?",
    grain="one row per company, hub and room; a hub without rooms has none",
    source="GET /networking/{id} (documented)",
    refreshed="as hub_participants: of each hub both are requested together",
    example="SELECT n.day, n.event_id, n.people, r.rooms, r.slots, 1.0 * n.people / nullif(r.slots, 0) AS people_per_slot FROM networking n "
    "JOIN (SELECT company_id, event_id, count(*) AS rooms, CASE WHEN count(max_slots) = count(*) THEN sum(max_slots) END AS slots "
    "FROM hub_rooms GROUP BY company_id, event_id) r ON r.company_id = n.company_id AND r.event_id = n.event_id "
    "ORDER BY n.company_id, n.event_id, n.day",
)
EVENT_HOSTS = Dataset(
    table=event_hosts,
    subject=Subject.EVENT_DETAILS,
    answers="Who organizes and presents an event?",
    grain="one row per company, stage event, person and role",
    source="organizers and presenters in GET /company/{companyId}/events (documented, their shape is not): e-mails, ids, or objects with "
    "those; event_host_counts says what was neither",
    refreshed="with events: every hour, for every event that is listed",
    example="SELECT event_id, role, count(*) AS people FROM event_hosts GROUP BY event_id, role",
)
LIST_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("registrants", (REGISTRANTS,), fetch_registrants),
    Endpoint(
        "hub participants",
        (HUB_PARTICIPANTS,),
        fetch_hub_participants,
        look_up=lambda client, hub_id: client.hub(hub_id),
    ),
    Endpoint(
        "hub rooms", (HUB_ROOMS,), fetch_hub_rooms, look_up=lambda client, hub_id: client.hub_participants(hub_id)
    ),
    Endpoint("hosts", (EVENT_HOSTS,), fetch_event_hosts, {event_hosts.name: event_host_counts}, comes_with_list=True),
)
"""Kept by event, without a day: each refresh of slices requests what is due of them. Each is of one dataset."""
