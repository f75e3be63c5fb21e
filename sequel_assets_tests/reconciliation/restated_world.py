"""A world whose past changes, and what the reconciliation made of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa

from sequel_assets.reconciliation import run
from sequel_assets.reconciliation.client import ReconciliationReport
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import reconciliations
from sequel_assets_tests.support.harness import ADA, BO, CY, PlatformUnderTest, at
from sequel_assets_tests.support.reference import KEY

CROWD = [
    Attendance(ADA, live=[(at(3), 20), (at(5), 3)], on_demand=[(at(6), 5)]),
    Attendance(BO, live=[(at(3, 9, 10), 30)]),
]
PLAIN = [Attendance(BO, live=[(at(2), 7)], on_demand=[(at(4), 3)]), Attendance(CY, on_demand=[(at(8, 8), 3)])]


def reconcile(it: PlatformUnderTest) -> ReconciliationReport:
    """Patrol by the tests' rules."""
    rules = RefreshConfig(it.start, timedelta(minutes=5), timedelta(hours=48), 4, KEY, it.retention)
    return run.reconcile(it.client, it.warehouse, it.clock, rules, "patrol")


def rows(warehouse: Warehouse) -> dict[tuple[str, str], tuple[int, int, str]]:
    """Return (event, scope) -> (found, promised, verdict)."""
    with warehouse.read() as connection:
        return {
            (row.event_id, row.scope): (row.found_minutes, row.promised_minutes, row.verdict)
            for row in connection.execute(sa.select(reconciliations))
        }


def requested_of(it: PlatformUnderTest) -> Counter[str]:
    """Return how many totals were asked of each event."""
    paths = [request.path for request in it.sandbox.requests if request.path.endswith("/top-participants")]
    return Counter(path.split("/")[-2] for path in paths)
