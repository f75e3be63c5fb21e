"""What the reconciliation cannot check: endpoints that are absent, events that fail, a refused sign-in."""

from __future__ import annotations

import pytest

from sequel_assets.reconciliation.company_totals import SCOPES
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets_tests.reconciliation.restated_world import CROWD, PLAIN, reconcile, requested_of, rows
from sequel_assets_tests.support.harness import at, day, event, platform, world_of


def test_a_range_that_is_not_known_from_the_start_on_is_not_complete(warehouse: Warehouse) -> None:
    """Only the last days were ever refreshed: they add up, the history does not."""
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh([day(5), day(6), day(7)])
        assert reconcile(it).differing == 2 + 1  # and the company's own lifetime
        told = rows(warehouse)
        assert (told["past", "range"], told["past", "all_time"]) == ((8, 8, "equal"), (8, 58, "differs"))


def test_absent_named_endpoints_are_skipped_and_said(warehouse: Warehouse) -> None:
    """Nothing else depends on them."""
    world = world_of(event("past", "kid", at(3), CROWD))
    with platform(world, warehouse, named_endpoints=False) as it:
        it.refresh()
        report = reconcile(it)
        assert (report.failures, report.differing) == ([], 0)
        assert set(report.skipped) == {"lifetime_usage", "usage", "usage_by_day"}
        named = {scope: verdict for (event_id, scope), (*_, verdict) in rows(warehouse).items() if not event_id}
        assert set(named.values()) == {"skipped"}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("fault", ["http_403", "html_200"])
def test_a_named_endpoint_that_fails_costs_a_skipped_check_and_no_more(warehouse: Warehouse, fault: str) -> None:
    """Whatever it answers, nobody's numbers are in doubt."""
    with platform(world_of(event("past", "kid", at(3), CROWD)), warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults.always("*/companies/*", fault)
        report = reconcile(it)
        assert (report.failures, report.differing, report.fatal) == ([], 0, None)
        assert set(report.skipped) == set(SCOPES)
        assert it.problems() == []


def test_a_total_that_is_wrong_is_never_written_and_stays_red(warehouse: Warehouse) -> None:
    """Sequel's totals are one too many: no list comes to them, so nothing is replaced, and the verdict says so."""
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults.always("*/events/past/top-participants*", "wrong_minutes")
        report = reconcile(it)
        assert report.differing >= 1
        assert rows(warehouse)["past", "range"] == (58, 59, "differs")
        assert rows(warehouse)["plain", "range"][2] == "equal"
        it.assert_true()
        assert [p for p in it.problems() if p[1] == "event_participants"] != []
        it.sandbox.faults.clear()
        assert reconcile(it).differing == 0
        assert rows(warehouse)["past", "range"] == (58, 58, "equal")
        assert it.problems() == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_event_that_fails_is_named_and_stops_no_other(warehouse: Warehouse) -> None:
    """Its row stays as it was, a problem stands until it is asked again."""
    world = world_of(event("past", "kid", at(3), CROWD), event("bad", "kid", at(3), CROWD), event("r", "root", at(3)))
    with platform(world, warehouse, quick=True) as it:
        it.refresh()
        reconcile(it)
        it.sandbox.faults.always("*/events/bad/top-participants*", "http_500")
        world.restate("past", minutes=2)
        report = reconcile(it)
        assert [(failure.company_id, failure.event_id) for failure in report.failures] == [("kid", "bad")]
        assert {repaired[1] for repaired in report.repaired} == {"past"}
        assert rows(warehouse)["past", "range"][2] == "equal"
        assert [p[:4] for p in it.problems() if p[1] == "reconciliations"] == [
            ("kid", "reconciliations", NO_DAY, "bad")
        ]
        it.sandbox.faults.clear()
        assert reconcile(it).failures == []
        assert it.problems() == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_refused_sign_in_ends_it_and_writes_nothing(warehouse: Warehouse) -> None:
    """What no request would survive."""
    with platform(world_of(event("past", "kid", at(3), CROWD)), warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults.always("*/analytics/*", "http_401")
        assert reconcile(it).fatal is not None
        assert rows(warehouse) == {}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_events_that_are_ruled_out_or_vanished_are_not_asked(warehouse: Warehouse) -> None:
    """Their verdicts go; the company's own totals are not compared, since Sequel may count them."""
    world = world_of(event("past", "kid", at(3), CROWD), event("out", "kid", at(3), CROWD))
    with platform(world, warehouse) as it:
        it.refresh()
        reconcile(it)
        with warehouse.write() as connection:
            catalog.exclude_event(connection, "kid", "out", "a ghost", at=it.clock())
        it.sandbox.requests.clear()
        assert "ruled out" in reconcile(it).skipped["usage"]
        assert requested_of(it) == {"past": 2}
        assert [key for key in rows(warehouse) if key[0] == "out"] == []
