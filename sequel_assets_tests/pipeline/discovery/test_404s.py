"""A 404 that lies: asked again, then looked up; an event is gone only where Sequel neither lists nor knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.sandbox import HUB, Attendance, Event, Fault, Faults, Person, Room
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY, events, refreshes
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    CY,
    PlatformUnderTest,
    at,
    day,
    event,
    failures,
    platform,
    world_of,
)

THREE = [day(3), day(4), day(5)]
SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
PATHS = {
    "*/e/user-activity?*": "event_activity",
    "*/e/polls": "chat_messages",
    "*/e/availableReplays": "replays",
    "*/e/registrants": "registrants",
    "*/e/top-participants?*": "event_participants",
    "*/getVideoWatchOverTime/e": "event_concurrency",
    "*/networking/h": "hub_rooms",
    "*/networking/h/participantsList": "hub_participants",
}


def watched() -> list[Event]:
    """Return two events that people came to, the first with a hub."""
    rows = [Attendance(ADA, live=[(at(3), 30)]), Attendance(BO, live=[(at(3), 9)], on_demand=[(at(4), 5)])]
    said = {"polls": [], "questions": [], "reactions": [], "chat": [
        {"messageId": "m", "userEmail": "bo@example.org", "name": "Bo", "text": "hi", "sentAt": "2026-03-03T09:01:00Z"}
    ]}  # fmt: skip
    hub = event("h", "kid", at(3), [Attendance(ADA, live=[(at(3), 9)])], event_type=HUB, rooms=[Room("Bar", 4)])
    late = [Person("Cy", "cy@example.org")]
    return [
        event("e", "kid", at(3), rows, talk=said, hub_id="h", absentees=late),
        event("f", "kid", at(5), [Attendance(CY, live=[(at(5), 7)])], talk=said),
        hub,
    ]


@pytest.fixture
def it(warehouse: Warehouse) -> Iterator[PlatformUnderTest]:
    """A platform with a quick client."""
    with platform(world_of(*watched()), warehouse, start=day(3), quick=True) as made:
        yield made


def finals(it: PlatformUnderTest, dataset: str) -> set[date]:
    """Return the days of a dataset that are there for good."""
    r = refreshes.c
    with it.warehouse.read() as connection:
        chosen = (r.dataset == dataset, r.company_id == "kid", r.is_final)
        return set(connection.scalars(sa.select(r.day).where(*chosen)))


def vanished(it: PlatformUnderTest) -> list[str]:
    """Return the events that count as gone."""
    with it.warehouse.read() as connection:
        return list(connection.scalars(sa.select(events.c.event_id).where(events.c.vanished_at.is_not(None))))


def test_one_404_of_each_call_and_one_of_the_look_up_change_nothing(it: PlatformUnderTest) -> None:
    """At first contact: every table is the truth, nothing failed, nothing counts as gone."""
    for path in [*PATHS, "/api/v1/event/e"]:
        it.sandbox.faults.script(path, "http_404")
    assert failures(it.refresh(THREE)) == []
    assert it.sandbox.faults.pending == 1, "the look-up was not needed"
    assert (vanished(it), it.problems()) == ([], [])
    it.assert_true(THREE)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", [path for path in PATHS if "networking" not in path])
def test_an_event_that_is_listed_is_not_gone_whatever_its_look_up_says(
    warehouse: Warehouse, it: PlatformUnderTest, path: str
) -> None:
    """Its slices fail by name, and none of them is there, let alone final; afterwards all is the truth."""
    it.sandbox.faults = Faults(paths=[(path, Fault("http_404")), ("/api/v1/event/e", Fault("http_404"))])
    bad = [one for one in failures(it.refresh(THREE)) if one[1] == PATHS[path]]
    assert {(company, when) for company, _, when, _ in bad} <= {("kid", NO_DAY), *(("kid", n) for n in THREE)}
    assert bad
    assert all(reason.startswith("event e: ") for *_, reason in bad)
    assert ("kid", PATHS[path], "e") in {(one[0], one[1], one[3]) for one in it.problems()}
    assert day(3) not in finals(it, PATHS[path])
    assert vanished(it) == []
    it.sandbox.faults.clear()
    assert failures(it.refresh(THREE)) == []
    assert it.problems() == []
    it.assert_true(THREE)


@SQLITE
def test_an_event_that_is_gone_is_gone_though_it_went_while_it_was_asked(it: PlatformUnderTest) -> None:
    """The list that is asked after the 404 does not name it any more."""
    it.refresh(THREE)
    it.sandbox.faults.script("*/e/user-activity?*", "vanished")
    assert failures(it.refresh(THREE)) == []
    assert it.problems() == []


@SQLITE
def test_an_event_that_is_no_longer_listed_is_asked_for_twice_before_it_counts_as_gone(
    it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list leaves it out and the look-up lies once: it is still asked."""
    it.refresh(THREE)
    real = it.world.events_of
    monkeypatch.setattr(it.world, "events_of", lambda *a, **m: [one for one in real(*a, **m) if one.id not in "eh"])
    for path in ("/api/v1/event/e", "/api/v1/networking/h"):
        it.sandbox.faults.script(path, "http_404")
    assert failures(it.refresh(THREE)) == []
    assert vanished(it) == []
    assert it.sandbox.faults.pending == 0


