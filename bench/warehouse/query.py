"""Query: any range of a year over 1 M facts of 50 companies (goal: p95 < 1 s).

QUERY_COMPANIES and QUERY_ASKED (queries of each kind) make it smaller: QUERY_COMPANIES=10 QUERY_ASKED=20.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.support.filled import FIRST, YEAR, analyze, fill
from sequel_assets.insights import coverage, ranges
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.usage_counts import usage_query
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.support.postgres import PostgresServer

Asked = Callable[[sa.Connection, Scope], Any]
"""Returns the SELECT of a scope."""
KINDS: dict[str, tuple[bool, Asked]] = {
    "usage of a company": (False, usage_query),
    "the same, counted from the facts": (False, lambda _, scope: ranges.select_usage(scope)),
    "top 10 of a company": (False, lambda _, scope: ranges.select_people(scope, 10)),
    "peak of a company": (False, lambda _, scope: ranges.select_peak(scope)),
    "roll-up over all companies": (True, usage_query),
    "the same, counted from the facts of all": (True, lambda _, scope: ranges.select_usage(scope)),
    "top 10 over all companies": (True, lambda _, scope: ranges.select_people(scope, 10)),
}
"""What is asked: with all sub-companies or not, and its SELECT."""
HEADINGS = ("database", "what", "times", "p50, s", "p95, s")


def run() -> Iterator[tuple[str, str, int, float | str, float | str]]:
    """Yield a row per engine and kind of question."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure("SQLite", f"sqlite:///{Path(folder) / 'query.db'}")
    server = PostgresServer.start()
    try:
        server.run("CREATE DATABASE query")
        yield from _measure("PostgreSQL", server.url("query"))
    finally:
        server.stop()


def _measure(name: str, url: str) -> Iterator[tuple[str, str, int, float | str, float | str]]:
    many, times_each = int(os.environ.get("QUERY_COMPANIES", "50")), int(os.environ.get("QUERY_ASKED", "60"))
    warehouse, chance = Warehouse(url), random.Random(5)
    schema.migrate(warehouse)
    facts = sum(fill(warehouse, f"c{n}", chance) for n in range(many))
    analyze(warehouse)
    yield name, "facts", facts, "", ""
    for what, (with_descendants, select) in KINDS.items():
        scopes = [_scope(chance, many, with_descendants) for _ in range(times_each)]
        times = sorted(ask(warehouse, scope, select) for scope in scopes)
        yield name, what, times_each, times[len(times) // 2], times[int(len(times) * 0.95)]
    warehouse.dispose()


def _scope(chance: random.Random, many: int, with_descendants: bool) -> Scope:
    ends = sorted(FIRST + timedelta(days=chance.randrange(YEAR)) for _ in range(2))
    return Scope("c0" if with_descendants else f"c{chance.randrange(many)}", Days(*ends), with_descendants)


def ask(warehouse: Warehouse, scope: Scope, select: Asked) -> float:
    """Return the seconds of an answer and of its coverage, which the command reads together."""
    began = time.perf_counter()
    with warehouse.read() as connection:
        members = [tuple(row) for row in connection.execute(coverage.select_members(scope))]
        known = connection.execute(coverage.select_coverage(scope, {event_participants.name}))
        assert coverage.judge(scope.days, members, [tuple(row) for row in known]).is_complete
        connection.execute(select(connection, scope)).all()
    return time.perf_counter() - began
