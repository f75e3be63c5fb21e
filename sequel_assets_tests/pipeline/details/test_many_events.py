"""More events than one portion holds: what was probed of one portion comes along with the answers of another."""

from __future__ import annotations

from sequel_assets.refresh.details.extract import MAX_EVENTS_AT_ONCE
from sequel_assets.sandbox import Fault, Faults
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.event_details import OF_EVENTS
from sequel_assets_tests.pipeline.details.talking import talking
from sequel_assets_tests.support.harness import at, day, event, failures, platform, world_of


def test_a_company_with_more_events_than_a_portion_has_all_details(warehouse: Warehouse) -> None:
    """The newest event is probed first, and is of the last portion."""
    many = [event(f"e{n}", "kid", at(3), []) for n in range(MAX_EVENTS_AT_ONCE)]
    with platform(world_of(*many, talking(on=6)), warehouse) as it:
        assert failures(it.refresh()) == []
        it.assert_true()


def test_an_event_of_a_day_that_is_not_requested_fails_nothing_though_it_is_probed(warehouse: Warehouse) -> None:
    """Sequel does not know the event of the requested day, so the other one says what is available."""
    with platform(world_of(event("gone", "kid", at(3), []), talking(on=6)), warehouse) as it:
        it.sandbox.faults = Faults(paths=[("*/gone/*", Fault("http_404"))])
        details = {table.name for table in OF_EVENTS}
        failed = {(dataset, reason) for _, dataset, _, reason in failures(it.refresh([day(3)])) if dataset in details}
        assert not [reason for _, reason in failed if "a mistake of this program" in reason]
