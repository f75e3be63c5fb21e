"""Events that the warehouse knows before slices of them are replaced."""

from __future__ import annotations

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.rows import HUB, STAGE, settle_in


@pytest.fixture
def known_events(warehouse: Warehouse) -> None:
    """Two stage events and a hub."""
    settle_in(warehouse, {"e1": STAGE, "e2": STAGE, "h1": HUB})
