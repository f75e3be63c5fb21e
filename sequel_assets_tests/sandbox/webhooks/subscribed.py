"""A small world, a receiver, and a client that subscribes to the sandbox's webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sequel_assets.sandbox import Attendance, Company, Event, Person, Sandbox, World
from sequel_assets_tests.sandbox.conftest import ADA, BO, Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver

HOOKS = "/api/integrations/webhooks"
STARTED, ENDED = "virtual-stage-event-started", "virtual-stage-event-ended"
CREATED, UPDATED, DELETED = "virtual-stage-created", "virtual-stage-updated", "virtual-stage-deleted"
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
GUEST = Person("Guest")


def clock_time(hour: int, minute: int = 0) -> datetime:
    return NINE.replace(hour=hour, minute=minute)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def event(event_id: str, company_id: str, hour: int, people: int = 0, **more: Any) -> Event:
    start = clock_time(hour)
    crowd = [Attendance(Person(f"P{i}", f"p{i}@x.org"), live=[(start, 10)]) for i in range(people)]
    return Event(event_id, company_id, event_id.upper(), start, start + timedelta(hours=1), attendance=crowd, **more)


def a_world() -> World:
    launch = event("launch", "grand", 10)
    launch.attendance = [
        Attendance(ADA, live=[(clock_time(10), 30)], email=" ADA@x.org", name="Ada "),
        Attendance(BO, on_demand=[(clock_time(12), 5)]),
        Attendance(GUEST, live=[(clock_time(10), 5)], email=None),
    ]
    return World(
        companies=[
            Company("root", "Root"),
            Company("kid", "Kid", "root"),
            Company("grand", "Grand", "kid"),
            Company("other", "Other", "root"),
        ],
        events=[
            launch,
            event("talk", "other", 11),
            event("off", "kid", 10, is_cancelled=True),
            event("never", "kid", 10, has_started=False),
            event("lounge", "kid", 10, event_type="networkingHub"),
        ],
        now=NINE,
    )


@pytest.fixture
def receiver() -> Iterator[RecordingReceiver]:
    with RecordingReceiver() as receiver:
        yield receiver


@pytest.fixture
def client(serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]) -> Client:
    return connect(serve(a_world()))


def ask(client: Client, event_type: str, company_id: str, endpoint: str, **info: Any) -> httpx.Response:
    body = {"companyId": company_id, "endpoint": endpoint, **info}
    return client.http.post(HOOKS, json={"eventType": event_type, "subscriptionInfo": body})


def subscribe(client: Client, event_type: str, company_id: str, endpoint: str, **info: Any) -> dict[str, Any]:
    answer = ask(client, event_type, company_id, endpoint, **info)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def steer(client: Client, what: str, **body: Any) -> Any:
    answer = client.http.post(f"/sandbox/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()
