"""Requests to Sequel about one event: every call in one place, counted; a 404 is requested once more before it counts.

A single day is requested as a list, since a list has the totals too. Lists are kept (within bounds) until the day is
worked on, so that none is requested twice.
"""

from dataclasses import dataclass
from datetime import date

from sequel_assets.refresh.core.api_profile import Assumptions, SeenAnswer
from sequel_assets.refresh.core.existence import twice_if_missing
from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.datasets.activity import PAGE_SIZE, everybody_in
from sequel_assets.refresh.datasets.endpoint import InvalidEventData
from sequel_assets.refresh.usage.range_search import RangeRequest, Span, Totals
from sequel_assets.refresh.usage.verification import DoesNotReconcile, ListedPeople, read
from sequel_assets.sequel import FATAL, Activity, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.catalog import KnownEvent

EVER = Span(date.min, date.max)
"""All time: no dates are requested."""


class EventMissing(Exception):  # noqa: N818 - a state of the event, to be looked into
    """Sequel answers 404 for an event's analytics, twice."""


@dataclass(frozen=True)
class ParticipantList:
    """A participants list and the totals that came with it."""

    totals: Totals
    listed: tuple[ListedPeople, ...]


class EventClient:
    """The requests about one event; used by one thread at a time."""

    def __init__(
        self,
        client: SequelClient,
        event: KnownEvent,
        kept_lists: KeptLists,
        list_cap: int | None = None,
        assumptions: Assumptions | None = None,
        *,
        has_activity: bool = True,
    ) -> None:
        self.client = client
        self.event = event
        self.requests = 0
        self.most_users = 0
        self.span: Span | None = None
        """What the last request was about."""
        self._kept_lists, self._list_cap = kept_lists, list_cap
        self._assumptions = assumptions or Assumptions()
        self._activity: list[Activity] | None = None if has_activity else []
        self._kept: dict[RangeRequest, ParticipantList] = {}
        self._unreconciled: set[RangeRequest] = set()

    def is_capped(self, fetched: ParticipantList) -> bool:
        """Say whether a list ends at the cap that Sequel's lists are known to have."""
        return len(fetched.listed) == self._list_cap and len(fetched.listed) < fetched.totals.users

    @property
    def has_doubts(self) -> bool:
        """Say whether a single day's totals were taken though its list does not come to them."""
        return bool(self._unreconciled)

    def totals(self, request: RangeRequest) -> Totals:
        """Return the totals; of a single day the list is fetched with them, checked against them, and kept."""
        if request.span.days > 1:
            return self._request(request, limit=1).totals
        fetched = self._request(request, limit=self._limit(self.most_users))
        if not self._is_taken(fetched):
            fetched = self._request(request, limit=self._limit(fetched.totals.users))
            if not self._is_taken(fetched):
                self._unreconciled.add(request)
        if self._kept_lists.admit(len(fetched.listed)):
            self._kept[request] = fetched
        return fetched.totals

    def _is_taken(self, fetched: ParticipantList) -> bool:
        return _reconciles(fetched) or self.is_capped(fetched)

    def probe(self, request: RangeRequest, limit: int = 1) -> Totals:
        """Return the totals of any span, by default with the smallest response."""
        return self._request(request, limit=limit).totals

    def everybody(self, request: RangeRequest) -> ParticipantList:
        """Return everybody, from the kept lists or from Sequel."""
        kept = self._kept.pop(request, None)
        if kept is not None:
            self._kept_lists.release(len(kept.listed))
            return kept
        return self._request(request, limit=self._limit(self.most_users))

    def forget(self, day: date | None = None) -> None:
        """Drop the lists that are kept (of a day)."""
        self._unreconciled.clear()
        for request in [q for q in self._kept if day is None or q.span.first == day]:
            self._kept_lists.release(len(self._kept.pop(request).listed))

    def concurrency(self) -> list[tuple[int, int]] | None:
        """Return (minute from the start, users) as received; None for a 404."""
        self.requests += 1
        try:
            return self.client.concurrency(self.event.event_id)
        except NotFound:
            return None

    def was_ever_live(self) -> bool:
        """Say whether Sequel has any live minute of the event, whenever that was."""
        self.requests += 1
        event_id = self.event.event_id
        try:
            response = twice_if_missing(
                lambda: self.client.participants(event_id, start=None, end=None, engagement_type="live", limit=1)
            )
        except NotFound:
            raise EventMissing(event_id) from None
        return response.total_engaged_minutes > 0

    def from_activity(self, request: RangeRequest, totals: Totals) -> tuple[ListedPeople, ...]:
        """Return everybody's minutes of a type by the event's activity, which has no days; nobody where it may mislead.

        It is read only where all minutes of the event are those of the range.
        """
        if self._activity == []:
            return ()
        if self._request(RangeRequest(request.engagement_type, EVER), limit=1).totals.minutes != totals.minutes:
            return ()
        if self._activity is None:
            try:
                self._activity = everybody_in(self.client, self.event.event_id)
            except FATAL:
                raise
            except (SequelError, InvalidEventData):
                self._activity = []
            self.requests += len(self._activity) // PAGE_SIZE + 1
        kinds = ("live", "onDemand") if request.engagement_type == "all" else (request.engagement_type,)
        rows = (
            ListedPeople(entry.name or "", entry.email, sum(_minutes_of(entry, kind) for kind in kinds))
            for entry in self._activity
        )
        return tuple(row for row in rows if row.minutes)

    def _request(self, request: RangeRequest, limit: int) -> ParticipantList:
        self.span = request.span
        try:
            return twice_if_missing(lambda: self._fetch(request, limit))
        except NotFound:
            raise EventMissing(self.event.event_id) from None

    def _fetch(self, request: RangeRequest, limit: int) -> ParticipantList:
        self.requests += 1
        response = self.client.participants(
            self.event.event_id,
            start=None if request.span is EVER else request.span.first,
            end=None if request.span is EVER else request.span.last,
            engagement_type=request.engagement_type,
            limit=limit,
        )
        totals = Totals(response.number_of_users, response.total_engaged_minutes)
        self.most_users = max(self.most_users, totals.users)
        listed = tuple(ListedPeople(row.name, row.email, row.engaged_minutes) for row in response.participants)
        span, kind = request.span, request.engagement_type
        seen = SeenAnswer(kind, span.first, span.last, limit, totals.users, totals.minutes, len(listed))
        self._assumptions.note(self.event.event_id, seen)
        return ParticipantList(totals, listed)

    @staticmethod
    def _limit(users: int) -> int:
        return 2 * users + 100


def _minutes_of(entry: Activity, kind: str) -> int:
    time = entry.live_time if kind == "live" else entry.on_demand_time
    return time.minutes if time is not None else 0


def _reconciles(fetched: ParticipantList) -> bool:
    try:
        read(fetched.totals.users, fetched.totals.minutes, fetched.listed)
    except DoesNotReconcile:
        return False
    return True
