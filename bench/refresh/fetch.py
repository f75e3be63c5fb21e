"""Fetch: a backfill of 4 companies x 28 days, sandbox at 20 ms; wall time against requests x latency / concurrency."""

from collections.abc import Iterator
from datetime import UTC, datetime

import sqlalchemy as sa

from bench.support.world import CONCURRENCY, bench, days_to, in_a_process
from sequel_assets.warehouse.tables.core import proofs

HEADINGS = ("what", "value")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
DAYS, LATENCY_MS = 28, 20


def run() -> Iterator[tuple[str, float | int]]:
    """Yield requests, rows and times of one backfill."""
    options = ("--companies", "4", "--days", str(DAYS), "--latency-ms", str(LATENCY_MS), "--now", NOW.isoformat())
    with in_a_process(*options) as account, bench(account, NOW, DAYS) as b:
        outcomes, seconds = b.refresh(days_to(NOW, DAYS))
        requests = b.client.stats.requests
        with b.warehouse.read() as connection:
            non_empty = connection.scalar(sa.select(sa.func.count()).select_from(proofs)) or 0
        rows = sum(outcome.rows for outcome in outcomes if outcome.dataset.startswith("event_"))
        bound = requests * LATENCY_MS / 1000 / CONCURRENCY
        yield "requests", requests
        yield "non-empty (event, day)", non_empty
        yield "requests per non-empty (event, day), everything counted", requests / non_empty
        yield "landed rows", rows
        yield "landed rows per second", rows / seconds
        yield "wall seconds", seconds
        yield "requests x latency / concurrency, seconds", bound
        yield "wall / that bound", seconds / bound
