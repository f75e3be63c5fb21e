"""What was answered in this hour is answered from memory, and never once anything has changed that it depends on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sequel_assets.sandbox import (
    Attendance,
    Company,
    Event,
    Faults,
    Person,
    Room,
    Sandbox,
    World,
    WorldSpec,
    build_world,
)
from sequel_assets.sandbox.api import wire
from sequel_assets.sandbox.api.cache import AnswerCache
from sequel_assets_tests.sandbox.conftest import ADA, NOW, Client, at, small_world

EVENT = "/api/analytics/user-engagement/events/{}/top-participants"
ASKED = [
    *(("GET", f"/api/v1/company/{company}{rest}") for company in ("root", "kid", "grand") for rest in ("", "/list", "/events")),
    *(("GET", f"/api/v1/event/{event}{rest}") for event in ("e1", "e2") for rest in ("", "/registrants", "/availableReplays")),
    *(("GET", f"/api/v1/networking/h1{rest}") for rest in ("", "/participantsList")),
    *(("GET", EVENT.format(event) + query) for event in ("e1", "h1") for query in ("", "?engagementType=live&limit=1")),
    ("GET", EVENT.format("e1") + "?startDate=2026-03-02&endDate=2026-03-02"),
    ("GET", "/api/analytics/getVideoWatchOverTime/e1"),
    ("POST", "/api/analytics/events/e1/user-activity?count=2&page=1"),
    ("POST", "/api/analytics/events/e1/user-activity?count=2&page=2"),
    ("POST", "/api/analytics/events/e1/user-activity"),
    ("GET", "/api/analytics/events/e1/polls"),
    ("GET", "/api/v1/company/root/events?lastDay=true"),
    ("GET", "/api/v1/company/root/events?includeSubCompanies=false"),
    *(("GET", f"/api/analytics/user-engagement/companies/kid/{rest}") for rest in ("lifetime-usage", "usage", "usage-by-day")),
]  # fmt: skip


def all_answers(client: Client) -> list[tuple[int, str]]:
    """What every call answers now."""
    return [(answer.status_code, answer.text) for answer in (client.http.request(*requested) for requested in ASKED)]


def restated(event: Event) -> list[Attendance]:
    """Another list of attendance."""
    return [Attendance(ADA, live=[(at(1, 23, 50), 15)])]


def _said() -> dict[str, Any]:
    return {
        "polls": [],
        "questions": [],
        "chat": [{"userEmail": "bo@x.org", "name": "Bo", "text": "Hi", "sentAt": at(2, 0)}],
        "reactions": [],
    }


CHANGES: dict[str, Callable[[Sandbox], object]] = {
    "an hour later": lambda s: s.clock.advance(hours=1),
    "a minute later, when somebody registers": lambda s: s.clock.advance(minutes=11),
    "earlier in the hour": lambda s: s.clock.advance(minutes=-19),
    "a week later": lambda s: s.clock.advance(days=7),
    "back by a day": lambda s: s.clock.advance(days=-1),
    "while it is live": lambda s: s.clock.set(at(2, 0, 10)),
    "minutes are taken": lambda s: s.world.restate("e1", minutes=-1),
    "another list": lambda s: s.world.restate("e1", restated(s.world.event("e1"))),
    "a hub's minutes": lambda s: s.world.restate("h1", minutes=-1),
    "another name": lambda s: s.world.rename_event("e1", "Lunch"),
    "another name of the company": lambda s: s.world.rename_company("kid", "Kit"),
    "another start": lambda s: s.world.set_start("e1", at(2, 8), move_minutes=True),
    "another company": lambda s: s.world.move_event("e1", "grand"),
    "another parent": lambda s: s.world.move_company("grand", "root"),
    "somebody registers": lambda s: s.world.register("e1", Person("Di", "di@x.org"), NOW),
    "somebody registers in place": lambda s: s.world.event("e1").registrations.update({"cy@x.org": None}),
    "it vanishes": lambda s: s.world.vanish("e1"),
    "it is removed": lambda s: s.world.remove_event("e1"),
    "another event": lambda s: s.world.add_event(Event("e3", "kid", "More", at(1, 1), at(1, 2))),
    "another company beneath": lambda s: s.world.add_company(Company("new", "New", "root")),
    "a company goes": lambda s: s.world.remove_company("grand"),
    "no licence": lambda s: setattr(s.world.company("root"), "licence_is_valid", False),
    "cancelled": lambda s: setattr(s.world.event("e1"), "is_cancelled", True),
    "no replays": lambda s: setattr(s.world.event("e1"), "is_replay_enabled", False),
    "other rooms": lambda s: setattr(s.world.event("h1"), "rooms", [Room("One", 1)]),
    "nobody absent": lambda s: setattr(s.world.event("e1"), "absentees", []),
    "a field of its own": lambda s: setattr(s.world.event("e1"), "extra", {"picture": "p"}),
    "a field of its own in place": lambda s: s.world.event("e1").extra.update(picture="p"),
    "another field of the hub in place": lambda s: s.world.event("h1").extra.setdefault("friendlyName", "Bar"),
    "what was said": lambda s: setattr(s.world.event("e1"), "talk", _said()),
    "the host ends it": lambda s: (s.clock.set(at(2, 0, 10)), s.end_event("e1")),
    "people are counted": lambda s: setattr(s.api, "count_by", "person"),
    "days are forgotten": lambda s: setattr(s.api, "keeps_days", 0),
    "no named endpoints": lambda s: setattr(s.api, "named_endpoints", False),
    "another world": lambda s: setattr(s, "world", World([Company("root", "Root")], [Event("e1", "root", "Other", at(1, 1), at(1, 2))])),
    "a quirk": lambda s: s.faults.always("*", "extra_fields"),
    "a fault": lambda s: s.faults.always("*", "http_500"),
    "other faults": lambda s: setattr(s, "faults", Faults({"nulls": 1.0})),
}  # fmt: skip


def world_of_the_hour() -> World:
    """The small world, in which somebody registered at 14:05 and somebody else will at 14:30."""
    world = small_world()
    for minute in (5, 30):
        world.register("e1", Person("Eve", f"eve{minute}@x.org"), at(2, 14, minute))
    return world


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", CHANGES)
def test_no_answer_is_from_before_a_change(
    name: str, serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]
) -> None:
    """After each change every answer is what a sandbox without a memory would say, and something is another than before."""
    client = connect(serve(world_of_the_hour()))
    before = [all_answers(client) for _ in range(2)][1]
    assert client.sandbox.api.memory.size_bytes > 0
    CHANGES[name](client.sandbox)
    from_memory = all_answers(client)
    client.sandbox.api.memory = AnswerCache(0)
    assert from_memory == all_answers(client)
    assert from_memory != before


def test_what_was_answered_is_not_worked_out_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what a minute may change at any time (presets), and refusals; quirks and faults are worked out anew."""
    worked_out: list[object] = []
    encoded = wire.encoded
    monkeypatch.setattr(wire, "encoded", lambda document: worked_out.append(1) or encoded(document))
    first = all_answers(client)
    asked_anew = sum("lastDay" in path for _, path in ASKED)
    assert len(worked_out) == len(ASKED)
    assert all_answers(client) == first
    assert len(worked_out) == len(ASKED) + asked_anew
    client.sandbox.clock.advance(minutes=5)
    assert all_answers(client) == first
    assert len(worked_out) == len(ASKED) + 2 * asked_anew
    client.sandbox.faults.always("*", "extra_fields")
    all_answers(client)
    assert len(worked_out) == 2 * len(ASKED) + 2 * asked_anew


