"""Hour: the hourly refresh of 50 companies with 20 events each; wall against requests x latency / concurrency (goal <= 1.2)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.due import Coverage
from sequel_assets.refresh.outcomes import Verdict
from sequel_assets.warehouse.tables import events

from .world import CONCURRENCY, LATENCY_MS, bench, days_to, in_a_process

HEADINGS = ("what", "value")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
COMPANIES, EVENTS, DAYS = 50, 20, 28


def run() -> Iterator[tuple[str, float | int]]:
    """Yield what the hour costs after the last three days have been refreshed in full an hour before."""
    options = ("--companies", str(COMPANIES), "--days", str(DAYS), "--events-per-day", str(EVENTS / DAYS))
    latency = ("--latency-ms", str(LATENCY_MS), "--now", NOW.isoformat())
    with in_a_process(*options, *latency) as account, bench(account, NOW - timedelta(hours=1), DAYS) as b:
        b.refresh(days_to(NOW, 3))
        before = b.requests
        outcomes, seconds = replace(b, now=NOW).refresh({NOW.date(): Coverage.HOT})
        requests = b.requests - before - COMPANIES - 1  # without the walk of the tree, which has a sensor of its own
        with b.warehouse.read() as connection:
            known = connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0
        bound = requests * LATENCY_MS / 1000 / CONCURRENCY
        yield "companies", COMPANIES
        yield "events (hubs included)", known
        yield "slices that failed", sum(outcome.verdict is Verdict.FAILED for outcome in outcomes)
        yield "requests", requests
        yield "wall seconds", seconds
        yield "requests x latency / concurrency, seconds", bound
        yield "wall / that bound", seconds / bound
