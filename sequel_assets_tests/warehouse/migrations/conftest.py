"""The rows that upgrades carry: made once, by a refresh of a small world with the newest release."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets_tests.support.suite.made_once import copy_of
from sequel_assets_tests.warehouse.migrations.older_releases import Rows, refreshed_rows


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Every row of every table after a refresh."""

    def make(folder: Path) -> None:
        warehouse = Warehouse(f"sqlite:///{folder / 'refreshed.db'}")
        migrate(warehouse)
        (folder / "rows").write_bytes(pickle.dumps(refreshed_rows(warehouse)))
        warehouse.dispose()

    return pickle.loads((copy_of(tmp_path_factory, "refreshed", make) / "rows").read_bytes())


@pytest.fixture
def tableless(warehouse_url: str) -> Iterator[Warehouse]:
    """A database without any tables."""
    warehouse = Warehouse(warehouse_url)
    yield warehouse
    warehouse.dispose()
