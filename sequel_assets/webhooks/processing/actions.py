"""What is known of notifications, and what can be done about them: plain values. No reading, no clock.

Decisions, processor, sensors and command line share them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.stores.notifications import Waiting
from sequel_assets.warehouse.tables.webhook_types import WebhookType

REASONS: Mapping[str, tuple[str, ...]] = {
    "ended": (WebhookType.ENDED,),
    "started": (WebhookType.STARTED,),
    "changed": (WebhookType.CREATED, WebhookType.UPDATED, WebhookType.DELETED),
    "registered": (WebhookType.REGISTERED,),
}
"""The reasons to act, each with the types of webhook that are one."""
REASON_OF = {event_type: reason for reason, event_types in REASONS.items() for event_type in event_types}


class NotificationAction(StrEnum):
    """What is to be done about notifications."""

    CLOSE = "close"
    WAIT = "wait"
    WALK = "walk"
    """Their company is not known: the company hierarchy is to be walked."""
    LIST = "list"
    """Their company's events are to be listed."""
    FIND = "find"
    """Their event is to be looked up, then the events of the company that owns it are to be listed."""
    EVENT = "event"
    """Their event's days are to be refreshed."""
    DAY = "day"
    """Their company's day is to be refreshed, so that it covers the end."""


FETCHING = frozenset(
    {NotificationAction.LIST, NotificationAction.FIND, NotificationAction.EVENT, NotificationAction.DAY}
)


@dataclass(frozen=True)
class NotificationStep:
    """What is to be done about one group of notifications, and why."""

    notification: Waiting
    do: NotificationAction
    reason: str
    company_id: str
    """The event's company here; Sequel may have sent it by another one's subscription."""
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class CompanyState:
    """What is known of one company."""

    slices: Mapping[date, Watermark]
    listed_at: datetime | None = None
    """When its events were last listed."""
    is_gone: bool = False
    is_parent: bool = False
    """It has sub-companies, and Sequel may have named it for an event of one of them."""
    first_day: date = date.min
    """Days before it are not kept: Sequel has forgotten them, or they lie before the start of history."""


@dataclass(frozen=True)
class NamedEvent:
    """What is known of an event that a notification names."""

    company_id: str
    starts_at: datetime | None
    is_excluded: bool = False


@dataclass(frozen=True)
class State:
    """All that the decisions are made from."""

    now: datetime
    settle: timedelta
    companies: Mapping[str, CompanyState]
    events: Mapping[str, NamedEvent]
    """The events that notifications name, by id; the events of the companies that they name are enough."""
    under_way: frozenset[str] = frozenset()
    """Runs about notifications that have not ended."""
    hourly_under_way: bool = False
    reach: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """capability -> the companies that its subscription may report on."""
