"""What the analytics answer: participants, concurrency, activity, and the calls that are only named (usage, polls)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.talk import counts_before, talk_before
from sequel_assets.sandbox.world.tally import ENGAGEMENT_TYPES, EventTally, Range, concurrency, usage
from sequel_assets.sandbox.world.truth import HUB, STAGE, Event, Person, Text
from sequel_assets.sandbox.world.view import Query, RefusalError, View, iso, uid


def top_participants(view: View, event_id: str, query: Query) -> Any:
    """`GET /user-engagement/events/{eventId}/top-participants`: totals of everybody, the first `limit` rows."""
    found = view.event(event_id)
    days, engagement_type, _ = _query_arguments(view, query)
    limit = _count(query.get("limit", "10"))
    rows = view.tally(found).participants(days, engagement_type)
    people = {row.attendance.person.key(found.id) for row in rows} if view.count_by == "person" else rows
    minutes = sum(row.minutes for row in rows)
    owner = view.world.company(found.company_id) if found.shows_company else None
    return {
        "eventName": found.name,
        "eventId": found.id,
        "eventType": found.event_type,
        "company": owner.name if owner else None,
        "companyId": owner.id if owner else None,
        "startDate": query.get("startDate"),
        "endDate": query.get("endDate", view.now.date().isoformat()),
        "limit": limit,
        "numberOfUsers": len(people),
        "totalEngagedMinutes": minutes,
        "averageEngagedMinutesByUser": average(minutes, len(people)),
        "topParticipants": [
            {
                field: shown
                for field, shown in (
                    ("name", row.attendance.name),
                    ("userEmail", row.attendance.email),
                    ("engagedMinutes", row.minutes),
                )
                if shown is None or isinstance(shown, str | int)
            }
            for row in rows[:limit]
        ],
    }


def average(minutes: int, users: int) -> float:
    """Minutes per user, two decimals, halves up: 898 minutes of 57 users are 15.75. Nobody: 0."""
    return float((Decimal(minutes) / users).quantize(Decimal("0.01"), ROUND_HALF_UP)) if users else 0


def video_watch_over_time(view: View, event_id: str, _query: Query) -> Any:
    """`GET /getVideoWatchOverTime/{eventId}`: minutes counted from the event's start. A hub has no video: 404."""
    found = view.stage(event_id)
    views = concurrency(found, spans.minute_of(view.top), view.since_minute)
    return {"VideoViews": [[minute, users] for minute, users in views]}


def user_activity(view: View, event_id: str, query: Query) -> Any:
    """`POST /events/{eventId}/user-activity`: a page of everybody who has registered or came, in a stable order."""
    found = view.event(event_id)
    size, page = _count(query.get("count", "100")), _count(query.get("page", "1"))
    people = [row.person for row in found.rows] + list(found.absentees)
    listed = [index for index, who in enumerate(people) if (found.registered_at(who) or view.now) <= view.now]
    counts = counts_before(found, view.top)
    met = _met(view, found)
    items = [_activity(view, found, index, counts, met) for index in listed[(page - 1) * size : page * size]]
    return {"items": items, "totalCount": len(listed), "page": page, "size": size}


def user_id(event_id: str, who: Person, email: Text) -> str:
    """The id of somebody in an event: user, `|||`, event. Without an e-mail the user's part is of this event alone."""
    user = uid("user", email if isinstance(email, str) and email.strip() else who.key(event_id))
    return f"{user}|||{event_id}"


def _met(view: View, found: Event) -> set[str]:
    """The e-mails of those who have been in the event's hub."""
    hub = view.world.event(found.hub_id) if found.hub_id else None
    top = spans.minute_of(view.top)
    return (
        {row.person.email for row in hub.rows if row.person.email and row.live and row.live[0][0] < top}
        if hub
        else set()
    )


