"""Write: rows per second of the refresh's transaction, new and unchanged rows, 20 slices of 10,000."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import companies, event_participants, events
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = ("database", "rows", "new, rows/s", "unchanged, rows/s")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SLICES, ROWS = 20, 10_000


def run() -> Iterator[tuple[str, int, float, float]]:
    """Yield a row per engine."""
    with tempfile.TemporaryDirectory() as folder:
        yield _measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    server = PostgresServer.start()
    try:
        yield _measure("PostgreSQL", server.url("postgres"))
    finally:
        server.stop()


def _measure(name: str, url: str) -> tuple[str, int, float, float]:
    warehouse = Warehouse(url)
    schema.migrate(warehouse)
    with warehouse.write() as connection:
        connection.execute(
            sa.insert(companies).values(
                company_id="c", partition_key="c", name="c", depth=0, first_seen_at=NOW, last_seen_at=NOW
            )
        )
        connection.execute(
            sa.insert(events).values(
                company_id="c", event_id="e", event_type="virtualStageEvent", name="e", is_cancelled=False
            )
        )
    seconds = []
    for _ in ("new", "unchanged"):
        began = time.perf_counter()
        for n in range(SLICES):
            day = date(2026, 1, 1) + timedelta(days=n)
            rows = [("c", day, "e", f"{person:064x}", "virtualStageEvent", 30, 0, 30) for person in range(ROWS)]
            update = SliceUpdate(event_participants, day, rows, frozenset("e"), NOW, NOW, NOW)
            with warehouse.write("c") as connection:
                replace_slices(connection, "c", [update], at=NOW, late_window=timedelta(hours=48), run_id=None)
        seconds.append(time.perf_counter() - began)
    warehouse.dispose()
    return name, SLICES * ROWS, SLICES * ROWS / seconds[0], SLICES * ROWS / seconds[1]
