"""The responses of the documented calls about companies, events and hubs. Pure: world, time and query in, JSON out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.truth import MISSING, Company, Event, Text
from sequel_assets.sandbox.world.view import Query, View, error, iso, uid


def company(view: View, company_id: str, _query: Query) -> Any:
    """`GET /company/{companyId}`."""
    found = view.company(company_id)
    return {
        "uid": found.id,
        "name": found.name,
        "logo": None,
        "parentCompanyId": found.parent_id,
        "eventIds": [event.id for event in view.world.events_of(found.id)],
        "metadata": {},
    }


def company_list(view: View, company_id: str, _query: Query) -> Any:
    """`GET /company/{companyId}/list`: the companies directly under it; 403 when its licence is invalid."""
    if not view.company(company_id).licence_is_valid:
        raise error(403, "The license of the parent company is invalid")
    return [brief(child) for child in view.world.children(company_id)]


def brief(found: Company) -> dict[str, Any]:
    """A company as it stands in a list."""
    return {"uid": found.id, "name": found.name, "logo": None, "parentCompanyId": found.parent_id, "metadata": {}}


HEARD = ("From a friend", "Zeitung", "検索")
"""What some answer when they register."""
EMBED_ISSUES = ("cameraDisabled", "microphoneDisabled", "widthTooSmall", "heightTooSmall")
PRESETS = {"lastDay": 1, "last7days": 7, "last30days": 30}


def company_events(view: View, company_id: str, query: Query) -> Any:
    """`GET /company/{companyId}/events`: those that start in the requested range; sub-companies' too by default."""
    owner = view.company(company_id)
    presets = [name for name in PRESETS if query.get(name, "false").lower() == "true"]
    has_dates = "startDate" in query or "endDate" in query
    if len(presets) > 1 or (presets and has_dates):
        raise error(400, "Use one preset, or dates")
    first, last = _parsed_time(query.get("startDate"), is_end=False), _parsed_time(query.get("endDate"), is_end=True)
    if presets:
        first, last = view.now - timedelta(days=PRESETS[presets[0]]), view.now
    deep = query.get("includeSubCompanies", "true").lower() != "false"
    return [
        event_document(view, event)
        for event in view.world.events_of(owner.id, include_sub_companies=deep)
        if (first is None or event.starts_at >= first) and (last is None or event.starts_at <= last)
    ]


def _parsed_time(text: str | None, *, is_end: bool) -> datetime | None:
    """An ISO 8601 time; a bare date is its first instant, or its last when it ends a range."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        is_date = len(text) == len("2026-01-01") and date.fromisoformat(text) is not None
    except ValueError:
        raise error(400, f"Invalid date: {text}") from None
    if is_date and is_end:
        found += timedelta(days=1, microseconds=-1)
    return found.replace(tzinfo=found.tzinfo or UTC)


def event(view: View, event_id: str, _query: Query) -> Any:
    """`GET /event/{eventId}`."""
    return event_document(view, view.stage(event_id))


def event_document(view: View, found: Event) -> dict[str, Any]:
    """An event with every field that the contract knows; `extra` of the event overrides, MISSING leaves a field out."""
    owner = view.world.company(found.company_id) if found.shows_company else None
    is_live = found.has_started and not found.is_cancelled and found.starts_at <= view.now < found.ends_at
    has_ended = found.has_started and found.ends_at <= view.now
    document = {
        "uid": found.id,
        "companyUid": owner.id if owner else None,
        "creatorUid": uid("creator", found.company_id),
        "name": found.name,
        "picture": None,
        "startDate": iso(found.starts_at),
        "endDate": iso(found.ends_at),
        "timezone": found.timezone,
        "type": "Virtual",
        "metadata": {},
        "networkingHub": found.hub_id,
        "presenters": [*found.presenters],
        "organizers": [*found.organizers],
        "isRegistrationModeEnabled": True,
        "description": None,
        "isEventCancelled": found.is_cancelled,
        "isParentEvent": False,
        "isChildSessionEvent": False,
        "isInPersonEvent": False,
        "isSimuliveEnabled": False,
        "isEventLive": is_live,
        "isReplayEnabled": found.is_replay_enabled,
        "registrationCustomUrl": None,
        "company": {"id": owner.id, "name": owner.name} if owner else None,
        "liveEventManagement": {
            "isEventLive": is_live,
            "replayEnabled": found.is_replay_enabled,
            "eventLivestreamEndTime": iso(found.ends_at) if has_ended else None,
        },
        "eventEmbedStatus": {
            "status": "replay" if has_ended and found.is_replay_enabled else "live" if is_live else "preEvent",
            "issues": dict.fromkeys(EMBED_ISSUES, False),
        },
        **found.extra,
    }
    return {name: value for name, value in document.items() if value is not MISSING}


def registrants(view: View, event_id: str, _query: Query) -> Any:
    """`GET /event/{eventId}/registrants`: everybody with an e-mail, attended or not; each spelling once."""
    found = view.stage(event_id)
    shown: dict[str, Text] = {}
    for row in found.rows:
        if row.person.email is not None and isinstance(row.email, str):
            shown.setdefault(row.email, row.name)
    for person in found.absentees:
        shown.setdefault(person.email or "", person.name)
    return [
        {
            **({} if name is MISSING else {"name": name}),
            "email": email,
            "join_url": f"https://embed.invalid/join/{uid(event_id, email)}",
            "metadata": {"How did you hear of us?": HEARD[place % 3]} if place % 4 == 1 else {},
        }
        for place, (email, name) in enumerate(shown.items())
    ]


def replays(view: View, event_id: str, _query: Query) -> Any:
    """`GET /event/{eventId}/availableReplays`."""
    found = view.stage(event_id)
    if not found.is_replay_enabled or not found.has_started or found.ends_at > view.now:
        return []
    url = f"https://replay.invalid/{uid('replay', event_id)}"
    return [{"url": url, "downloadVideoUrl": f"{url}.mp4", "downloadStatus": "ready", "isCustomReplay": False}]


def networking(view: View, hub_id: str, _query: Query) -> Any:
    """`GET /networking/{id}`; `extra` of the hub overrides, MISSING leaves a field out."""
    found = view.hub(hub_id)
    document = {
        "uid": found.id,
        "friendlyName": found.name,
        "company": found.company_id,
        "organizers": [],
        "networkingHubRooms": [{"name": room.name, "maxSlots": room.max_slots} for room in found.rooms],
        **found.extra,
    }
    return {name: value for name, value in document.items() if value is not MISSING}


def networking_participants(view: View, hub_id: str, _query: Query) -> Any:
    """`GET /networking/{id}/participantsList`; `when` is in milliseconds since 1970 (the API leaves that open)."""
    found, top = view.hub(hub_id), spans.minute_of(view.top)
    return [
        {
            "meta": {
                "userId": uid(hub_id, str(index)),
                "username": row.name if isinstance(row.name, str) else None,
                "email": row.email if isinstance(row.email, str) else None,
                "avatar": None,
            },
            "when": row.live[0][0] * 60_000,
        }
        for index, row in enumerate(found.rows)
        if row.live and row.live[0][0] < top
    ]
