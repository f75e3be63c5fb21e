"""Hints as the receiver stores them, for the tests of what happens after a delivery."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox
from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import inbox as table

_numbers = itertools.count(1)
CAPABILITY = "c" * 64


def notification(
    company_id: str, event_id: str | None, at: datetime, event_type: str = WebhookType.ENDED, **more: Any
) -> Notification:
    """Return a hint that was sent and received at a moment."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "received_at": at,
        "capability_hash": CAPABILITY,
        "subscription_id": "s1",
        "delivery_key": f"invocation-{number}/",
        "invocation_id": f"invocation-{number}",
        "correlation_id": None,
        "sent_at": at,
        "page": None,
        "pages": None,
        "body_sha256": f"{number:064x}",
        "verdict": "accepted",
    }
    return Notification(company_id=company_id, event_type=event_type, event_id=event_id, **values | more)


def deliver(warehouse: Warehouse, *hints: Notification) -> None:
    """Store hints, as the receiver does before it acknowledges them."""
    with warehouse.write() as connection:
        inbox.store(connection, hints)


def rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the inbox, in order."""
    with warehouse.read() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(table.c.id))]


def outcomes(warehouse: Warehouse) -> list[str | None]:
    """Return what became of each hint, in order; None: it waits."""
    return [row["outcome"] if row["handled_at"] else None for row in rows(warehouse)]
