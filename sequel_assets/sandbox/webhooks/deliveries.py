"""Deliveries of webhooks: the outbox, the state of each delivery, and the POST itself."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from sequel_assets.sandbox.webhooks.subscriptions import Subscription
from sequel_assets.sandbox.webhooks.webhook_events import WebhookEvent
from sequel_assets.sandbox.world.view import iso

KEY_HEADER = "x-introvoke-web-hook-auth"
LONGEST_ANSWER_BYTES = 64 * 1024
RETRIED_STATUSES = frozenset({429, 500})
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""How long after the first, second, ... attempt the next one follows."""
State = Literal["waiting", "accepted", "refused", "unreachable", "given up", "dropped", "void"]


@dataclass
class Delivery:
    """One POST that is to be made, once or (retried, duplicated, replayed) several times with the same body.

    `last_status` is 0 when there was no response. `state`: *waiting* for its time or for another attempt; *accepted* by
    a 2xx; *refused* by a status that is not retried; *unreachable*; *given up* after the last attempt; *dropped* on
    purpose; *void*, as the subscription was deleted or expired when its time came.
    """

    number: int
    subscription_id: str
    webhook_event: WebhookEvent = field(repr=False)
    page: int
    invocation_id: str
    correlation_id: str
    due_at: datetime
    faults: tuple[str, ...] = ()
    attempts: int = 0
    last_status: int | None = None
    state: State = "waiting"

    @property
    def event_type(self) -> str:
        """One of the six."""
        return self.webhook_event.event_type

    @property
    def company_id(self) -> str:
        """Whose event."""
        return self.webhook_event.company_id

    @property
    def event_id(self) -> str:
        """Which event."""
        return self.webhook_event.event_id

    @property
    def pages(self) -> int:
        """How many deliveries share the correlation id."""
        return self.webhook_event.pages

    def as_json(self) -> dict[str, Any]:
        """As the control endpoint answers it: no key, and no person."""
        return {
            "number": self.number,
            "eventType": self.event_type,
            "companyId": self.company_id,
            "eventId": self.event_id,
            "happenedAt": iso(self.webhook_event.at),
            "dueAt": iso(self.due_at),
            "subscriptionId": self.subscription_id,
            "invocationId": self.invocation_id,
            "correlationId": self.correlation_id,
            "page": self.page,
            "pages": self.pages,
            "faults": list(self.faults),
            "attempts": self.attempts,
            "lastStatus": self.last_status,
            "state": self.state,
        }

    def body(self) -> bytes:
        """The same at each attempt."""
        wrong = "wrong_count" in self.faults
        return self.webhook_event.body(self.page, self.invocation_id, self.correlation_id, total_is_wrong=wrong)

    def note(self, status: int) -> datetime | None:
        """Store a response's status; return when the next attempt is due, if there is one."""
        self.attempts, self.last_status = self.attempts + 1, status
        if 200 <= status < 300:
            self.state = "accepted"
        elif status not in RETRIED_STATUSES:
            self.state = "refused" if status else "unreachable"
        elif self.attempts > len(RETRY_AFTER):
            self.state = "given up"
        else:
            self.state = "waiting"
            return self.due_at + RETRY_AFTER[self.attempts - 1]
        return None


class Outbox:
    """What waits for its time, and a record of the last deliveries (bounded). Not thread-safe."""

    def __init__(self, keep: int = 200_000) -> None:
        self.keep = keep
        self.count = 0
        self._waiting: list[tuple[datetime, int, Delivery]] = []
        self._order = itertools.count()
        self._record: dict[int, Delivery] = {}

    def add(self, delivery: Delivery) -> None:
        """Add it to the record; the oldest is dropped, and is not sent either if it still waits."""
        self.count += 1
        self._record[delivery.number] = delivery
        while len(self._record) > self.keep:
            self._record.pop(next(iter(self._record)))

    def post(self, delivery: Delivery, due_at: datetime) -> None:
        """It is to leave then."""
        heapq.heappush(self._waiting, (due_at, next(self._order), delivery))

    def next_due(self) -> datetime | None:
        """When the next one leaves."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now: datetime) -> list[Delivery]:
        """Those that are due first and at the same time, if that has come; each with that time as its `due_at`."""
        group: list[Delivery] = []
        first = self.next_due()
        while first is not None and first <= now and self._waiting and self._waiting[0][0] == first:
            _, _, delivery = heapq.heappop(self._waiting)
            if delivery.number in self._record:
                delivery.due_at = first
                group.append(delivery)
        return group

    def find(self, number: int) -> Delivery:
        """One of the record; KeyError when it is not there."""
        return self._record[number]

    def __iter__(self) -> Iterator[Delivery]:
        """The record, oldest first."""
        return iter(list(self._record.values()))

    def __len__(self) -> int:
        """How many are recorded."""
        return len(self._record)


def sent(http: httpx.Client, delivery: Delivery, subscription: Subscription, key: str) -> int:
    """Make the POST; its status, 0 without an answer. Of the body enough is read to keep the connection."""
    headers = {KEY_HEADER: key, "user-agent": "introvoke-web-hook", "content-type": "application/json"}
    try:
        with http.stream("POST", subscription.endpoint, content=delivery.body(), headers=headers) as answer:
            size_bytes = 0
            for piece in answer.iter_raw():
                size_bytes += len(piece)
                if size_bytes > LONGEST_ANSWER_BYTES:
                    break
            return answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0
