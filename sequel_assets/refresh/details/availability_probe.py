"""Which datasets of an endpoint Sequel answers for a company: found out with a few events before the others are fetched.

A refusal (404, 403, another shape) of one event may be the event's own or concern the whole company. A dataset counts as
unavailable once several events were refused and none answered; then nothing is fetched and no slice fails for it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchFailure, FetchResult
from sequel_assets.refresh.details.fetcher import fetch_event
from sequel_assets.warehouse.stores import availability

PROBES = 8
"""So many events of a company, as far as it has them, must be refused before a dataset counts as unavailable there."""


@dataclass
class AvailabilityProbe:
    """Fetches the events of one company through one endpoint, and notes which of its datasets are available there.

    With `is_full` what is unavailable so far is tried again with more than one event.
    """

    context: RunContext
    company_id: str
    endpoint: Endpoint
    known: availability.KnownAvailability
    is_full: bool
    probed: dict[str, FetchResult] = field(default_factory=dict, init=False)
    """event -> what the probing fetched."""
    absent: set[sa.Table] = field(default_factory=set, init=False)
    """Tables that are unavailable, once that was probed."""
    _noted: set[sa.Table] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Begin with what is known."""
        tables = self.endpoint.tables
        self.unknown = {table for table in tables if table.name not in self.known.lately}
        self.lacking = {table for table in self.unknown if table.name in self.known.absent}
        self._noted = set() if self.is_full else {*tables} - self.unknown
        self._fetch = partial(fetch_event, self.context, self.endpoint)

    def run(self, events: Iterable[EventRequest], wanted: Collection[str]) -> None:
        """Fetch one event after the other until each unknown table was answered, or was by none of so many events.

        An event that fails decides nothing and ends it: what is missing is then not known.
        """
        most = 1 if self.unknown == self.lacking and not self.is_full else PROBES
        why = dict.fromkeys(self.unknown, "")
        for request in candidates(events, wanted, self.context.run_info.at) if why else ():
            result = self._fetch(request)
            self.probed[request.event.event_id] = result
            if result.failure_kind is FetchFailure.FAILED:
                why = {}
                break
            why = {table: result.why_not(table) or before for table, before in why.items() if not result.answers(table)}
            gone = sum(one.failure_kind is FetchFailure.VANISHED for one in self.probed.values())
            if not why or len(self.probed) - gone == most:
                break
        reasons = {table: reason for table, reason in why.items() if reason}
        for reason in sorted(set(reasons.values())):
            self._note([table for table, each in reasons.items() if each == reason], reason)
        self.absent = {*self.lacking, *reasons} - answered_tables(self.endpoint, self.probed.values())

    def fetch(self, requests: Mapping[str, EventRequest]) -> dict[str, FetchResult]:
        """Fetch events that were not probed, and return them with those that were; what they answer is available."""
        left = [request for event_id, request in requests.items() if event_id not in self.probed]
        found = self.probed | {one.event_id: one for one in self.context.pool.map(self._fetch, left)}
        answered = answered_tables(self.endpoint, found.values())
        self.absent -= answered
        self._note(answered - self._noted)
        self._noted |= answered
        return found

    def _note(self, tables: Collection[sa.Table], reason: str = "") -> None:
        if tables:
            names = [table.name for table in tables]
            at = self.context.run_info.at
            availability.note(self.context.warehouse, self.company_id, names, reason=reason, at=at)


def answered_tables(endpoint: Endpoint, results: Collection[FetchResult]) -> set[sa.Table]:
    """Return the tables that any of these events answers."""
    return {table for table in endpoint.tables if any(one.answers(table) for one in results)}


def candidates(events: Iterable[EventRequest], wanted: Collection[str], now: datetime) -> list[EventRequest]:
    """Return events to try an endpoint with: of those that are wanted and then have begun the latest, then some of all times.

    So neither the newest events nor those of one kind alone decide what is available at a company.
    """

    def rank(request: EventRequest) -> tuple[bool, bool, float]:
        starts = request.event.starts_at or now
        return (request.event.event_id not in wanted, starts > now, -starts.timestamp())

    ranked = sorted(events, key=rank)
    half = PROBES // 2
    rest = ranked[half:]
    spread = sorted({len(rest) * place // half for place in range(half)}) if rest else []
    return ranked[:half] + [rest[place] for place in spread]
