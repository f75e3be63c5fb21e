"""Hour: hourly refresh of 50 companies x 20 events x 28 days; wall / (requests x latency / concurrency) (goal <= 1.2).

Two kinds. The active hour (15:07) requests today only, for the events that may have minutes now. The full hour (00:07)
requests every event for three days: one that has just closed, one whose late window has just passed, and today.
HOUR_COMPANIES makes it smaller.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from bench.support.world import (
    CONCURRENCY,
    LATE_WINDOW,
    LATENCY_MS,
    SETTLE,
    Bench,
    bench,
    client_of,
    days_to,
    in_a_process,
    move,
)
from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.coverage.due_days import DayCoverage, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import events

HEADINGS = ("what", "active hour, 15:07", "full hour, 00:07")
ACTIVE = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
FULL = datetime(2026, 11, 24, 0, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVENTS, DAYS = 20, 28


def run() -> Iterator[tuple[str, float | int, float | int]]:
    """Yield the cost of each kind after a backfill of all days, up to an hour before."""
    companies = int(os.environ.get("HOUR_COMPANIES", "50"))
    options = (
        "--companies",
        str(companies),
        "--days",
        str(DAYS),
        "--events-per-day",
        str(EVENTS / DAYS),
        "--now",
        ACTIVE.isoformat(),
    )
    with (
        in_a_process(*options) as quick,
        in_a_process(*options, "--latency-ms", str(LATENCY_MS)) as slow,
        client_of(slow) as client,
        bench(quick, ACTIVE, DAYS) as seeding,
    ):
        *closed, today = days_to(ACTIVE, DAYS)
        _move((quick, slow), ACTIVE - HOUR)
        coverage = dict.fromkeys(closed, DayCoverage.FULL) | {today: DayCoverage.ACTIVE}
        _refresh(replace(seeding, now=ACTIVE - HOUR), coverage)
        _move((quick, slow), ACTIVE)
        active = _refresh(replace(seeding, client=client, now=ACTIVE))
        _move((quick, slow), FULL - HOUR)
        _refresh(replace(seeding, now=FULL - HOUR))
        _move((quick, slow), FULL)
        full = _refresh(replace(seeding, client=client, now=FULL))
        with seeding.warehouse.read() as connection:
            known = connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0
    yield "companies", companies, companies
    yield "events (hubs included)", known, known
    for what, of_active in active.items():
        yield what, of_active, full[what]


def _move(accounts: tuple[dict[str, str], ...], now: datetime) -> None:
    for account in accounts:
        move(account, now)


def _refresh(b: Bench, days: dict[date, DayCoverage] | None = None) -> dict[str, float | int]:
    """Refresh what is due of all companies, as the hourly run does, or given days; return the cost without the walk."""
    companies = [company.company_id for company in b.walk()]
    before, began, cpu = b.requests, time.perf_counter(), time.process_time()
    outcomes = list(
        b.refresher().refresh(dict.fromkeys(companies, days) if days else due_days(b.warehouse, b.now, companies))
    )
    seconds, cpu, requests = time.perf_counter() - began, time.process_time() - cpu, b.requests - before
    assert all(outcome.is_good for outcome in outcomes)
    bound = requests * LATENCY_MS / 1000 / CONCURRENCY
    return {
        "slices": len(outcomes),
        "insights that were derived": len({one.dataset for one in outcomes} & {insight.name for insight in INSIGHTS}),
        "requests": requests,
        "wall seconds": seconds,
        "CPU seconds of this process": cpu,
        "requests x latency / concurrency, seconds": bound,
        "wall / that bound": seconds / bound,
    }


def due_days(warehouse: Warehouse, now: datetime, companies: list[str]) -> dict[str, dict[date, DayCoverage]]:
    """Return the days that the hourly run refreshes, by company."""
    with warehouse.read() as connection:
        landed = landed_days(connection, companies)
    return {
        one: due_once_more(landed[one], now, settle=SETTLE)
        | due_this_hour(landed[one], now, settle=SETTLE, late_window=LATE_WINDOW)
        for one in companies
    }
