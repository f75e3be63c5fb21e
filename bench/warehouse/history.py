"""History: what an hour's insights of one company cost after 60 days, a year and two years (goal: the same).

Two events a week of 160 people. The open day: an event's people came in that hour. The day that closes: all insights of
it. Both without requests: `derive` alone, its SELECTs and what surrounds them; seconds of CPU on SQLite, of the clock on
PostgreSQL.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench.support.filled import FACTS, LAST, NOW, STAGE, analyze, fill
from sequel_assets.insights.lifetime_usage import LIFETIME_USAGE, carry_lifetime_usage
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.derive import derive
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import event_participants, events
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = (
    "database",
    "days of history",
    "all of it derived, s",
    "open day, ms",
    "day that closes, ms",
    "lifetime counted from the start, ms",
    "lifetime carried, ms",
)
HISTORIES, REPEATS = (60, 365, 730), 5
TODAY, LATE_WINDOW = LAST + timedelta(days=1), timedelta(hours=48)
CLOSE = datetime(2026, 11, 24, 0, 7, tzinfo=UTC)
PEOPLE = 160


def run() -> Iterator[tuple[str | int | float, ...]]:
    """Yield a row per engine and length of history; PostgreSQL has seen its tables (autovacuum's ANALYZE)."""
    with tempfile.TemporaryDirectory() as folder:
        for days in HISTORIES:
            yield "SQLite", days, *_measure(f"sqlite:///{Path(folder) / f'{days}.db'}", days)
    server = PostgresServer.start()
    try:
        for days in HISTORIES:
            server.run(f"CREATE DATABASE history_{days}")
            yield "PostgreSQL", days, *_measure(server.url(f"history_{days}"), days)
    finally:
        server.stop()


def _measure(url: str, days: int) -> Iterator[float]:
    warehouse, chance = Warehouse(url), random.Random(5)
    schema.migrate(warehouse)
    fill(warehouse, "c0", chance, days=days)
    analyze(warehouse)
    start = LAST - timedelta(days=days - 1)
    began = _clock(warehouse)
    derive(warehouse, "c0", [], start=start, run_info=RunInfo(NOW, NOW.replace(minute=0), LATE_WINDOW, None))
    yield _clock(warehouse) - began
    begins = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)
    with warehouse.write("c0") as connection:
        today = {"company_id": "c0", "event_type": STAGE, "is_cancelled": False, "event_id": "today", "name": "e"}
        connection.execute(events.insert().values(**today, starts_at=begins, ends_at=begins + timedelta(hours=1)))
    for at, has_closed in ((NOW, False), (CLOSE, True)):
        _hour(warehouse, chance, at, start, has_closed=has_closed)  # the first one composes the SELECTs
        seconds = [_hour(warehouse, chance, at, start, has_closed=has_closed) for _ in range(REPEATS)]
        yield 1000 * statistics.median(seconds)
    for select in (LIFETIME_USAGE.select, carry_lifetime_usage):
        yield 1000 * statistics.median(_select(warehouse, select("c0", TODAY, TODAY, start)) for _ in range(REPEATS))
    warehouse.dispose()


def _hour(warehouse: Warehouse, chance: random.Random, at: datetime, start: date, *, has_closed: bool) -> float:
    """Land other people of today than the hour before, derive what that changes, return the seconds of deriving."""
    through = at.replace(minute=0)
    who = sorted({f"{chance.randrange(100_000):064x}" for _ in range(PEOPLE)})
    facts = [("c0", TODAY, "today", person, STAGE, 30, 0, 30) for person in who]
    updates = [
        SliceUpdate(table, TODAY, facts if table is event_participants else [], None, through, through,
                    through if has_closed else None, accepts_loss=True)
        for table in FACTS
    ]  # fmt: skip
    with warehouse.write("c0") as connection:
        replace_slices(connection, "c0", updates, at=at, late_window=LATE_WINDOW, run_id=None)
    began = _clock(warehouse)
    derive(warehouse, "c0", [TODAY], start=start, run_info=RunInfo(at, through, LATE_WINDOW, None))
    return _clock(warehouse) - began


def _select(warehouse: Warehouse, select: object) -> float:
    began = _clock(warehouse)
    with warehouse.read() as connection:
        connection.execute(select).all()  # type: ignore[call-overload]
    return _clock(warehouse) - began


def _clock(warehouse: Warehouse) -> float:
    """Return the CPU seconds of this process, in which SQLite runs; PostgreSQL does not, and is timed by the clock."""
    return time.process_time() if warehouse.is_sqlite else time.perf_counter()
