"""Every insight's SELECT and every question of a range, turned into DuckDB's SQL by sqlglot, run over a lake: the warehouse's very answers."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets import settings as settings_module
from sequel_assets.cli.lake.export import LakeOptions, export_lake
from sequel_assets.insights import INSIGHTS, ranges
from sequel_assets.insights.periods import DAY, Days
from sequel_assets.queries import range_answers
from sequel_assets.queries.engines.duckdb_lake import opened_lake
from sequel_assets.queries.engines.lake_reader import LakeReader
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.range_answers import QueryAnswer
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.reader import Reader
from sequel_assets.warehouse.stores.catalog import KnownCompany, known_companies
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.suite.scale import scaled

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPEC = WorldSpec(seed=7, companies=3, days=5, people=8, now=NOW)
KINDS = (("all", "all"), ("virtualStageEvent", "live"), ("all", "onDemand"))
"""Event types and engagement types that are asked for."""
WEEKS = range_answers.days_compared("week", NOW.date() - DAY)
"""What a comparison of the week up to yesterday reads, which ends every range that is asked about."""
Ask = Callable[[Reader, KnownCompany, ranges.Scope], QueryAnswer]
QUESTIONS: dict[str, Ask] = {
    "usage": range_answers.usage,
    "participants": lambda *asked: range_answers.participants(*asked, None, with_people=False),
    "top": lambda *asked: range_answers.participants(*asked, 3, with_people=True),
    "peak": range_answers.peak,
    "rollup": range_answers.rollup,
    "compare": lambda *asked: range_answers.compare(*asked, "week", SPEC.first_day),
}


def settings_of(warehouse: Warehouse, start: date) -> settings_module.Settings:
    """Settings for a warehouse, by the test's clock."""
    url = warehouse.url.render_as_string(hide_password=False)
    return settings_module.load(warehouse_url=url, start_date=start, now=NOW)


def compared(
    warehouse: Warehouse, spec: WorldSpec, folder: Path, opened: Callable[..., Any] = opened_lake
) -> Counter[str]:
    """How many rows of each insight and question came out the same in the warehouse and in an engine over its lake."""
    days = days_between(spec.first_day, spec.last_day)
    with platform(build_world(spec), warehouse, start=spec.first_day) as it:
        assert failures(it.refresh(days)) == []
    settings = settings_of(warehouse, spec.first_day)
    assert export_lake(settings, LakeOptions(str(folder), with_people=True)) == 0
    found: Counter[str] = Counter()
    with opened(str(folder)) as lake, warehouse.read() as connection:
        companies = known_companies(connection)
        assert known_companies(lake) == companies
        for insight in INSIGHTS:
            found[insight.name] = insight_rows(connection, lake, insight, [one.company_id for one in companies], spec)
        scopes = list(itertools.product(companies, (False, True), KINDS))[:: scaled(7, 4)]
        for company, is_tree, kinds in scopes:
            scope = ranges.Scope(company.company_id, Days(days[1], days[-2]), is_tree, *kinds)
            for days_read, names in ((scope.days, QUESTIONS.keys() - {"compare"}), (WEEKS, {"compare"})):
                with opened(str(folder), days_read) as narrow:
                    narrow.of(scope)
                    for name in sorted(names):
                        found[name] += rows_of_both(QUESTIONS[name], connection, narrow, company, scope)
    return found


def rows_of_both(
    ask: Ask, connection: sa.Connection, lake: LakeReader, company: KnownCompany, scope: ranges.Scope
) -> int:
    """How many rows an answer has, which is the same from both, with what is said of how complete it is."""
    try:
        expected = ask(connection, company, scope)
    except QueryError as error:
        with pytest.raises(QueryError, match=re.escape(str(error))):
            ask(lake, company, scope)
        return 0
    told = ask(lake, company, scope)
    assert (told.rows, told.about(), told.earlier) == (expected.rows, expected.about(), expected.earlier), scope
    return len(told.rows)


def insight_rows(
    connection: sa.Connection, lake: LakeReader, insight: Insight, companies: list[str], spec: WorldSpec
) -> int:
    """How many rows an insight has: made in DuckDB from the lake's facts, stored in the warehouse, and stored in the lake."""
    table, r = insight.table, refreshes.c
    kept = sa.select(r.company_id, r.day).where(r.dataset == insight.name)
    slices = {tuple(row) for row in connection.execute(kept)}
    place = table.columns.keys().index("day")
    selects = [insight.select(company_id, spec.first_day, spec.last_day, spec.first_day) for company_id in companies]
    made = [tuple(row) for select in selects for row in lake.execute(select, columns=table.columns)]
    stored = sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
    assert sorted((row for row in made if (row[0], row[place]) in slices), key=repr) == stored, insight.name
    assert sorted((tuple(row) for row in lake.execute(sa.select(table))), key=repr) == stored, insight.name
    return len(stored)


def world(number: int) -> WorldSpec:
    """The world that has something to show for every question, then worlds of other sizes, people, events and minutes."""
    if number == 0:
        return SPEC
    chance = random.Random(number)
    companies, days, people = chance.randint(1, 4), chance.randint(4, 9), chance.randint(1, 12)
    return WorldSpec(seed=100 + number, companies=companies, days=days, people=people, now=NOW)


@pytest.mark.campaign
@pytest.mark.alternating
@pytest.mark.parametrize("number", range(scaled(2, 50)))
def test_every_insight_and_every_question_of_a_range_comes_out_the_same_in_duckdb_over_the_lake(
    warehouse: Warehouse, tmp_path: Path, number: int
) -> None:
    """To the digit: the insights for every company and every stored day, and what is said of how complete an answer is."""
    found = compared(warehouse, world(number), tmp_path / "lake")
    if number == 0:
        assert {name for name in (*QUESTIONS, *(insight.name for insight in INSIGHTS)) if not found[name]} == set()
