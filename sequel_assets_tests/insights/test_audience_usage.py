"""Usage without those who host: by hand, where hosts are not known, and where they change afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights import AUDIENCE_USAGE
from sequel_assets.insights.audience_usage import audience_usage
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.transform.checks import behind_facts
from sequel_assets.sandbox import HUB, MISSING, Attendance, Event, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import restatements
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    CY,
    DAYS,
    START,
    PlatformUnderTest,
    at,
    day,
    event,
    failures,
    platform,
    world_of,
)

NOBODY = (0, 0, 0, 0, None, 0, 0, 0)


def rows(warehouse: Warehouse, company_id: str = "kid") -> dict[int, tuple[Any, ...]]:
    """Return by day of March what the table has of a company."""
    c = audience_usage.c
    with warehouse.read() as connection:
        found = connection.execute(sa.select(audience_usage).where(c.company_id == company_id))
        return {row.day.day: (*row[2:],) for row in found}


def two_events(**hosts: Any) -> World:
    """Ada hosts e1, Bo hosts e2; both were at both on one day, Cy watches the replay of e1 a day later, all meet in a hub."""
    everybody = [Attendance(ADA, live=[(at(2), 30)]), Attendance(BO, live=[(at(2), 20)])]
    first = [*everybody, Attendance(CY, on_demand=[(at(3), 7)])]
    later = [Attendance(ADA, live=[(at(2, 11), 5)]), Attendance(BO, live=[(at(2, 11), 6)])]
    hub = event("hub", "kid", at(2), [Attendance(ADA, live=[(at(2, 12), 50)])], event_type=HUB)
    made: dict[str, Any] = {"organizers": ["ada@example.org"], "presenters": [], **hosts}
    return world_of(
        event("e1", "kid", at(2), first, hub_id="hub", **made),
        event("e2", "kid", at(2, 11), later, presenters=[{"email": "BO@example.org"}]),
        hub,
    )


def set_hosts(it: PlatformUnderTest, organizers: Any) -> None:
    """Let Sequel name others as the organizers of e1."""
    found: Event | None = it.world.event("e1")
    assert found is not None
    found.extra = {"organizers": organizers}


def test_a_host_is_left_out_of_the_event_that_they_host_alone(warehouse: Warehouse) -> None:
    """Ada's 30 and Bo's 6 are host minutes; Ada's 5 at the other event count. A hub counts for nobody."""
    with platform(two_events(), warehouse) as it:
        assert failures(it.refresh()) == []
        found = rows(warehouse)
        assert found[2] == (25, 0, 25, 2, 12.5, 36, 2, 0)
        assert found[3] == (0, 7, 7, 1, 7.0, 0, 1, 0)
        assert {number: found[number] for number in found if number not in (2, 3)} == dict.fromkeys(
            (1, 4, 5, 6, 7, 8), NOBODY
        )
        it.assert_true()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("organizers", [None, MISSING, [None], ["u-7"], ["ada@example.org", {"uid": "u-8"}]])
def test_where_hosts_are_not_known_the_numbers_are_null_and_not_wrong(warehouse: Warehouse, organizers: Any) -> None:
    """On each day on which such an event has minutes; the other days have their numbers."""
    with platform(two_events(), warehouse) as it:
        set_hosts(it, organizers)
        assert failures(it.refresh()) == []
        found = rows(warehouse)
        assert (found[2], found[3]) == ((*[None] * 6, 2, 1), (*[None] * 6, 1, 1))
        assert found[4] == NOBODY
        it.assert_true()


def test_days_follow_when_the_hosts_of_an_event_change(warehouse: Warehouse) -> None:
    """Though only the newest day is refreshed: nothing is behind, and what had been final says that it moved."""
    with platform(two_events(), warehouse) as it:
        it.refresh()
        set_hosts(it, ["ada@example.org", "cy@example.org"])
        it.sandbox.clock.advance(timedelta(hours=1))
        assert failures(it.refresh(DAYS[-1:])) == []
        assert (rows(warehouse)[2][2], rows(warehouse)[3]) == (25, (0, 0, 0, 0, None, 7, 1, 0))
        set_hosts(it, None)
        it.sandbox.clock.advance(timedelta(hours=1))
        assert failures(it.refresh(DAYS[-1:])) == []
        assert rows(warehouse)[3] == (*[None] * 6, 1, 1)
        with warehouse.read() as connection:
            assert behind_facts(connection, AUDIENCE_USAGE, START, dict.fromkeys(["root", "kid"], NONE_FROZEN)) == []
            r = restatements.c
            moved = sa.select(r.day).where(r.dataset == audience_usage.name, r.column_name == "engaged_minutes")
            assert day(3) in set(connection.scalars(moved))
        it.assert_true()
