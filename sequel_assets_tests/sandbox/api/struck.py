"""A client whose requests are struck by faults."""

import httpx
import pytest

from sequel_assets.sandbox import Attendance, Company, Event, Fault, Person, World
from sequel_assets_tests.sandbox.conftest import ADA, NOW, at

ANY = "*"


@pytest.fixture
def client(serve, connect):
    """A client of an event of five people with 10, 8, 6, 4, 2 minutes; concurrency 5 at first and 1 at last."""
    rows = [Attendance(Person(f"P{i}", f"p{i}@x.org"), [(at(1, 9), 10 - 2 * i)]) for i in range(5)]
    world = World(
        [Company("root", "Root"), Company("kid", "Kid", "root"), Company("other", "Other", "root")],
        [
            Event("e", "kid", "E", at(1, 9), at(1, 10), attendance=rows),
            Event("silent", "kid", "S", at(1, 9), at(1, 10), attendance=[Attendance(ADA, [], [(at(1, 9), 1)])]),
        ],
        now=NOW,
    )
    return connect(serve(world))


def struck(client, fault: str | Fault, *path: str) -> httpx.Response:
    """The answer of a call on which one fault was scripted; participants of `e` unless told otherwise."""
    client.sandbox.faults.script(ANY, fault)
    answer = client.analytics(*path) if path else client.participants("e", limit="100")
    assert client.sandbox.faults.pending == 0
    return answer


def rows(answer: httpx.Response) -> list[tuple[str, int]]:
    return [(row["userEmail"], row["engagedMinutes"]) for row in answer.json()["topParticipants"]]


RIGHT = [("p0@x.org", 10), ("p1@x.org", 8), ("p2@x.org", 6), ("p3@x.org", 4), ("p4@x.org", 2)]


def struck_events(client, **query: str) -> list[str]:
    return [event["uid"] for event in client.api("company", "root", "events", **query).json()]
