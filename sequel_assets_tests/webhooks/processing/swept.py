"""Events that took place, and what the sweep found of them."""

from datetime import UTC, datetime, timedelta

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import KnownCompany, save_companies
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import subscriptions

NOW = datetime(2026, 3, 3, 16, tzinfo=UTC)


@pytest.fixture
def warehouse_with_events(warehouse: Warehouse) -> Warehouse:
    """A root with a kid, subscribed to since a month."""
    found = [
        KnownCompany("root", "root.1", "Root", None, 0, None),
        KnownCompany("kid", "kid.1", "Kid", "root", 1, None),
    ]
    with warehouse.write() as connection:
        save_companies(connection, found, at=NOW - timedelta(days=30))
        row = {
            "company_id": "root",
            "capability_hash": "c" * 64,
            "event_type": WebhookType.ENDED,
            "subscription_id": "s1",
        }
        connection.execute(subscriptions.insert().values(**row, created_at=NOW - timedelta(days=30)))
    return warehouse
