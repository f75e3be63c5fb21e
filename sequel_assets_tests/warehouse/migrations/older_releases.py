"""Warehouses as older releases left them: each schema that ever landed, with rows in every table that it had.

The rows are those of a refreshed world, and one made by hand where the world has none, in the columns that the older
schema had and as the older release wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import World, WorldSpec, build_world
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata, refreshes
from sequel_assets.warehouse.tables.event_details import poll_answers
from sequel_assets.warehouse.tables.types import UtcDateTime
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.rows import AT, DAY, STAGE, table_of, without_numbers

SPEC = WorldSpec(seed=7, companies=3, days=4, people=6, hub_every=2, now=datetime(2026, 11, 23, 15, 7, tzinfo=UTC))
WORLD_DAYS = days_between(SPEC.first_day, SPEC.last_day)
Rows = dict[str, list[Row]]
DERIVED_AGAIN = {"lifetime_usage": "0003", "person_engagement": "0010"}
"""The insights that a migration empties: the next refresh derives them by the newer rule."""
MADE_OF_FACTS = {"event_day_people", "person_numbers"}
"""The tables that a migration fills from the facts."""


def older_revisions() -> list[str]:
    """Return every revision but the newest, the oldest first."""
    walk = ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions()
    return sorted(script.revision for script in walk)[:-1]


def at_revision(warehouse: Warehouse, revision: str) -> None:
    """Bring an empty database to an older schema."""
    with warehouse.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def small_history() -> World:
    """A world of four days with everything in it, anew at each call."""
    return build_world(SPEC)


def refreshed_rows(warehouse: Warehouse) -> Rows:
    """Refresh the world into an empty warehouse and return every row of every table."""
    with platform(small_history(), warehouse, start=SPEC.first_day) as it:
        assert failures(it.refresh(WORLD_DAYS)) == []
    return {table.name: table_of(warehouse, table) for table in metadata.sorted_tables}


def with_a_row_in_each(rows: Rows) -> Rows:
    """Return the rows, and a row made by hand of each table that has none."""
    company_id, event_id = rows["events"][0][:2]
    known = {"company_id": company_id, "event_id": event_id, "event_type": STAGE, "kind": "problem"}
    return {
        name: found or [tuple(known.get(column.name, _value(column)) for column in metadata.tables[name].columns)]
        for name, found in rows.items()
    }


def _value(column: sa.Column[Any]) -> object:
    if isinstance(column.type, UtcDateTime):
        return AT
    return {str: column.name, bool: False, int: 3, float: 1.5, date: DAY}[column.type.python_type]


@dataclass(frozen=True)
class OlderSchema:
    """The tables of an older schema and the columns that each had, in the models' order."""

    revision: str
    columns: Mapping[str, list[str]]

    @classmethod
    def of(cls, warehouse: Warehouse, revision: str) -> OlderSchema:
        """Make the schema in an empty database and read what it has."""
        at_revision(warehouse, revision)
        with warehouse.read() as connection:
            found = sa.inspect(connection)
            had = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
        had.pop(schema.VERSION_TABLE)
        assert {name for name in had if had[name] - {*metadata.tables[name].columns.keys()}} == set()
        return cls(revision, {n: [c for c in [*metadata.tables[n].columns.keys()] if c in had[n]] for n in had})

    def has(self, table: str) -> bool:
        """Say whether the schema had a table, and rows of it that the newest release takes over."""
        return table in self.columns and self.revision >= DERIVED_AGAIN.get(table, "")

    def statements(self, rows: Rows) -> Iterator[tuple[str, sa.Insert, list[dict[str, object]]]]:
        """Yield, by table, the INSERT of the older release, which knows its columns and no others, with its rows."""
        for table in metadata.sorted_tables:
            if rows[table.name] and (names := self.columns.get(table.name)):
                older = sa.table(table.name, *(sa.column(name, table.columns[name].type) for name in names))
                yield table.name, older.insert(), [self._row(table, row) for row in self.known(rows[table.name], table)]

    def fill(self, warehouse: Warehouse, rows: Rows) -> None:
        """Insert rows as the older release wrote them."""
        with warehouse.write() as connection:
            for _, insert, values in self.statements(rows):
                connection.execute(insert, values)

    def known(self, rows: list[Row], table: sa.Table) -> list[Row]:
        """Leave out the bookkeeping of datasets that the schema had no table for."""
        return [row for row in rows if table is not refreshes or row[1] not in {*metadata.tables} - {*self.columns}]

    def _row(self, table: sa.Table, row: Row) -> dict[str, object]:
        values = dict(zip(table.columns.keys(), row, strict=True))
        if table is poll_answers and "answer_text" not in self.columns[table.name] and not values["is_listed_option"]:
            values["option_id"] = values["answer_text"]
        return {name: values[name] for name in self.columns[table.name]}

    def after_the_upgrade(self, rows: Rows) -> Rows:
        """Return what every table must have once the newest migration has run, with people in place of their numbers."""
        kept = {name: rows[name] if name in MADE_OF_FACTS or self.has(name) else [] for name in rows}
        return without_numbers(kept) | {
            "refreshes": [row for row in kept["refreshes"] if row[1] not in metadata.tables or self.has(row[1])]
        }
