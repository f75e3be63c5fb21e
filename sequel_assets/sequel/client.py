"""Sequel's API as methods. Each names its endpoint, how sure we are of it, and what it returns.

The letters: D documented, O observed in production, N only named, with a shape of ours (I). Times are UTC, minutes whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Self, TypeVar

import httpx

from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.endpoints import directory, engagement, interactions, named_totals, webhooks
from sequel_assets.sequel.endpoints.directory import Company, Event, Hub, HubParticipant, Registrant, Replay
from sequel_assets.sequel.endpoints.engagement import ActivityPage, EngagementType, EventType, Participants
from sequel_assets.sequel.endpoints.interactions import Interactions
from sequel_assets.sequel.endpoints.named_totals import DayUsage, Usage
from sequel_assets.sequel.endpoints.webhooks import CreatedSubscription, Subscription
from sequel_assets.sequel.paths import filled
from sequel_assets.sequel.transport.call import Call, Host
from sequel_assets.sequel.transport.session import Session

T = TypeVar("T")


class SequelClient:
    """A client for one account, shared by all threads; opens nothing until the first call.

    `transport`, `sleep` and the clocks are for tests. Every method raises a `SequelError` (see `exceptions`) after the
    retries that make sense, and `ValueError` for an empty id.
    """

    def __init__(
        self,
        config: SequelConfig,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.config, self._paths = config, config.paths
        self._session = Session(config, transport=transport, sleep=sleep, monotonic=monotonic, wall_clock=wall_clock)
        self.stats = self._session.stats
        """Counters of all threads."""
        self.limiter = self._session.limiter
        """What bounds the requests under way."""
        self._activity_page_from = partial(engagement.activity_page_from, unit_seconds=config.activity_unit_seconds)
        self._end_shift = timedelta(days=0 if config.end_date_is_included else 1)

    def close(self) -> None:
        """Close the connections; calls after this raise `RuntimeError`."""
        self._session.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """The host; nothing secret."""
        return f"SequelClient({self.config.api_url!r})"

    def _get(
        self,
        name: str,
        parse: Callable[[object], T],
        *,
        host: Host = "api",
        params: Mapping[str, str] | None = None,
        **ids: str,
    ) -> T:
        """`GET` the path of this name in `Paths`, filled with ids."""
        path = filled(getattr(self._paths, name), **ids)
        return self._session.request(Call(name, path, host, params=params or {}), parse)

    # ------------------------------------------------------------------ companies, events, hubs

    def company(self, company_id: str) -> Company:
        """`GET /company/{id}` (D): one company; `NotFound` when it is gone."""
        return self._get("company", directory.company_from, company_id=company_id)

    def sub_companies(self, company_id: str) -> list[Company]:
        """`GET /company/{id}/list` (D): the companies directly under it; `Forbidden`, at once, without a licence."""
        return self._get("sub_companies", directory.companies_from, company_id=company_id)

    def events(
        self,
        company_id: str,
        *,
        include_sub_companies: bool = False,
        start_date: date | datetime | None = None,
        end_date: date | datetime | None = None,
    ) -> list[Event]:
        """`GET /company/{id}/events` (D, O): its events as one list.

        `Forbidden`, at once, without access. Sequel may ignore the parameter: check each event's `company_uid`.
        """
        params = {"includeSubCompanies": "true" if include_sub_companies else "false"}  # Sequel's default is true
        params |= _range(start_date, end_date)
        return self._get("events", directory.events_from, params=params, company_id=company_id)

    def event(self, event_id: str) -> Event:
        """`GET /event/{id}` (D): one event; `NotFound` when it has vanished."""
        return self._get("event", directory.event_from, event_id=event_id)

    def hub(self, hub_id: str) -> Hub:
        """`GET /networking/{id}` (D): one Networking Hub with its rooms."""
        return self._get("hub", directory.hub_from, hub_id=hub_id)

    def hub_participants(self, hub_id: str) -> list[HubParticipant]:
        """`GET /networking/{id}/participantsList` (D): the people of a hub."""
        return self._get("hub_participants", directory.hub_participants_from, hub_id=hub_id)

    def registrants(self, event_id: str) -> list[Registrant]:
        """`GET /event/{id}/registrants` (D, O): who registered, as received."""
        return self._get("registrants", directory.registrants_from, event_id=event_id)

    def available_replays(self, event_id: str) -> list[Replay]:
        """`GET /event/{id}/availableReplays` (D): the recordings."""
        return self._get("available_replays", directory.replays_from, event_id=event_id)

    # ------------------------------------------------------------------ engagement

    def participants(
        self, event_id: str, *, start: date | None, end: date | None, engagement_type: EngagementType, limit: int
    ) -> Participants:
        """`GET .../events/{id}/top-participants` (D): two totals over everybody, and at most `limit` people.

        `start` and `end` are UTC days, both included (I; `SequelConfig.end_date_is_included` says otherwise). Names, e-mails and repeated rows come as received. For a hub
        pass the hub's uid.
        """
        params = {"limit": str(limit), "engagementType": engagement_type} | _range(start, end, self._end_shift)
        return self._get(
            "participants", engagement.participants_from, host="analytics", params=params, event_id=event_id
        )

    def concurrency(self, event_id: str) -> list[tuple[int, int]]:
        """`GET /getVideoWatchOverTime/{id}` (D): (minute from the start, peak users in it) for each minute.

        As received, repeats too. `NotFound` for an event without live minutes.
        """
        return self._get("concurrency", engagement.concurrency_from, host="analytics", event_id=event_id)

    def user_activity(self, event_id: str, *, page: int, count: int) -> ActivityPage:
        """`POST /events/{id}/user-activity` (O): one page of activity, pages from 1; two pages may overlap."""
        path = filled(self._paths.user_activity, event_id=event_id)
        call = Call("user_activity", path, "analytics", "POST", {"count": str(count), "page": str(page)})
        return self._session.request(call, self._activity_page_from)

    # ------------------------------------------------------------------ only named; for reconciliation

    def lifetime_usage(
        self, company_id: str, *, event_type: EventType | None = None, engagement_type: EngagementType = "all"
    ) -> Usage:
        """`GET .../companies/{id}/lifetime-usage` (N, shape I): totals of all time; any may be None."""
        params = _kinds(event_type, engagement_type)
        return self._get(
            "lifetime_usage", named_totals.usage_from, host="analytics", params=params, company_id=company_id
        )

    def usage(
        self,
        company_id: str,
        *,
        start: date,
        end: date,
        event_type: EventType | None = None,
        engagement_type: EngagementType = "all",
    ) -> Usage:
        """`GET .../companies/{id}/usage` (N, shape I): totals of a range of days, both ends included."""
        params = _kinds(event_type, engagement_type) | _range(start, end, self._end_shift)
        return self._get("usage", named_totals.usage_from, host="analytics", params=params, company_id=company_id)

    def usage_by_day(
        self,
        company_id: str,
        *,
        start: date,
        end: date,
        event_type: EventType | None = None,
        engagement_type: EngagementType = "all",
    ) -> list[DayUsage]:
        """`GET .../companies/{id}/usage-by-day` (N, shape I): a row per day."""
        params = _kinds(event_type, engagement_type) | _range(start, end, self._end_shift)
        return self._get("usage_by_day", named_totals.days_from, host="analytics", params=params, company_id=company_id)

    def event_interactions(self, event_id: str) -> Interactions:
        """`GET /events/{id}/polls` (N, shape I): polls, questions, chat and reactions."""
        return self._get("event_interactions", interactions.interactions_from, host="analytics", event_id=event_id)

    # ------------------------------------------------------------------ webhooks

    def create_subscription(
        self,
        event_type: str,
        company_id: str,
        endpoint: str,
        *,
        event_id: str | None = None,
        length_in_days: int | None = None,
    ) -> CreatedSubscription:
        """`POST /webhooks` (D): subscribe, for 90 days by default (2 to 365). Sent once: may raise `Uncertain`."""
        body = webhooks.creation(event_type, company_id, endpoint, event_id, length_in_days)
        secrets = webhooks.secrets_of(endpoint)
        call = Call("webhooks", self._paths.webhooks, method="POST", body=body, is_repeatable=False, secrets=secrets)
        return self._session.request(call, webhooks.created_from)

    def subscription(self, subscription_id: str) -> Subscription:
        """`GET /webhooks/{id}` (D): as Sequel remembers it; `NotFound` when it does not."""
        return self._get("webhook", webhooks.subscription_from, subscription_id=subscription_id)

    def update_subscription(
        self, subscription_id: str, *, endpoint: str | None = None, extend_by_days: int | None = None
    ) -> None:
        """`PUT /webhooks/{id}` (D): another endpoint, more days (2 to 365), or both. Two calls may extend twice."""
        body, secrets = webhooks.change(endpoint, extend_by_days), webhooks.secrets_of(endpoint)
        path = filled(self._paths.webhook, subscription_id=subscription_id)
        call = Call("webhook", path, method="PUT", body=body, ignores_body=True, secrets=secrets)
        self._session.request(call, webhooks.nothing_from)

    def renew_subscription(self, subscription_id: str, *, length_in_days: int | None = None) -> CreatedSubscription:
        """`POST /webhooks/renew/{id}` (D): a new key, the old one is void at once. Sent once: may raise `Uncertain`."""
        path = filled(self._paths.renew_webhook, subscription_id=subscription_id)
        call = Call("renew_webhook", path, method="POST", body=webhooks.renewal(length_in_days), is_repeatable=False)
        return self._session.request(call, webhooks.created_from)

    def delete_subscription(self, subscription_id: str) -> None:
        """`DELETE /webhooks/{id}` (D): `NotFound` when it is gone, also by an attempt whose response was lost."""
        path = filled(self._paths.webhook, subscription_id=subscription_id)
        self._session.request(Call("webhook", path, method="DELETE", ignores_body=True), webhooks.nothing_from)


def _range(start: date | None, end: date | None, end_shift: timedelta = timedelta()) -> dict[str, str]:
    ends = {"startDate": start, "endDate": end and end + end_shift}
    return {name: value.isoformat() for name, value in ends.items() if value is not None}


def _kinds(event_type: EventType | None, engagement_type: EngagementType) -> dict[str, str]:
    kinds: dict[str, str] = {"engagementType": engagement_type}
    return kinds if event_type is None else {"eventType": event_type, **kinds}
