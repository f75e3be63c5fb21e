"""The six types of webhook, as Sequel spells them in subscriptions, deliveries and the column `event_type`."""

from enum import StrEnum


class WebhookType(StrEnum):
    """What a webhook says has happened."""

    STARTED = "virtual-stage-event-started"
    ENDED = "virtual-stage-event-ended"
    REGISTERED = "new-attendee-pre-registration"
    CREATED = "virtual-stage-created"
    UPDATED = "virtual-stage-updated"
    DELETED = "virtual-stage-deleted"
