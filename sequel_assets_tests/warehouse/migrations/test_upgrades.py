"""Upgrades from each schema that ever landed, with rows in every table: nothing is lost, and the newest release goes on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import CATALOG, SLICED
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import restatements
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.rows import everything, table_of, wrong_checksums
from sequel_assets_tests.warehouse.migrations.older_releases import (
    SPEC,
    WORLD_DAYS,
    OlderSchema,
    Rows,
    older_revisions,
    small_history,
    with_a_row_in_each,
)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("revision", older_revisions())
def test_every_row_of_an_older_schema_is_there_after_the_upgrade(
    revision: str, tableless: Warehouse, refreshed: Rows
) -> None:
    """To the last value, in all its tables; only what a migration has derived again is empty, with its bookkeeping."""
    rows = with_a_row_in_each(refreshed)
    older = OlderSchema.of(tableless, revision)
    older.fill(tableless, rows)
    assert {name for name in older.columns if not rows[name]} == set()
    schema.migrate(tableless)
    schema.ensure_current(tableless)
    found, expected = everything(tableless), older.after_the_upgrade(rows)
    assert {name: len(of_table) for name, of_table in found.items()} == {name: len(expected[name]) for name in expected}
    assert found == expected


@pytest.mark.sampled(5)
@pytest.mark.parametrize("revision", older_revisions())
def test_the_newest_release_refreshes_and_queries_an_upgraded_warehouse(
    revision: str, tableless: Warehouse, refreshed: Rows
) -> None:
    """An hour later its tables are the truth; no number counts as restated, and every dataset's example finds something."""
    OlderSchema.of(tableless, revision).fill(tableless, refreshed)
    schema.migrate(tableless)
    with platform(small_history(), tableless, start=SPEC.first_day) as it:
        it.sandbox.clock.advance(hours=1)
        assert failures(it.refresh(WORLD_DAYS)) == []
        it.assert_true(WORLD_DAYS)
        assert it.problems() == []
    assert table_of(tableless, restatements) == []
    assert wrong_checksums(tableless) == []
    with tableless.read() as connection:
        found = {one.name: len(connection.execute(sa.text(one.example)).all()) for one in (*CATALOG, *SLICED)}
    assert [name for name, rows in found.items() if not rows] == []
