"""Notifications and the state of what they are about, for the tests of the decisions."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.stores.notifications import ACCEPTED, Waiting
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.actions import CompanyState, NamedEvent, State

SETTLE = timedelta(minutes=5)
TODAY = date(2026, 3, 3)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time today."""
    return datetime(2026, 3, 3, hour, minute, second, tzinfo=UTC)


TWO, END = at(14), at(14, 20)


def notification(
    event_type: str = WebhookType.ENDED, event_id: str | None = "e1", happened: datetime = END, **more: object
) -> Waiting:
    """One hint that has just come."""
    fresh = Waiting(
        "acme",
        event_type,
        event_id,
        ACCEPTED,
        None,
        0,
        None,
        None,
        None,
        None,
        happened,
        happened,
        newest_id=1,
        count=1,
    )
    return replace(fresh, **more)  # type: ignore[arg-type]


def state_of(now: datetime, through: datetime = TWO, **more: object) -> State:
    """Acme has today through 14:00, listed at 14:05; its event e1 began at 13:30."""
    company = CompanyState({TODAY: Watermark(through, None, is_final=False)}, at(14, 5), first_day=date(2026, 1, 1))
    told: dict[str, object] = {"companies": {"acme": company}, "events": {"e1": NamedEvent("acme", at(13, 30))}}
    return State(now, SETTLE, **told | more)  # type: ignore[arg-type]
