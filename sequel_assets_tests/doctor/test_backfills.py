"""A backfill of each other Sequel, after the doctor: its tables are the truth, or it says by name what cannot be had."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.api_profile import NO_CONCURRENCY, NO_USAGE, Fact
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants
from sequel_assets_tests.doctor.altered import DAYS, backfilled
from sequel_assets_tests.support.harness import failures

TRUE = (
    "exclusive-dates",
    "published-path",
    "analytics-host=data.sequel.io",
    "no-expiry",
    "sub-companies",
    "clock-skew=300",
    "activity-cap=2",
    "no-webhooks",
)
"""Sequels of which every number can be had."""
WITHOUT_MINUTES = {
    "ignored-dates": Fact.DATES,
    "time-zone=-8": Fact.DAYS,
    "listed-totals": Fact.TOTALS,
    "ignored-engagement-type": Fact.ENGAGEMENT_TYPE,
}
"""Sequels whose minutes cannot be had, and the fact that says why."""


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("variations", TRUE)
def test_the_tables_are_the_truth_where_the_platform_can_adapt(variations: str, warehouse: Warehouse) -> None:
    """Every dataset of every day, to the last row."""
    with backfilled(variations, warehouse) as (it, outcomes):
        assert failures(outcomes) == []
        it.assert_true(DAYS)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("variations", WITHOUT_MINUTES)
def test_no_minute_is_stored_where_minutes_cannot_be_had(variations: str, warehouse: Warehouse) -> None:
    """Each slice fails by name, and concurrency, which can be had, is there."""
    with backfilled(variations, warehouse) as (it, outcomes):
        problems = it.problems()
    reason = NO_USAGE[WITHOUT_MINUTES[variations]]
    failed = {outcome.dataset for outcome in outcomes if reason in outcome.reason}
    assert {event_participants.name, "daily_usage"} <= failed
    assert any(reason in why and event_id == "big" for _, _, _, event_id, why in problems)
    assert rows_of(warehouse, event_participants) == 0
    assert rows_of(warehouse, event_concurrency) > 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_concurrency_alone_fails_where_its_minutes_have_no_time(warehouse: Warehouse) -> None:
    """Participants do not depend on it."""
    with backfilled("concurrency-from-midnight", warehouse) as (_, outcomes):
        pass
    reason = NO_CONCURRENCY[Fact.CONCURRENCY]
    failed = {outcome.dataset for outcome in outcomes if reason in outcome.reason}
    assert event_concurrency.name in failed
    assert event_participants.name not in failed
    assert rows_of(warehouse, event_concurrency) == 0
    assert rows_of(warehouse, event_participants) > 0


def rows_of(warehouse: Warehouse, table: sa.Table) -> int:
    """Return how many rows a table has."""
    return int(warehouse.ask(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(table))) or 0)
