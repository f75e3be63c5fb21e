"""The queries of docs/bi.md run as they stand, on both databases, and answer something true."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from sequel_assets.cli.commands.dbt_sources import ALLOWED, sources_yml
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata, restatements
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.rows import table_of

PAGE = PROJECT.joinpath("docs", "bi.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 12, 2, 15, 7, tzinfo=UTC)
SPEC = WorldSpec(seed=7, companies=2, days=3, people=4, hub_every=2, now=NOW)
"""Over the end of a month, so that one is over."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, template: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A warehouse with a few days of everything, and a restatement."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('bi') / 'warehouse.db'}"
        pool = None
    else:
        pool = request.getfixturevalue("database_pool")
        name = pool.take()
        url = request.getfixturevalue("postgres").url(name)
    warehouse = Warehouse(url)
    if request.param == "sqlite":
        from sequel_assets.warehouse.schema import migrate

        migrate(warehouse)
    world = build_world(SPEC)
    with platform(world, warehouse, start=SPEC.first_day) as it:
        assert failures(it.refresh(days_between(SPEC.first_day, SPEC.last_day))) == []
    with warehouse.write() as connection:
        told = {"company_id": world.root.id, "dataset": "daily_usage", "day": SPEC.first_day, "key": "all"}
        told |= {"column_name": "engaged_minutes", "seen_at": NOW, "from_value": 3, "to_value": 4}
        connection.execute(restatements.insert().values(**told))
    yield warehouse
    warehouse.dispose()
    if pool is not None:
        pool.give_back(name)


def as_metabase(query: str, company: str | None) -> str:
    """Put in the variable as Metabase does, and leave out the optional part where it is not set."""
    if company is None:
        return re.sub(r"\[\[.*?\]\]", "", query)
    return query.replace("[[", "").replace("]]", "").replace("{{company}}", f"'{company}'")


def as_grafana(query: str, first: str, last: str) -> str:
    """Put in the range of time as Grafana does."""
    return re.sub(r"\$__timeFilter\((\S+?)\)", rf"\1 BETWEEN '{first}' AND '{last}'", query)


def answer(warehouse: Warehouse, query: str) -> Sequence[Mapping[str, Any]]:
    with warehouse.read() as connection:
        return connection.exec_driver_sql(query).mappings().all()


def source_in(schema: str) -> dict[str, Any]:
    """The one source of sources.yml."""
    (source,) = yaml.load(sources_yml(schema), yaml.CSafeLoader)["sources"]
    return dict(source)


def test_every_query_of_the_page_answers(filled: Warehouse) -> None:
    """None is empty in a world with everything in it."""
    shown = [as_grafana(as_metabase(query, None), "2026-11-01", "2026-12-31") for query in QUERIES]
    assert len(shown) == 8
    assert [query for query in shown if not answer(filled, query)] == []


def test_a_company_is_chosen_and_a_range_of_time(filled: Warehouse) -> None:
    keys = {row["partition_key"]: row["name"] for row in answer(filled, "SELECT partition_key, name FROM companies")}
    key, name = next(iter(keys.items()))
    days = answer(filled, as_metabase(QUERIES[0], key))
    assert {row["company"] for row in days} == {name}
    assert len(days) == SPEC.days
    narrow = [query for query in QUERIES if "timeFilter(d.day)" in query]
    assert len(answer(filled, as_grafana(narrow[0], "2026-11-30", "2026-12-01"))) == 2 * len(keys)
    assert answer(filled, as_grafana(narrow[0], "2025-01-01", "2025-02-01")) == []


def test_the_month_that_is_billed_is_the_sum_of_its_days(filled: Warehouse) -> None:
    """Minutes may be summed; November has one of its days within this history, and so is not complete."""
    months = answer(filled, as_metabase(QUERIES[1], None))
    summed = answer(
        filled,
        "SELECT c.name, sum(d.engaged_minutes) AS minutes FROM daily_usage d JOIN companies c USING (company_id) "
        "WHERE d.event_type = 'all' AND d.day < '2026-12-01' GROUP BY c.name",
    )
    assert {row["company"]: row["engaged_minutes"] for row in months} == {row["name"]: row["minutes"] for row in summed}
    assert {bool(row["is_complete"]) for row in months} == {False}


def test_dbts_sources_describe_what_is_there(filled: Warehouse) -> None:
    """Each table and column exists, has a meaning, and nothing personal is tested or named as a table."""
    source = source_in("public")
    described = {table["name"]: table for table in source["tables"]}
    assert described.keys() & {"people", "inbox", "subscriptions", "warehouse_identity"} == set()
    assert len(described) > 25
    for name, table in described.items():
        columns = metadata.tables[name].columns
        assert [column["name"] for column in table["columns"]] == list(columns.keys())
        assert min(len(column["description"]) for column in table["columns"]) > 4
        personal = {column["name"] for column in table["columns"] if column.get("config", {}).get("meta")}
        assert personal == {str(column.name) for column in columns if column.info.get("personal")}
        assert [
            column["name"] for column in table["columns"] if column["name"] in personal and "data_tests" in column
        ] == []


def test_dbts_tests_pass_on_a_filled_warehouse(filled: Warehouse) -> None:
    """Counted as dbt counts: nulls, keys that are there twice, values outside the list; and each sees some rows."""
    source = source_in("main" if filled.is_sqlite else "public")
    found: list[str] = []
    for table in source["tables"]:
        tests = [(test, None) for test in table.get("data_tests", [])]
        tests += [(test, column["name"]) for column in table["columns"] for test in column.get("data_tests", [])]
        found += [
            f"{table['name']}: {test}"
            for test, column in tests
            if answer(filled, _failures(table["name"], test, column))
        ]
        if query := table.get("config", {}).get("loaded_at_query"):
            ((newest,),) = (row.values() for row in answer(filled, query))
            assert newest is not None, query
    assert found == []


def _failures(table: str, test: Any, column: str | None) -> str:
    """The statement of one of dbt's own tests."""
    name, arguments = next(iter(test.items())) if isinstance(test, dict) else (test, {})
    told = arguments.get("arguments", {})
    column = told.get("column_name", column)
    if name == "not_null":
        return f"SELECT 1 FROM {table} WHERE {column} IS NULL"
    if name == "unique":
        return f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"
    assert name == "accepted_values"
    values = ", ".join(f"'{value}'" for value in told["values"])
    return f"SELECT {column} FROM {table} WHERE {column} NOT IN ({values})"


def test_a_value_that_is_stored_is_allowed(filled: Warehouse) -> None:
    """Each closed list names a column that exists, and the world has at least two of most of its values."""
    stored = {
        (table, column): {
            row[metadata.tables[table].columns.keys().index(column)] for row in table_of(filled, metadata.tables[table])
        }
        for table, column in ALLOWED
    }
    assert [place for place, values in stored.items() if not values <= set(ALLOWED[place])] == []
    assert sum(len(values) > 1 for values in stored.values()) > 5


def test_no_query_shows_a_person() -> None:
    """A reader without people can run each of them."""
    assert [query for query in QUERIES if re.search(r"\bpeople\b|email|person_id", query)] == []
