"""A small world by hand with exact truth, and a signed-in client over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest

from sequel_assets.sandbox import HUB, MISSING, Attendance, Company, Event, Person, Room, Sandbox, World

NOW = datetime(2026, 3, 2, 14, 20, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


ADA, BO, GUEST = Person("Ada", "Ada@X.org "), Person("Bo", "bo+team@x.org"), Person("Guest")


def small_world() -> World:
    """Root with a child and a grandchild; one stage event with every kind of minute, its hub, and an empty event."""
    return World(
        companies=[Company("root", "Root"), Company("kid", "Kid ", "root"), Company("grand", "Grand", "kid")],
        events=[
            Event(
                "e1",
                "kid",
                "Launch",
                at(1, 23, 50),
                at(2, 0, 30),
                hub_id="h1",
                attendance=[
                    Attendance(ADA, live=[(at(1, 23, 50), 20)], on_demand=[(at(2, 0, 5), 10)]),
                    Attendance(ADA, live=[(at(2, 0, 20), 5)], email=" ADA@x.org", name="Ada "),
                    Attendance(BO, live=[(at(2, 0, 0), 8)]),
                    Attendance(GUEST, on_demand=[(at(2, 13, 55), 10)], email=MISSING),
                ],
                absentees=[Person("Cy", "cy@x.org")],
            ),
            Event(
                "h1",
                "kid",
                "Lounge",
                at(2, 0, 30),
                at(2, 1),
                HUB,
                [Attendance(BO, live=[(at(2, 0, 30), 12)])],
                rooms=[Room("Table 1 ", 8), Room("Bar")],
            ),
            Event("e2", "grand", "Empty", at(2, 9), at(2, 10), shows_company=False),
        ],
        now=NOW,
    )


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda world=None, **options: stack.enter_context(Sandbox(world or small_world(), **options))


class Client:
    """httpx, signed in, with ids escaped."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client) -> None:
        self.sandbox, self.http = sandbox, http
        self.sign_in()

    def sign_in(self) -> None:
        known = self.sandbox
        asked = {"client_id": known.client_id, "client_secret": known.client_secret, "audience": known.audience}
        answer = self.http.post("/api/oauth/token", json={**asked, "grant_type": "client_credentials"})
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def api(self, *path: str, **query: str) -> httpx.Response:
        return self.http.get("/api/v1/" + "/".join(quote(part, safe="") for part in path), params=query)

    def analytics(self, *path: str, **query: str) -> httpx.Response:
        return self.http.get("/api/analytics/" + "/".join(quote(part, safe="") for part in path), params=query)

    def participants(self, event_id: str, **query: str) -> httpx.Response:
        return self.analytics("user-engagement", "events", event_id, "top-participants", **query)


@pytest.fixture
def connect() -> Iterator[Callable[[Sandbox], Client]]:
    """Signed-in clients that are closed with the test."""
    with ExitStack() as stack:
        yield lambda sandbox: Client(sandbox, stack.enter_context(httpx.Client(base_url=sandbox.url, timeout=5)))


@pytest.fixture
def client(serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]) -> Client:
    """A client of the small world."""
    return connect(serve())
