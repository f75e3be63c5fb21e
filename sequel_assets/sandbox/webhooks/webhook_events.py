"""What webhooks report, and their bodies: an event starts, ends, is created, changed or deleted, or a registration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sequel_assets.sandbox.api.analytics import user_id
from sequel_assets.sandbox.webhooks.subscriptions import ENDED, STARTED
from sequel_assets.sandbox.world.truth import STAGE, Attendance, Event, Person
from sequel_assets.sandbox.world.view import iso, uid
from sequel_assets.sandbox.world.world import World

SMALLEST_BATCH, LARGEST_BATCH = 10, 500
Batches = int | Literal["all"] | None
"""How *ended* lists its users: so many per POST, all at once, or (None) in the older form, a plain list of users."""


@dataclass(frozen=True)
class WebhookEvent:
    """Something that happened, with all that a delivery says of it as it was then."""

    event_type: str
    at: datetime
    company_id: str
    company_name: str
    event_id: str
    event_name: str
    attended: Sequence[tuple[int, Attendance]] = field(default=(), repr=False)
    attendee: Person | None = field(default=None, repr=False)
    batches: Batches = None

    @property
    def size(self) -> int:
        """How many users a POST holds."""
        return self.batches if isinstance(self.batches, int) else max(1, len(self.attended))

    @property
    def pages(self) -> int:
        """How many POSTs it takes; one at least, also for an event to which nobody came."""
        return max(1, -(-len(self.attended) // self.size))

    def body(self, page: int, invocation_id: str, correlation_id: str, *, total_is_wrong: bool = False) -> bytes:
        """The body of the POST of one page, from 1 on."""
        document = {
            "eventType": self.event_type,
            "webHookInvocationId": invocation_id,
            "correlationId": correlation_id,
            "timestamp": iso(self.at),
            "details": {
                "companyId": self.company_id,
                "companyName": self.company_name,
                "eventId": self.event_id,
                "eventName": self.event_name,
                **self._more(page, total_is_wrong),
            },
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def _more(self, page: int, total_is_wrong: bool) -> dict[str, Any]:
        if self.attendee is not None:
            answers = [{"question": "How did you hear of us?", "response": "From a friend"}]
            attendee = {"name": self.attendee.name, "email": self.attendee.email, "registrationInfo": answers}
            return {"attendee": attendee}
        if self.event_type != ENDED:
            return {}
        if self.batches is None:
            return {"users": [_names(row) for _, row in self.attended]}
        some = self.attended[(page - 1) * self.size : page * self.size]
        return {
            "totalCount": len(self.attended) + total_is_wrong,
            "page": page,
            "size": self.size,
            "users": [_user(self.event_id, index, row) for index, row in some],
        }


def webhook_event(
    world: World, event_type: str, event: Event, at: datetime, batches: Batches = None, attendee: Person | None = None
) -> WebhookEvent:
    """What happened at an event, and, when it ended, who was there live."""
    company = world.company(event.company_id)
    attended = [(index, row) for index, row in enumerate(event.rows) if row.live] if event_type == ENDED else ()
    name = company.name if company else ""
    return WebhookEvent(event_type, at, event.company_id, name, event.id, event.name, attended, attendee, batches)


def begun_and_ended(world: World, after: datetime, until: datetime) -> list[tuple[datetime, str, Event]]:
    """Every start and end of a stage event in a span of time (its end included), in order."""
    happens = [
        (at, event_type, event)
        for event in world.events
        if event.event_type == STAGE and event.has_started and not event.is_cancelled
        for at, event_type in ((event.starts_at, STARTED), (event.ends_at, ENDED))
        if after < at <= until
    ]
    return sorted(happens, key=lambda one: (one[0], one[1] == STARTED, one[2].id))


def next_after(world: World, now: datetime) -> datetime | None:
    """When the next event starts or ends."""
    times = (
        at
        for event in world.events
        if event.event_type == STAGE and event.has_started and not event.is_cancelled
        for at in (event.starts_at, event.ends_at)
    )
    return min((at for at in times if at > now), default=None)


def _names(row: Attendance) -> dict[str, Any]:
    shown = {"name": row.name, "email": row.email}
    return {field: value for field, value in shown.items() if value is None or isinstance(value, str)}


def _user(event_id: str, index: int, row: Attendance) -> dict[str, Any]:
    made = uid("activity", event_id, str(index))
    return {
        "_id": made.replace("-", "")[:24],
        "uid": made,
        "userId": user_id(event_id, row.person, row.email),
        **_names(row),
    }
