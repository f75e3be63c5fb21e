"""Requests: for a non-empty (event, day) (goal <= 4, all requests counted), for an event without people (goal 1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench.support.world import bench, days_to, in_a_process
from sequel_assets.refresh.core.time import days_between
from sequel_assets.warehouse.tables.core import events, proofs

HEADINGS = ("what", "events or (event, day)", "requests", "requests each")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
COMPANIES, DAYS, YEAR = 4, 28, 365


def run() -> Iterator[tuple[str, int, int, float]]:
    """Yield the requests of full refreshes, including sign-in, the companies and the lists of events."""
    for days, each_day, name in ((DAYS, 1.0, "an event a day, a backfill of 28 days"),
                                 (YEAR, 2 / 7, "two events a week, a backfill of a year")):  # fmt: skip
        options = ("--companies", str(COMPANIES), "--days", str(days), "--now", NOW.isoformat())
        with in_a_process(*options, "--events-per-day", str(each_day)) as account, bench(account, NOW, days) as b:
            b.refresh(days_to(NOW, days))
            with b.warehouse.read() as connection:
                engaged = connection.scalar(sa.select(sa.func.count()).select_from(proofs)) or 0
            yield f"{name}: non-empty (event, day)", engaged, b.requests, b.requests / engaged
    options = ("--companies", str(COMPANIES), "--days", str(DAYS), "--now", NOW.isoformat())
    with in_a_process(*options) as account, bench(account, NOW, DAYS + YEAR) as b:
        first = NOW.date() - timedelta(days=DAYS + YEAR - 1)
        companies = len(b.walk())
        b.refresh(days_between(first, first + timedelta(days=YEAR - DAYS)))
        with b.warehouse.read() as connection:
            known = connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0
        requests = b.requests - 2 * (1 + companies) - 1 - companies  # two walks, a token, a list of events of each
        yield "events over 338 days on which they had nobody", known, requests, requests / known