def test_its_memory_is_bounded(client: Client) -> None:
    """The oldest go first; what is larger than all of it is not kept."""
    memory = client.sandbox.api.memory = AnswerCache(3_000)
    all_answers(client)
    kept = [given.body for given in memory._given.values()]
    assert memory.size_bytes == sum(map(len, kept)) <= 3_000
    assert kept
    client.sandbox.api.memory = small = AnswerCache(10)
    all_answers(client)
    assert small.size_bytes <= 10


def test_over_random_changes_memory_says_what_no_memory_says(
    serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]
) -> None:
    """A made-up world, asked about between changes of every kind."""
    chance = random.Random(7)
    world = build_world(WorldSpec(companies=2, days=3, events_per_day=2, people=8, now=NOW))
    client = connect(serve(world))
    stages = [event for event in world.events if event.event_type == "virtualStageEvent" and not event.is_cancelled]
    changes: list[Callable[[Event], object]] = [
        lambda event: world.restate(event.id, minutes=chance.choice((-2, 2))),
        lambda event: world.rename_event(event.id, f"n{chance.random()}"),
        lambda event: client.sandbox.clock.advance(minutes=chance.randrange(200)),
        lambda event: world.register(
            event.id, Person("X", f"x{chance.random()}@x.org"), NOW + timedelta(minutes=chance.randrange(90))
        ),
        lambda event: setattr(event, "is_replay_enabled", chance.random() < 0.5),
    ]

    def requested(event: Event) -> list[str]:
        paths = (
            f"/api/v1/company/{event.company_id}/events",
            f"/api/v1/event/{event.id}/registrants",
            EVENT.format(event.id),
        )
        said = [client.http.get(path).text for path in paths]
        return [*said, client.http.post(f"/api/analytics/events/{event.id}/user-activity").text]

    for _ in range(60):
        event = chance.choice(stages)
        requested(event)
        chance.choice(changes)(chance.choice(stages))
        from_memory = requested(event)
        kept, client.sandbox.api.memory = client.sandbox.api.memory, AnswerCache(0)
        assert from_memory == requested(event)
        client.sandbox.api.memory = kept
