"""The migration that gives lifetime its `counts_from`: over a warehouse with rows, and the refresh after it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.derive import derive
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.checksums import checksum
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets_tests.support.rows import ACME, AT, DAY, LATE, STAGE, day, hour, participant, settle_in, table_of
from sequel_assets_tests.warehouse.migrations.older_releases import at_revision

THROUGH = hour(24 * 8)
DAYS = [day(0), day(1), day(2)]
OLD_COLUMNS = [column for column in lifetime_usage.columns if column.name != "counts_from"]


def test_lifetime_is_recreated_and_filled_by_the_next_refresh(warehouse_url: str) -> None:
    """Its rows and bookkeeping go, everything else stays; deriving writes every day again, with the day it counts from."""
    warehouse = Warehouse(warehouse_url)
    at_revision(warehouse, "0002")
    settle_in(warehouse, {"e1": STAGE})
    rows = [participant("e1", "ada", 5, on=on) for on in DAYS]
    old_refreshes = sa.table("refreshes", *(sa.column(c.name, c.type) for c in [*refreshes.columns][:-1]))
    before = sa.table("lifetime_usage", *(sa.column(column.name, column.type) for column in OLD_COLUMNS))
    with warehouse.write(ACME) as connection:
        connection.execute(event_participants.insert().values(rows))
        for row in rows:
            note = (ACME, "event_participants", row[1], AT, THROUGH, THROUGH, True, 1, checksum([row]), None, "old")
            connection.execute(old_refreshes.insert().values(note))
        for on in DAYS:
            connection.execute(before.insert().values((ACME, on, "all", 5, 0, 5, 1, 1, DAY)))
        told = connection.execute(sa.select(old_refreshes)).mappings().all()
        connection.execute(old_refreshes.insert(), [{**row, "dataset": "lifetime_usage"} for row in told])
    schema.migrate(warehouse)
    schema.ensure_current(warehouse)
    assert table_of(warehouse, lifetime_usage) == []
    assert {row[1] for row in table_of(warehouse, refreshes)} == {"event_participants"}
    assert len(table_of(warehouse, event_participants)) == 3
    run_info = RunInfo(AT + timedelta(hours=1), THROUGH, LATE, "new")
    results = derive(warehouse, ACME, [], start=DAY, run_info=run_info).results
    assert [result.day for result in results["lifetime_usage"]] == DAYS
    assert [row for row in table_of(warehouse, lifetime_usage) if row[2] == "all"] == [
        (ACME, day(n), "all", 5 * (n + 1), 0, 5 * (n + 1), 1, 1, DAY, DAY, False) for n in range(3)
    ]
    warehouse.dispose()
