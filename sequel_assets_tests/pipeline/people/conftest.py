"""A warehouse that an older release filled."""

from __future__ import annotations

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.people.older_warehouse import fill


@pytest.fixture
def old(warehouse: Warehouse) -> Warehouse:
    """The warehouse as the release before left it, and migrated."""
    with warehouse.write() as connection:
        fill(connection)
    return warehouse
