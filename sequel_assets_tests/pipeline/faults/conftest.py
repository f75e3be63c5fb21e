"""A busy world on a platform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.faults.busy import busy_world
from sequel_assets_tests.support.harness import (
    PlatformUnderTest,
    platform,
)


@pytest.fixture
def it(warehouse: Warehouse) -> Iterator[PlatformUnderTest]:
    """A platform whose tree is known and whose client is quick to give up."""
    with platform(busy_world(), warehouse, quick=True) as made:
        made.walk()
        yield made
