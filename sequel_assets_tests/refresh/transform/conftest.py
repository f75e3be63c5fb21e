"""What the tests of deriving begin with."""

from __future__ import annotations

import pytest

from sequel_assets.insights import DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.rows import HUB, STAGE, settle_in


@pytest.fixture
def three_insights(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two known events, and three insights for all: one of a day by itself, one as of it, one of another source."""
    monkeypatch.setattr(
        "sequel_assets.refresh.transform.derive.OWN_INSIGHTS", (DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY)
    )
    settle_in(warehouse, {"e1": STAGE, "h1": HUB})
