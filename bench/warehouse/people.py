"""People: a year of 100 M facts, its people counted over any range from their sets alone (goals: all companies < 1 s, one < 0.05 s).

The facts are not stored, only the sets that stand for them. PEOPLE_A_DAY (people of an event's day) makes it smaller.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy
from pyroaring import BitMap

from bench.support.filled import FIRST, LAST, STAGE, YEAR, analyze, fill
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.usage_counts import usage_query
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.people_sets import event_day_people
from sequel_assets_tests.support.postgres import PostgresServer

COMPANIES, EVENT_DAYS, PEOPLE, TIMES = 50, 209, 1_200_000, 15
HEADINGS = ("database", "what", "facts that the sets stand for", "p50, s", "p95, s")
Line = tuple[str, str, int, float, float]


def run() -> Iterator[Line]:
    """Yield a row per engine and kind of range."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure("SQLite", f"sqlite:///{Path(folder) / 'people.db'}")
    server = PostgresServer.start()
    try:
        server.run("CREATE DATABASE people")
        yield from _measure("PostgreSQL", server.url("people"))
    finally:
        server.stop()


def _measure(name: str, url: str) -> Iterator[Line]:
    warehouse, chance = Warehouse(url), random.Random(5)
    schema.migrate(warehouse)
    facts = sum(_fill(warehouse, f"c{n}", chance) for n in range(COMPANIES))
    analyze(warehouse)
    year = Days(FIRST, LAST)
    of: dict[str, Callable[[], Scope]] = {
        "a company, 365 days": lambda: Scope(f"c{chance.randrange(COMPANIES)}", year),
        "a company, any range": lambda: Scope(f"c{chance.randrange(COMPANIES)}", _days(chance)),
        "all companies, 365 days": lambda: Scope("c0", year, includes_sub_companies=True),
        "all companies, any range": lambda: Scope("c0", _days(chance), includes_sub_companies=True),
    }
    for what, scope in of.items():
        times = sorted(_time(warehouse, scope()) for _ in range(TIMES))
        yield name, what, facts, times[len(times) // 2], times[int(len(times) * 0.95)]
    warehouse.dispose()


def _fill(warehouse: Warehouse, company_id: str, chance: random.Random) -> int:
    """Land a company with few facts, then put large sets in place of theirs; return the people of all sets."""
    fill(warehouse, company_id, chance, people=1)
    many = int(os.environ.get("PEOPLE_A_DAY", "9600"))
    numbers = numpy.random.default_rng(chance.randrange(1 << 32))
    nobody, facts, rows = BitMap().serialize(), 0, []
    for n in range(EVENT_DAYS):
        who = BitMap(numbers.integers(1, PEOPLE, many).tolist())
        facts += len(who)
        on, packed = _day(n), who.serialize()
        rows.append((company_id, on, f"e{n // 2}", STAGE, 30 * len(who), 0, 30 * len(who), packed, nobody, packed))
    with warehouse.write(company_id) as connection:
        connection.execute(event_day_people.delete().where(event_day_people.c.company_id == company_id))
        bulk.insert(connection, event_day_people, rows)
    return facts


def _day(n: int) -> date:
    return FIRST + timedelta(days=n * YEAR // EVENT_DAYS)


def _days(chance: random.Random) -> Days:
    ends = sorted(FIRST + timedelta(days=chance.randrange(YEAR)) for _ in range(2))
    return Days(*ends)


def _time(warehouse: Warehouse, scope: Scope) -> float:
    began = time.perf_counter()
    with warehouse.read() as connection:
        connection.execute(usage_query(connection, scope)).all()
    return time.perf_counter() - began
