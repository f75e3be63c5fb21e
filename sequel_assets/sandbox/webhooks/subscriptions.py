"""Subscriptions to webhooks: created, looked up, extended, renewed and deleted, as documented.

Assumptions where the documents say nothing: an expired subscription is gone, so that every call about it is a 404; all
descendants of a company are covered; a PUT answers 200 without a body.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from sequel_assets.sandbox.world.truth import Event
from sequel_assets.sandbox.world.view import error, iso, uid
from sequel_assets.sandbox.world.world import World

PATH = "/api/integrations/webhooks"
STARTED = "virtual-stage-event-started"
ENDED = "virtual-stage-event-ended"
REGISTERED = "new-attendee-pre-registration"
CREATED = "virtual-stage-created"
UPDATED = "virtual-stage-updated"
DELETED = "virtual-stage-deleted"
EVENT_TYPES = (STARTED, ENDED, REGISTERED, CREATED, UPDATED, DELETED)
DEFAULT_DAYS, SHORTEST_DAYS, LONGEST_DAYS = 90, 2, 365


@dataclass
class Subscription:
    """One subscription; `number` counts from 1. Keys are in no repr."""

    number: int
    id: str
    event_type: str
    company_id: str
    event_id: str | None
    endpoint: str
    created_at: datetime
    expires_on: datetime
    key: str = field(default_factory=secrets.token_hex, repr=False)
    old_key: str | None = field(default=None, repr=False)
    renewed_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As `GET` answers it."""
        info = {"eventType": self.event_type, "companyId": self.company_id, "eventId": self.event_id}
        info |= {"endpoint": self.endpoint, "expiresOn": iso(self.expires_on)}
        return {"webHookSubscriptionId": self.id, "subscriptionInfo": info}

    def as_json_with_key(self) -> dict[str, Any]:
        """As creating and renewing answer it."""
        return {"webHookSubscriptionId": self.id, "clientSecret": self.key, "expiresOn": iso(self.expires_on)}


class Subscriptions:
    """All subscriptions. `covers_children=False` is a quirk: a company's subscription covers its own events only.

    Not thread-safe: the caller has the world's lock.
    """

    def __init__(self) -> None:
        self.covers_children = True
        self._made = 0
        self._kept: dict[str, Subscription] = {}

    def all(self) -> list[Subscription]:
        """Every one that was not deleted, also those that have expired, oldest first."""
        return list(self._kept.values())

    def find(self, subscription_id: str) -> Subscription | None:
        """One of those."""
        return self._kept.get(subscription_id)

    def covering(self, world: World, event_type: str, event: Event, at: datetime) -> list[Subscription]:
        """Those that receive a webhook about an event: created before it, and not expired."""
        wanted = {event.company_id}
        parent = world.company(event.company_id) if self.covers_children else None
        while parent is not None and parent.parent_id is not None and parent.parent_id not in wanted:
            wanted.add(parent.parent_id)
            parent = world.company(parent.parent_id)
        return [
            one
            for one in self._kept.values()
            if one.event_type == event_type
            and one.company_id in wanted
            and one.event_id in (None, event.id)
            and one.created_at <= at < one.expires_on
        ]

    def answer(self, method: str, path: str, body: bytes, world: World, now: datetime) -> tuple[int, Any]:
        """Status and document of a call; a refusal is raised."""
        segments = [unquote(segment) for segment in path.removeprefix(PATH).strip("/").split("/") if segment]
        match method, segments:
            case "POST", []:
                return 201, self._create(_info(body), world, now).as_json_with_key()
            case "POST", ["renew", subscription_id]:
                return 200, self._renew(self._live(subscription_id, now), _info(body), now).as_json_with_key()
            case "GET", [subscription_id]:
                return 200, self._live(subscription_id, now).as_json()
            case "PUT", [subscription_id]:
                self._change(self._live(subscription_id, now), _info(body))
                return 200, ""
            case "DELETE", [subscription_id]:
                del self._kept[self._live(subscription_id, now).id]
                return 200, {"webHookSubscriptionId": subscription_id}
        raise error(405, "Method not allowed") if len(segments) < 2 else error(404, "Not found")

    def _live(self, subscription_id: str, now: datetime) -> Subscription:
        found = self._kept.get(subscription_id)
        if found is None or found.expires_on <= now:
            raise error(404, "Webhook subscription not found")
        return found

    def _create(self, info: dict[str, Any], world: World, now: datetime) -> Subscription:
        if info.get("eventType") not in EVENT_TYPES:
            raise error(400, f"eventType must be one of {', '.join(EVENT_TYPES)}")
        endpoint, days = _endpoint(info, required=True), _days(info, "subscriptionLengthInDays") or DEFAULT_DAYS
        company_id, event_id = info.get("companyId"), info.get("eventId")
        if not isinstance(company_id, str) or not isinstance(event_id, str | None):
            raise error(400, "companyId, and eventId where given, must be texts")
        if world.company(company_id) is None:
            raise error(404, "Company not found")
        if event_id is not None and world.event(event_id) is None:
            raise error(404, "Event not found")
        self._made += 1
        made = Subscription(
            self._made,
            uid("subscription", str(self._made)),
            info["eventType"],
            company_id,
            event_id,
            endpoint or "",
            now,
            now + timedelta(days=days),
        )
        self._kept[made.id] = made
        return made

    def _change(self, found: Subscription, info: dict[str, Any]) -> None:
        endpoint, days = _endpoint(info, required=False), _days(info, "extendSubscriptionByDays")
        found.endpoint = endpoint or found.endpoint
        found.expires_on += timedelta(days=days or 0)

    def _renew(self, found: Subscription, info: dict[str, Any], now: datetime) -> Subscription:
        days = _days(info, "subscriptionLengthInDays") or DEFAULT_DAYS
        found.old_key, found.key, found.renewed_at = found.key, secrets.token_hex(), now
        found.expires_on = now + timedelta(days=days)
        return found


def _info(body: bytes) -> dict[str, Any]:
    """The fields of `subscriptionInfo`, with the `eventType` that stands beside it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise error(400, "The body must be JSON") from None
    info = document.get("subscriptionInfo") if isinstance(document, dict) else None
    if not isinstance(info, dict):
        raise error(400, "subscriptionInfo is missing")
    return {**info, "eventType": document.get("eventType")}


def _days(info: dict[str, Any], name: str) -> int | None:
    days = info.get(name)
    if days is not None and (type(days) is not int or not SHORTEST_DAYS <= days <= LONGEST_DAYS):
        raise error(400, f"{name} must be a number between {SHORTEST_DAYS} and {LONGEST_DAYS}")
    return days


def _endpoint(info: dict[str, Any], *, required: bool) -> str | None:
    endpoint = info.get("endpoint")
    if endpoint is None and not required:
        return None
    try:
        is_url = isinstance(endpoint, str) and urlsplit(endpoint).scheme in ("http", "https")
        if is_url and urlsplit(endpoint).hostname and urlsplit(endpoint).port != 0:
            return str(endpoint)
    except ValueError:
        pass
    raise error(400, "endpoint must be a URL")
