"""What the receiver of the tests knows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.webhooks.receiver.harness import (
    CREATED,
    NOW,
    OTHER_CAPABILITY,
    OTHER_KEY,
    settle_companies,
    subscribe,
)


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """A warehouse with companies and two subscriptions."""
    settle_companies(warehouse)
    subscribe(warehouse, subscription_id="sub-ended-1")
    subscribe(warehouse, OTHER_CAPABILITY, OTHER_KEY, CREATED)
    return warehouse


OUTSIDE = (NOW - timedelta(days=3, seconds=1)).isoformat()
