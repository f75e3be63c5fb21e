"""A client whose answers are scripted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.usage.event_client import EventClient
from sequel_assets.warehouse.stores.catalog import KnownEvent

START = datetime(2026, 3, 2, 23, 58, 30, tzinfo=UTC)


def known(starts_at: datetime | None = START) -> KnownEvent:
    """Return an event."""
    return KnownEvent(
        "e", "virtualStageEvent", "E", starts_at, None, None, False, None, None, None, None, None
    )  # fmt: skip


def ask(client: Any, event: KnownEvent | None = None) -> EventClient:
    """Return who asks."""
    return EventClient(client, event or known(), KeptLists())
