"""Insights: each SELECT for a company's year and day, 1 M facts of 50 companies, before and after PostgreSQL's ANALYZE.

INSIGHTS_COMPANIES makes it smaller: INSIGHTS_COMPANIES=10.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bench.support.filled import FIRST, LAST, analyze, fill
from sequel_assets.insights import INSIGHTS
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = (
    "insight",
    "rows of the year",
    "SQLite, s",
    "a day, s",
    "PostgreSQL before ANALYZE, s",
    "a day, s",
    "after it, s",
    "a day, s",
)


def run() -> Iterator[tuple[str | int | float, ...]]:
    """Yield a row per insight."""
    with tempfile.TemporaryDirectory() as folder:
        columns = [*_measure(f"sqlite:///{Path(folder) / 'insights.db'}", (False,))]
    server = PostgresServer.start()
    try:
        server.run("CREATE DATABASE insights")
        columns += _measure(server.url("insights"), (False, True))
    finally:
        server.stop()
    for at, insight in enumerate(INSIGHTS):
        yield insight.name, columns[0][at][0], *(seconds for column in columns for seconds in column[at][1:])


def _measure(url: str, analyzed: tuple[bool, ...]) -> Iterator[list[tuple[int, float, float]]]:
    warehouse, chance = Warehouse(url), random.Random(5)
    schema.migrate(warehouse)
    for n in range(int(os.environ.get("INSIGHTS_COMPANIES", "50"))):
        fill(warehouse, f"c{n}", chance)
    for is_analyzed in analyzed:
        if is_analyzed:
            analyze(warehouse)
        yield [(*_time(warehouse, insight, FIRST), _time(warehouse, insight, LAST)[1]) for insight in INSIGHTS]
    warehouse.dispose()


def _time(warehouse: Warehouse, insight: Insight, first: date) -> tuple[int, float]:
    began = time.perf_counter()
    with warehouse.read() as connection:
        rows = len(connection.execute(insight.select("c0", first, LAST, FIRST)).all())
    return rows, time.perf_counter() - began
