"""Event details: unavailable and back, refused for one event, and the insights that follow a plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.sandbox import HUB, Attendance, Fault, Faults, Room
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.pipeline.details.talking import talking
from sequel_assets_tests.support.harness import ADA, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import dump
from sequel_assets_tests.support.reference.details import SLICED

INTERACTIONS = tuple(name for name in SLICED if name not in ("event_activity", "replays"))


ENDPOINTS = {
    "activity": ("*user-activity*", ("event_activity",)),
    "polls": ("*/polls", INTERACTIONS),
    "replays": ("*availableReplays", ("replays",)),
    "registrants": ("*/registrants", ("registrants",)),
    "networking_participants": ("*participantsList", ("hub_participants",)),
    "networking": ("*/networking/hub?", ("hub_rooms",)),
}
ANOTHER_SHAPE: dict[str, Any] = {"data": []}


@pytest.mark.sampled(9)
@pytest.mark.parametrize(
    ("engine_kind", "kind"),
    [
        *(("sqlite", kind) for kind in ("http_404", "http_403", "html_200", "not_json", "has_error", "another shape")),
        ("postgresql", "http_404"),
    ],
)
@pytest.mark.parametrize("shape", ENDPOINTS)
def test_an_unavailable_endpoint_costs_its_own_datasets_alone(
    warehouse: Warehouse, kind: str, shape: str, answers: Any
) -> None:
    """No failure, no slice, a reason; everything else is the truth. When it is there again, the next refresh fills it."""
    path, gone = ENDPOINTS[shape]
    is_spoilt = kind == "another shape"
    answers(shape, lambda document: ANOTHER_SHAPE if is_spoilt else document)
    came = [Attendance(ADA, live=[(at(3), 5)])]
    hubs = [event(f"hub{n}", "kid", at(1), came, event_type=HUB, rooms=[Room("Bar", n)]) for n in (1, 2)]
    stages = [talking(hub_id="hub1"), talking("f", on=5, hub_id="hub2")]
    with platform(world_of(*hubs, *stages), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[] if is_spoilt else [(path, Fault(kind))])
        assert failures(it.refresh()) == []
        with warehouse.read() as connection:
            assert {(one.company_id, one.dataset) for one in availability.unavailable(connection)} == {
                ("kid", name) for name in gone
            }
            kept = set(connection.scalars(sa.select(refreshes.c.dataset).where(refreshes.c.company_id == "kid")))
            held = landed_days(connection, ["kid"])["kid"]
        assert not kept & set(gone)
        assert all(one.full_through is not None for one in held.values())
        it.assert_true(but=[*gone, "activity_totals", "people"])
        assert it.problems() == []
        is_spoilt = False
        it.sandbox.faults.clear()
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh()
        it.assert_true()
        with warehouse.read() as connection:
            assert availability.unavailable(connection) == []


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_bad_event_fails_its_own_slices_and_no_others(warehouse: Warehouse) -> None:
    """An endpoint that answers other events is there: the one that it refuses is named."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/events/f/polls", Fault("http_404"))])
        failed = [one for one in failures(it.refresh()) if one[1] in SLICED]
        assert {(one[1], one[2]) for one in failed} == {(name, day(5)) for name in INTERACTIONS}
        assert all(one[3].startswith("event f: not found (404)") for one in failed)
        it.sandbox.faults.clear()
        assert failures(it.refresh()) == []
        it.assert_true()


def test_companies_keep_where_they_stood(warehouse: Warehouse) -> None:
    """A row when a company is first found, and one from the day on which it stands elsewhere."""
    with platform(world_of(talking()), warehouse) as it:
        it.walk()
        it.walk()
        it.sandbox.clock.advance(timedelta(days=1))
        it.world.add_company(type(it.world.root)("new", "New", "root"))
        it.world.move_company("kid", "new")
        it.walk()
        with warehouse.read() as connection:
            rows = [tuple(row) for row in connection.execute(sa.select(company_parents))]
        assert sorted(rows, key=repr) == sorted(
            [("root", day(8), None), ("kid", day(8), "root"), ("kid", day(9), "new"), ("new", day(9), "root")], key=repr
        )


@pytest.mark.scenario
def test_insights_follow_an_event_whose_plan_moved(warehouse: Warehouse) -> None:
    """A planned end that Sequel corrects later changes shares and funnels of days that are over, though no minute did."""
    planned = ("event_statistics", "person_engagement", "funnel", "event_retention", "networking")
    with platform(world_of(talking()), warehouse) as it:
        it.refresh()
        before = dump(warehouse)
        it.world.end_event("e", at(3, 9, 20))
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh([day(8)], ["kid"])
        after = dump(warehouse)
        column = list(event_statistics.columns).index(event_statistics.c.planned_minutes)
        assert [{row[column] for row in rows["event_statistics"]} for rows in (before, after)] == [{60}, {20}]
        it.refresh()
        it.assert_true()
        assert {name: dump(warehouse)[name] for name in planned} == {name: after[name] for name in planned}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_registrants_that_could_not_be_had_are_asked_for_by_the_next_refresh(warehouse: Warehouse) -> None:
    """Whatever days it is about: the lists have none."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/e/registrants", Fault("http_500"))])
        it.refresh()
        assert [one[1:4:2] for one in it.problems()] == [("registrants", "e")]
        it.sandbox.faults.clear()
        it.sandbox.clock.advance(timedelta(hours=1))
        it.sandbox.requests.clear()
        list(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}}))
        assert [one.path for one in it.sandbox.requests if one.path.endswith("/e/registrants")] != []
        assert it.problems() == []
