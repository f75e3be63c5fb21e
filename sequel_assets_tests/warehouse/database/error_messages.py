"""What a warehouse says when it fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.tables.core import companies
from sequel_assets_tests.support.rows import table_of


def message_of(use: Callable[[], object]) -> str:
    """Return the one line that an unusable warehouse is told with."""
    with pytest.raises(WarehouseError) as told:
        use()
    text = str(told.value)
    assert text == text.strip()
    assert "\n" not in text
    return text


def read(warehouse: Warehouse) -> object:
    """Ask anything."""
    try:
        return table_of(warehouse, companies)
    finally:
        warehouse.dispose()
