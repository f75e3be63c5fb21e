"""The rooms of hubs: replaced as Sequel tells them, kept where it does not, never taken for none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.datasets.endpoint import WAY_OUT
from sequel_assets.sandbox import HUB, MISSING, Attendance, Event, Fault, Faults, Room
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.company_lists import hub_rooms
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.support.harness import ADA, NOW, PlatformUnderTest, at, event, failures, platform, world_of

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
LATER = NOW + timedelta(hours=1)
NO_DAY = date(1, 1, 1)


def hub(hub_id: str, rooms: Sequence[Room], **more: Any) -> Event:
    """Return a hub in which somebody was."""
    return event(hub_id, "kid", at(5), [Attendance(ADA, live=[(at(5), 9)])], event_type=HUB, rooms=rooms, **more)


def two_hubs(**more: Any) -> list[Event]:
    """Return two hubs with the events that link them; `more` is of the first."""
    hubs = [hub("hub1", [Room("Bar ", 4), Room("Stairs")], **more), hub("hub2", [Room("Roof", 12)])]
    return [*hubs, event("e1", "kid", at(5), hub_id="hub1"), event("e2", "kid", at(5), hub_id="hub2")]


def set_rooms(it: PlatformUnderTest, hub_id: str, *rooms: Room, **extra: Any) -> None:
    """Give a hub other rooms, and its document other fields."""
    found = it.world.event(hub_id)
    assert found is not None
    found.rooms, found.extra = rooms, extra


def next_hour(it: PlatformUnderTest, *failed: tuple[str, str]) -> None:
    """Let an hour go by, and refresh; nothing fails but these datasets of companies, which have no days."""
    it.sandbox.clock.advance(timedelta(hours=1))
    assert [one[:3] for one in failures(it.refresh())] == [(*which, NO_DAY) for which in failed]


def stored(warehouse: Warehouse) -> list[tuple[str, str, int, str, int | None, datetime]]:
    """Return every row of the rooms."""
    with warehouse.read() as connection:
        rows = connection.execute(sa.select(hub_rooms).order_by(*hub_rooms.primary_key.columns))
        return [(*row,) for row in rows]


def counted(warehouse: Warehouse) -> list[tuple[str, int]]:
    """Return how many rows the bookkeeping says that each company has."""
    r = refreshes.c
    with warehouse.read() as connection:
        query = sa.select(r.company_id, r.rows).where(r.dataset == hub_rooms.name, r.day == NO_DAY)
        return [(*row,) for row in connection.execute(query)]


ALL = [
    ("kid", "hub1", 1, "Bar", 4, NOW),
    ("kid", "hub1", 2, "Stairs", None, NOW),
    ("kid", "hub2", 1, "Roof", 12, NOW),
]


@pytest.mark.scenario
def test_the_rooms_of_each_hub_are_kept_in_sequels_order(warehouse: Warehouse) -> None:
    """Names without the blanks around them; a room without a limit has none; asked once, with the people of the hub."""
    with platform(world_of(*two_hubs()), warehouse) as it:
        assert failures(it.refresh()) == []
        assert (stored(warehouse), counted(warehouse)) == (ALL, [("kid", 3)])
        asked = sorted(one.path for one in it.sandbox.requests if "/networking/" in one.path)
        assert asked == [
            f"/api/v1/networking/{key}{rest}" for key in ("hub1", "hub2") for rest in ("", "/participantsList")
        ]
        next_hour(it)
        assert stored(warehouse) == ALL
        it.assert_true()


@pytest.mark.scenario
def test_rooms_that_sequel_renamed_removed_or_added_are_replaced(warehouse: Warehouse) -> None:
    """A place keeps when there was first a room at it; those of the other hub stay as they are."""
    with platform(world_of(*two_hubs()), warehouse) as it:
        it.refresh()
        set_rooms(it, "hub1", Room("Bar", 6), Room("Hall", 50), Room("Cellar", 0))
        next_hour(it)
        assert stored(warehouse) == [
            ("kid", "hub1", 1, "Bar", 6, NOW),
            ("kid", "hub1", 2, "Hall", 50, NOW),
            ("kid", "hub1", 3, "Cellar", 0, LATER),
            ALL[2],
        ]
        set_rooms(it, "hub1", Room("Hall", 50))
        next_hour(it)
        assert stored(warehouse) == [("kid", "hub1", 1, "Hall", 50, NOW), ALL[2]]
        set_rooms(it, "hub1")
        set_rooms(it, "hub2")
        next_hour(it)
        assert (stored(warehouse), counted(warehouse), it.problems()) == ([], [("kid", 0)], [])


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("engine_kind", "kind", "reason"),
    [
        ("sqlite", "http_404", "not found (404)"),
        ("postgresql", "http_404", "not found (404)"),
        ("sqlite", "http_403", "access is forbidden (403)"),
        ("sqlite", "not_json", "no JSON, or a part of it"),
        ("sqlite", "html_200", "HTML instead of JSON"),
        ("sqlite", "http_500", "Sequel has an error of its own (500)"),
    ],
)
def test_a_hub_that_does_not_answer_keeps_its_rooms_and_is_named(warehouse: Warehouse, kind: str, reason: str) -> None:
    """The other hub's are replaced, everything else is the truth; once it answers, it is right and the problem gone."""
    with platform(world_of(*two_hubs()), warehouse, quick=True) as it:
        it.refresh()
        set_rooms(it, "hub1", Room("Attic", 2))
        set_rooms(it, "hub2", Room("Garden", 20))
        it.sandbox.faults = Faults(paths=[("*/networking/hub1", Fault(kind))])
        next_hour(it, ("kid", "hub_rooms"))
        assert stored(warehouse) == [*ALL[:2], ("kid", "hub2", 1, "Garden", 20, NOW)]
        (problem,) = it.problems()
        assert problem[:4] == ("kid", "hub_rooms", NO_DAY, "hub1")
        assert problem[4].startswith(reason)
        assert problem[4].endswith(WAY_OUT) is (kind != "http_500")
        it.assert_true(but=["hub_rooms"])
        it.sandbox.faults.clear()
        next_hour(it)
        assert it.problems() == []
        it.assert_true()


