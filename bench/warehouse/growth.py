"""Growth: the insights of a year when the facts grow tenfold (goal <= 11x); lifetime usage of a year against a day."""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from sequel_assets.insights.lifetime_usage import LIFETIME_USAGE
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.derive import derive
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, events
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = ("database", "facts", "insights of a year, s", "lifetime's SELECT: a year, s", "its last day alone, s")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
YEAR, PEOPLE = 365, 100
START = NOW.date() - timedelta(days=YEAR - 1)
RUN = RunInfo(NOW, NOW.replace(minute=0), timedelta(hours=48), None)


def run() -> Iterator[tuple[str, int | str, float, float, float]]:
    """Yield a row per engine and size, and the ratios between the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _both("SQLite", lambda n: f"sqlite:///{Path(folder) / f'{n}.db'}")
    server = PostgresServer.start()
    try:
        for people in (PEOPLE, 10 * PEOPLE):
            server.run(f"CREATE DATABASE growth_{people}")
        yield from _both("PostgreSQL", lambda n: server.url(f"growth_{n}"))
    finally:
        server.stop()


def _both(name: str, url_of: Callable[[int], str]) -> Iterator[tuple[str, int | str, float, float, float]]:
    small, large = (_measure(url_of(people), people) for people in (PEOPLE, 10 * PEOPLE))
    yield (name, *small)
    yield (name, *large)
    insights, of_year, of_day = (b / a for a, b in zip(small[1:], large[1:], strict=True))
    yield name, "tenfold costs, times", insights, of_year, of_day


def _measure(url: str, people: int) -> tuple[int, float, float, float]:
    warehouse = Warehouse(url)
    schema.migrate(warehouse)
    _fill(warehouse, people)
    began = time.perf_counter()
    results = derive(warehouse, "c", [], start=START, run_info=RUN).results
    seconds = time.perf_counter() - began
    assert {len(slices) for slices in results.values()} == {YEAR}, "a slice was not derived"
    selects = [_select(warehouse, first) for first in (START, NOW.date())]
    warehouse.dispose()
    return YEAR * people, seconds, selects[0], selects[1]


def _fill(warehouse: Warehouse, people: int) -> None:
    """Land a year of one company: an event a day, its people drawn from three times as many, an hour of concurrency."""
    with warehouse.write("c") as connection:
        seen = {"first_seen_at": NOW, "last_seen_at": NOW}
        connection.execute(sa.insert(companies).values(company_id="c", partition_key="c", name="c", depth=0, **seen))
        connection.execute(
            sa.insert(events).values(
                company_id="c", event_id="e", event_type="virtualStageEvent", name="e", is_cancelled=False
            )
        )
    for n in range(YEAR):
        day, through = START + timedelta(days=n), RUN.through
        facts = [("c", day, "e", f"{(n * 7 + p) % (3 * people):064x}", "virtualStageEvent", 30, p % 3, 30 + p % 3)
                 for p in range(people)]  # fmt: skip
        minutes = [("c", day, "e", _minute(day, m), people - m) for m in range(60)]
        with warehouse.write("c") as connection:
            for table, rows in ((event_participants, facts), (event_concurrency, minutes)):
                update = SliceUpdate(table, day, rows, frozenset("e"), through, through, through)
                replace_slices(connection, "c", [update], at=NOW, late_window=RUN.late_window, run_id=None)


def _minute(day: date, minute: int) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9, minutes=minute)


def _select(warehouse: Warehouse, first: date) -> float:
    began = time.perf_counter()
    with warehouse.read() as connection:
        connection.execute(LIFETIME_USAGE.select("c", first, NOW.date(), START)).all()
    return time.perf_counter() - began
