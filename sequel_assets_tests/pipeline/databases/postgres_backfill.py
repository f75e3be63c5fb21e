"""A backfill into a PostgreSQL of another kind."""

from __future__ import annotations

from datetime import UTC, datetime

from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Sandbox, WorldSpec
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.harness import PlatformUnderTest, client_of, failures
from sequel_assets_tests.support.rows import everything

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPEC = WorldSpec(seed=7, companies=3, days=4, people=6, hub_every=2, now=NOW)
DAYS = days_between(SPEC.first_day, SPEC.last_day)
Tables = dict[str, list[Row]]


def backfill(sandbox: Sandbox, warehouse: Warehouse) -> Tables:
    """Load the world, nothing of which may fail, and return every row of every table."""
    with client_of(sandbox) as client:
        it = PlatformUnderTest(sandbox.world, sandbox, client, warehouse, SPEC.first_day)
        assert failures(it.refresh(DAYS)) == []
    return everything(warehouse)