@SQLITE
def test_a_hub_that_sequel_does_not_know_any_more_keeps_its_rooms_without_a_problem(warehouse: Warehouse) -> None:
    """Neither itself nor its people are found: there is nothing to be mended."""
    with platform(world_of(*two_hubs()), warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults = Faults(paths=[("*/networking/hub1*", Fault("http_404"))])
        next_hour(it)
        assert (stored(warehouse), it.problems()) == (ALL, [])


@pytest.mark.scenario
@SQLITE
@pytest.mark.parametrize("told", [MISSING, None])
def test_rooms_that_are_not_returned_are_not_none(warehouse: Warehouse, told: Any) -> None:
    """What was told before stays, and a problem says so; an empty list is told."""
    with platform(world_of(*two_hubs()), warehouse) as it:
        it.refresh()
        set_rooms(it, "hub1", networkingHubRooms=told)
        next_hour(it, ("kid", "hub_rooms"))
        assert stored(warehouse) == ALL
        assert it.problems() == [
            ("kid", "hub_rooms", NO_DAY, "hub1", f"Sequel's answer has no networkingHubRooms; {WAY_OUT}")
        ]
        set_rooms(it, "hub1")
        next_hour(it)
        assert (stored(warehouse), it.problems()) == (ALL[2:], [])


@SQLITE
def test_rooms_that_no_hub_of_a_company_returns_are_unavailable_and_not_zero(
    warehouse: Warehouse, answers: Any
) -> None:
    """No rows and no bookkeeping that would say that there are none; the people of the hubs are there."""
    answers("networking", lambda document: {k: v for k, v in document.items() if k != "networkingHubRooms"})
    with platform(world_of(*two_hubs()), warehouse) as it:
        assert failures(it.refresh()) == []
        assert (stored(warehouse), counted(warehouse), it.problems()) == ([], [], [])
        with warehouse.read() as connection:
            assert [(one.company_id, one.dataset, one.reason) for one in availability.unavailable(connection)] == [
                ("kid", "hub_rooms", "Sequel's answer has no networkingHubRooms")
            ]
        it.assert_true(but=["hub_rooms"])


@pytest.mark.sampled(3)
@pytest.mark.scenario
@SQLITE
@pytest.mark.parametrize("slots", [-1, True, "many"])
def test_a_number_of_slots_that_is_none_is_refused_by_its_place(warehouse: Warehouse, slots: object) -> None:
    """None of the hub's rooms is half kept, and a number as text is a number."""
    with platform(world_of(*two_hubs()), warehouse, quick=True) as it:
        it.refresh()
        rooms = [{"name": "Bar", "maxSlots": "7"}, {"name": "Hall", "maxSlots": slots}]
        set_rooms(it, "hub1", networkingHubRooms=rooms)
        next_hour(it, ("kid", "hub_rooms"))
        assert stored(warehouse) == ALL
        ((*whose, reason),) = it.problems()
        assert whose == ["kid", "hub_rooms", NO_DAY, "hub1"]
        assert "networkingHubRooms[1].maxSlots is not a whole number from 0 to 1000000000" in reason
        set_rooms(it, "hub1", networkingHubRooms=rooms[:1])
        next_hour(it)
        assert stored(warehouse) == [("kid", "hub1", 1, "Bar", 7, NOW), ALL[2]]


def test_names_of_rooms_are_any_text(warehouse: Warehouse) -> None:
    """None, the same twice, 1 MB, formulas, NUL."""
    long = "x" * 1_000_000
    names = [None, "Bar", "Bar", long, "=1+1", "'; DROP TABLE hub_rooms; --", "a\u0000b"]
    rooms = [{"name": name, "maxSlots": 1} for name in names]
    with platform(world_of(*two_hubs(extra={"networkingHubRooms": rooms})), warehouse) as it:
        assert failures(it.refresh()) == []
        kept = ["", "Bar", "Bar", long, "=1+1", "'; DROP TABLE hub_rooms; --", "a\N{REPLACEMENT CHARACTER}b"]
        assert stored(warehouse) == [("kid", "hub1", n, name, 1, NOW) for n, name in enumerate(kept, 1)] + ALL[2:]


def test_a_hub_that_moves_to_another_company_takes_its_rooms_along(warehouse: Warehouse) -> None:
    """An event of that company links it and is the earliest."""
    with platform(world_of(*two_hubs()), warehouse) as it:
        it.refresh()
        it.world.add_event(event("e0", "root", at(2), hub_id="hub1"))
        next_hour(it)
        assert stored(warehouse) == [
            ALL[2],
            ("root", "hub1", 1, "Bar", 4, LATER),
            ("root", "hub1", 2, "Stairs", None, LATER),
        ]
        it.assert_true()