def _activity(
    view: View, found: Event, index: int, counts: Mapping[tuple[str | None, str | None], Counter[str]], met: set[str]
) -> dict[str, Any]:
    row = found.rows[index] if index < len(found.rows) else None
    since, top = view.since_minute, spans.minute_of(view.top)
    live = spans.length(spans.clip(row.live, since, top)) if row else 0
    on_demand = spans.length(spans.clip(row.on_demand, since, top)) if row else 0
    who = row.person if row else found.absentees[index - len(found.rows)]
    email = row.email if row else who.email
    name = row.name if row else who.name
    shown = (email if isinstance(email, str) else None, name if isinstance(name, str) else None)
    said = counts.get(shown, Counter()) if row else Counter[str]()
    registered_at = found.registered_at(who)
    planned = max(1, spans.minute_of(found.ends_at) - spans.minute_of(found.starts_at))
    return {
        "uid": uid("activity", found.id, str(index)),
        "eventId": found.id,
        "userId": user_id(found.id, who, email),
        "email": email if isinstance(email, str) else None,
        "name": name if isinstance(name, str) else None,
        "attended": live > 0,
        "viewedReplay": on_demand > 0,
        "liveTime": live,
        "onDemandTime": on_demand,
        "liveTimeSpentPercentage": round(100 * live / planned, 2),
        "onDemandTimeSpentPercentage": round(100 * on_demand / planned, 2),
        "averageLiveViewTime": live,
        "averageOnDemandViewTime": on_demand,
        "circlesNumber": int(who.email in met),
        "comments": said["chat"],
        "pollsNumber": said["polls"],
        "questionsNumber": said["questions"],
        "questions": [],
        "messagesReactionsCount": said["chat"],
        "leadScore": min(100, live + on_demand),
        "rawLeadScore": live + on_demand,
        "leadScoreDetails": {"live": live, "onDemand": on_demand},
        "leadStatus": "hot" if live > planned / 2 else "cold",
        "engagementScore": min(100, live + on_demand),
        "companyId": found.company_id,
        "createdOn": iso(found.starts_at),
        "updatedOn": iso(view.top),
        "registrationDate": iso(registered_at) if registered_at else None,
    }


def lifetime_usage(view: View, company_id: str, query: Query) -> Any:
    """`GET /user-engagement/companies/{companyId}/lifetime-usage` (named only): without sub-companies."""
    return _usage_document(view, company_id, {k: v for k, v in query.items() if k not in ("startDate", "endDate")})


def usage_in_range(view: View, company_id: str, query: Query) -> Any:
    """`GET /user-engagement/companies/{companyId}/usage` (named only)."""
    dates = {name: query.get(name) for name in ("startDate", "endDate")}
    return {**_usage_document(view, company_id, query), **dates}


def usage_by_day(view: View, company_id: str, query: Query) -> Any:
    """`GET /user-engagement/companies/{companyId}/usage-by-day` (named only): the days that have minutes."""
    days, engagement_type, event_type = _query_arguments(view, query)
    tallies = _tallies(view, view.company(company_id).id, event_type)
    with_minutes = sorted({day for _, tally in tallies for day in tally.days if days.holds(day)})
    answered = []
    for number in with_minutes:
        day = spans.day_of(number * spans.MINUTES_PER_DAY)
        used = usage(tallies, Range(day, day), engagement_type)
        if used.events:
            answered.append(
                {
                    "date": day.isoformat(),
                    "virtualStageMinutes": used.stage_minutes,
                    "networkingMinutes": used.hub_minutes,
                    "liveMinutes": used.live_minutes,
                    "onDemandMinutes": used.on_demand_minutes,
                    "numberOfUsers": used.users,
                }
            )
    return {"companyId": company_id, "days": answered}


def polls(view: View, event_id: str, _query: Query) -> Any:
    """`GET /events/{eventId}/polls` (named only): what was said up to the last top of the hour."""
    return {"eventId": event_id, **talk_before(view.stage(event_id), view.top)}


def _usage_document(view: View, company_id: str, query: Query) -> dict[str, Any]:
    days, engagement_type, event_type = _query_arguments(view, query)
    owner = view.company(company_id)
    used = usage(_tallies(view, owner.id, event_type), days, engagement_type)
    return {
        "company": owner.name,
        "companyId": owner.id,
        "eventType": event_type,
        "engagementType": engagement_type,
        "liveMinutes": used.live_minutes,
        "onDemandMinutes": used.on_demand_minutes,
        "totalMinutes": used.engaged_minutes,
        "numberOfEvents": used.events,
        "numberOfUsers": used.users,
    }


def _tallies(view: View, company_id: str, event_type: str | None) -> list[tuple[Event, EventTally]]:
    owned = view.world.events_of(company_id, hubs=True)
    return [(found, view.tally(found)) for found in owned if event_type in (None, found.event_type)]


def _query_arguments(view: View, query: Query) -> tuple[Range, str, str | None]:
    """The days that are still kept, the engagement type and the event type of a query; 400 with `{}` if invalid."""
    engagement_type, event_type = query.get("engagementType", "all"), query.get("eventType")
    if engagement_type not in ENGAGEMENT_TYPES or event_type not in (None, STAGE, HUB):
        raise RefusalError(400, {})
    first = max(filter(None, (_day(query.get("startDate")), view.since)), default=None)
    return Range(first, _day(query.get("endDate"))), engagement_type, event_type


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise RefusalError(400, {})
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RefusalError(400, {}) from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise RefusalError(400, {})
    return int(text)