@SQLITE
@pytest.mark.parametrize("path", ["/api/v1/company/kid", "/api/v1/company/kid/events"])
def test_one_404_of_a_company_does_not_make_it_gone(it: PlatformUnderTest, path: str) -> None:
    """Neither that of itself, once the root lists it no more, nor that of its events."""
    it.walk()
    if path.endswith("kid"):
        it.world.move_company("kid", "somebody else")
    it.sandbox.faults.script(path, "http_404")
    assert it.walk() == ["root", "kid"]
    assert failures(it.refresh(THREE, ["kid"], walk=False)) == []
    assert it.sandbox.faults.pending == 0


@SQLITE
def test_a_404_is_not_taken_for_an_empty_range_where_the_minutes_could_not_be_fetched(it: PlatformUnderTest) -> None:
    """Of an event without a stored minute, since its minutes failed: nobody knows that nobody came."""
    paths = [("*/e/top-participants?*", Fault("http_500")), ("*/e/polls", Fault("http_404"))]
    it.sandbox.faults = Faults(paths=paths)
    bad = failures(it.refresh(THREE))
    assert ("kid", "chat_messages", day(3)) in {one[:3] for one in bad}
    assert day(3) not in finals(it, "chat_messages")


@SQLITE
def test_a_404_is_not_taken_for_an_empty_range_of_an_event_that_people_attended_by_their_activity(
    it: PlatformUnderTest,
) -> None:
    """No minute is stored, and activity says that two were there."""
    it.sandbox.faults = Faults(paths=[("*/e/polls", Fault("http_404"))])
    whole = it.world.event("e")
    assert whole is not None
    bad = failures(it.refresh([day(3)]))
    assert ("kid", "chat_messages", day(3)) in {one[:3] for one in bad}


@SQLITE
def test_a_404_of_the_concurrency_does_not_empty_what_is_stored(it: PlatformUnderTest) -> None:
    """Asked for because minutes of that day are stored, though nobody is live on it: asked again, and by whether anybody was."""
    crowd = [Attendance(ADA, live=[(at(3, 23, 30), 60), (at(5), 2)], on_demand=[(at(4, 12), 3)])]
    it.world.add_event(event("long", "kid", at(3, 23, 30), crowd))
    it.refresh(THREE)
    it.sandbox.faults = Faults(paths=[("*/getVideoWatchOverTime/long", Fault("http_404"))])
    bad = failures(it.refresh(THREE))
    assert {one[:2] for one in bad if one[1] in ("event_concurrency", "event_participants")} == {
        ("kid", "event_concurrency")
    }
    it.assert_true(THREE)


def test_registrants_that_cannot_be_had_count_in_the_runs_end(it: PlatformUnderTest) -> None:
    """One outcome that names the event, in the run of the hour too; nothing else fails."""
    it.refresh(THREE)
    it.sandbox.faults = Faults(paths=[("*/e/registrants", Fault("http_500"))])
    outcomes = list(it.refresher().refresh({"kid": {day(3): DayCoverage.ACTIVE}}))
    ((*which, reason),) = failures(outcomes)
    assert which == ["kid", "registrants", NO_DAY]
    assert reason.startswith("event e: Sequel has an error of its own (500)")
