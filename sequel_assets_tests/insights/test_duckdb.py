"""Every insight's SELECT, and those of any range, turned into DuckDB's SQL by sqlglot, run over exported Parquet: the very rows that are stored."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects.postgresql import psycopg

from sequel_assets import settings as settings_module
from sequel_assets.cli.commands.export import export
from sequel_assets.cli.commands.export_options import ExportOptions
from sequel_assets.insights import INSIGHTS, ranges
from sequel_assets.insights.comparing import Side, select_comparison
from sequel_assets.insights.coverage import select_coverage, select_members
from sequel_assets.insights.periods import DAY, Days
from sequel_assets.queries.arrow import batches, schema_of
from sequel_assets.queries.tables import TABLES
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import known_companies
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants, refreshes
from sequel_assets.warehouse.tables.unlisted import unlisted_usage
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.suite.scale import scaled

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPEC = WorldSpec(seed=7, companies=3, days=5, people=8, now=NOW)
KINDS = (("all", "all"), ("virtualStageEvent", "live"), ("all", "onDemand"))
"""Event types and engagement types that are asked for."""
QUESTIONS: dict[str, Callable[[ranges.Scope], Any]] = {
    "usage": ranges.select_usage,
    "people": ranges.select_people,
    "top": lambda scope: ranges.select_people(scope, 3, with_people=True),
    "peak": ranges.select_peak,
    "comparison": lambda scope: select_comparison("day", "previous", *_two_days(scope)),
    "members": select_members,
    "coverage": lambda scope: select_coverage(scope, {event_participants.name, event_concurrency.name}),
}


def _two_days(scope: ranges.Scope) -> tuple[Side, Side]:
    """The first two days of a scope, the later one first."""
    first = scope.days.first
    sides = [(Days(day, day), replace(scope, days=Days(day, day))) for day in (first + DAY, first)]
    return Side(*sides[0], is_known=True, is_complete=True), Side(*sides[1], is_known=True, is_complete=True)


class _Day(sa.Date):
    """A day within a text of SQL says that it is one."""

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        return lambda value: f"DATE '{value.isoformat()}'"


class _Timestamp(sa.DateTime):
    """So does a moment."""

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        return lambda value: f"TIMESTAMPTZ '{value.isoformat()}'"


def as_duckdb(select: Any) -> str:
    """A SELECT as DuckDB spells it, its values written out."""
    dialect = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    dialect.colspecs = {**dialect.colspecs, sa.Date: _Day, sa.DateTime: _Timestamp}
    text = str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return _transpiled(text)


@functools.cache
def _transpiled(text: str) -> str:
    """Both warehouses ask the same of DuckDB, so what the first has turned is there for the second."""
    (found,) = sqlglot.transpile(text, read="postgres", write="duckdb")
    return found


def settings_of(warehouse: Warehouse, start: date) -> settings_module.Settings:
    """Settings for a warehouse, by the test's clock."""
    url = warehouse.url.render_as_string(hide_password=False)
    return settings_module.load(warehouse_url=url, start_date=start, now=NOW)


@contextmanager
def opened(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in which each exported dataset is a view of its files; one without files is an empty table."""
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        for name, table in {**TABLES, unlisted_usage.name: unlisted_usage}.items():  # the last one is never exported
            if any((folder / name).rglob("*.parquet")):
                files = f"read_parquet('{folder / name}/**/*.parquet', hive_partitioning = false)"
                duck.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {files}')
            else:
                duck.from_arrow(schema_of(table.columns).empty_table()).create(name)
        yield duck


def rows_in_duckdb(duck: duckdb.DuckDBPyConnection, columns: Any, selects: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What the SELECTs fill a table of these columns with, in an order of our own."""
    duck.from_arrow(schema_of(columns).empty_table()).create("made")
    for select in selects:
        duck.execute(f"INSERT INTO made {as_duckdb(select)}")
    found = duck.execute("SELECT * FROM made").fetchall()
    duck.execute("DROP TABLE made")
    return sorted(found, key=repr)


def rows_in_warehouse(connection: sa.Connection, select: Any) -> list[tuple[Any, ...]]:
    """What the SELECT says in the warehouse, with the types of an export."""
    made = batches(schema_of(select.selected_columns), [tuple(row) for row in connection.execute(select)])
    return sorted((tuple(record.values()) for batch in made for record in batch.to_pylist()), key=repr)


@pytest.mark.alternating
def test_every_insight_and_every_question_of_a_range_comes_out_the_same_in_duckdb(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """To the digit: the insights for every company and every stored day. Each SELECT has something to show in this world."""
    days = days_between(SPEC.first_day, SPEC.last_day)
    with platform(build_world(SPEC), warehouse, start=SPEC.first_day) as it:
        assert failures(it.refresh(days)) == []
    order = ExportOptions([], days[0], days[-1], "parquet", tmp_path / "out", with_people=True)
    assert export(settings_of(warehouse, SPEC.first_day), order, []) == 0
    compared: Counter[str] = Counter()
    with opened(tmp_path / "out") as duck, warehouse.read() as connection:
        companies = [company.company_id for company in known_companies(connection)]
        for insight in INSIGHTS:
            table, r = insight.table, refreshes.c
            selects = [insight.select(company_id, days[0], days[-1], SPEC.first_day) for company_id in companies]
            kept = sa.select(r.company_id, r.day).where(r.dataset == insight.name)
            slices = {tuple(row) for row in connection.execute(kept)}
            place = table.columns.keys().index("day")
            made = [row for row in rows_in_duckdb(duck, table.columns, selects) if (row[0], row[place]) in slices]
            assert made == rows_in_warehouse(connection, sa.select(table)), insight.name
            assert made == sorted(duck.execute(f"SELECT * FROM {insight.name}").fetchall(), key=repr), insight.name
            compared[insight.name] = len(made)
        scopes = list(itertools.product(companies, (False, True), KINDS))[:: scaled(11, 1)]
        for name, select in QUESTIONS.items():
            for company_id, is_tree, kinds in scopes:
                asked = select(ranges.Scope(company_id, Days(days[1], days[-2]), is_tree, *kinds))
                made = rows_in_duckdb(duck, asked.selected_columns, [asked])
                assert made == rows_in_warehouse(connection, asked), (name, is_tree, kinds)
                compared[name] += len(made)
    assert {name for name in (*QUESTIONS, *(insight.name for insight in INSIGHTS)) if not compared[name]} == set()
