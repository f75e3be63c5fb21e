"""The paths of Sequel's endpoints: the defaults of `SequelConfig.paths`. No environment variable sets them.

The letter behind each path is its confidence: D documented, O observed in production, N only named (path and shape are
our proposal).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from urllib.parse import quote


@dataclass(frozen=True)
class Paths:
    """Path templates; `{company_id}`, `{event_id}`, `{hub_id}` and `{subscription_id}` are filled in, escaped."""

    token: str = "/api/oauth/token"  # noqa: S105 -- a path, D
    company: str = "/api/v1/company/{company_id}"  # D
    sub_companies: str = "/api/v1/company/{company_id}/list"  # D
    events: str = "/api/v1/company/{company_id}/events"  # D, O
    event: str = "/api/v1/event/{event_id}"  # D
    registrants: str = "/api/v1/event/{event_id}/registrants"  # D, O
    available_replays: str = "/api/v1/event/{event_id}/availableReplays"  # D
    hub: str = "/api/v1/networking/{hub_id}"  # D
    hub_participants: str = "/api/v1/networking/{hub_id}/participantsList"  # D
    webhooks: str = "/api/integrations/webhooks"  # D
    webhook: str = "/api/integrations/webhooks/{subscription_id}"  # D
    renew_webhook: str = "/api/integrations/webhooks/renew/{subscription_id}"  # D
    # the paths below belong to the analytics host
    participants: str = "/api/analytics/user-engagement/events/{event_id}/top-participants"  # D
    concurrency: str = "/api/analytics/getVideoWatchOverTime/{event_id}"  # D
    user_activity: str = "/api/analytics/events/{event_id}/user-activity"  # O
    lifetime_usage: str = "/api/analytics/user-engagement/companies/{company_id}/lifetime-usage"  # N
    usage: str = "/api/analytics/user-engagement/companies/{company_id}/usage"  # N
    usage_by_day: str = "/api/analytics/user-engagement/companies/{company_id}/usage-by-day"  # N
    event_interactions: str = "/api/analytics/events/{event_id}/polls"  # N

    def __post_init__(self) -> None:
        """Refuse a path that is not one, by name, before any request is made with it."""
        for field in fields(self):
            path = getattr(self, field.name)
            if not path.startswith("/") or any(mark in path for mark in "?# "):
                raise ValueError(f"paths.{field.name} must begin with / and hold no blank, ? or #")


def escaped(an_id: str) -> str:
    """An id as one segment of a path, whatever characters it is made of.

    Everything but letters, digits and `_-~.` is percent-encoded, the slash and the percent sign included. The segments
    `.` and `..` mean "here" and "up" to every URL library, so their dots are encoded as well.
    """
    if not an_id:
        raise ValueError("an id must not be empty")
    segment = quote(an_id, safe="", errors="replace")
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def filled(template: str, **ids: str) -> str:
    """A template with its ids. An id without a placeholder is refused: the request would be for something else."""
    path = template
    for name, an_id in ids.items():
        place = "{" + name + "}"
        if place not in path:
            raise ValueError(f"the path {template} has no place for {place}")
        path = path.replace(place, escaped(an_id))
    return path
