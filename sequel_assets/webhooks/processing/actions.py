"""What can be done about a notification: plain types that decisions, processor, sensors and command line share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

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
