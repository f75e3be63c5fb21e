"""Requests to Sequel about one event: every call in one place, counted; a 404 is requested once more before it counts.

A single day is requested as a list, since a list has the totals too. Lists are kept (within bounds) until the day is
worked on, so that none is requested twice.
"""

from dataclasses import dataclass
from datetime import date

from sequel_assets.refresh.core.existence import twice_if_missing
from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.usage.range_search import RangeRequest, Span, Totals
from sequel_assets.refresh.usage.verification import DoesNotReconcile, ListedPeople, read
from sequel_assets.sequel import NotFound, SequelClient
from sequel_assets.warehouse.stores.catalog import KnownEvent


class EventMissing(Exception):  # noqa: N818 - a state of the event, to be looked into
    """Sequel answers 404 for an event's analytics, twice."""


@dataclass(frozen=True)
class ParticipantList:
    """A participants list and the totals that came with it."""

    totals: Totals
    listed: tuple[ListedPeople, ...]


class EventClient:
    """The requests about one event; used by one thread at a time."""

    def __init__(self, client: SequelClient, event: KnownEvent, kept_lists: KeptLists) -> None:
        self.client = client
        self.event = event
        self.requests = 0
        self.most_users = 0
        self.span: Span | None = None
        """What the last request was about."""
        self._kept_lists = kept_lists
        self._kept: dict[RangeRequest, ParticipantList] = {}
        self._unreconciled: set[RangeRequest] = set()

    @property
    def has_doubts(self) -> bool:
        """Say whether a single day's totals were taken though its list does not come to them."""
        return bool(self._unreconciled)

    def totals(self, request: RangeRequest) -> Totals:
        """Return the totals; of a single day the list is fetched with them, checked against them, and kept."""
        if request.span.days > 1:
            return self._request(request, limit=1).totals
        fetched = self._request(request, limit=self._limit(self.most_users))
        if not _reconciles(fetched):
            fetched = self._request(request, limit=self._limit(fetched.totals.users))
            if not _reconciles(fetched):
                self._unreconciled.add(request)
        if self._kept_lists.admit(len(fetched.listed)):
            self._kept[request] = fetched
        return fetched.totals

    def probe(self, request: RangeRequest) -> Totals:
        """Return the totals of any span with the smallest response."""
        return self._request(request, limit=1).totals

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
            start=request.span.first,
            end=request.span.last,
            engagement_type=request.engagement_type,
            limit=limit,
        )
        totals = Totals(response.number_of_users, response.total_engaged_minutes)
        self.most_users = max(self.most_users, totals.users)
        return ParticipantList(
            totals, tuple(ListedPeople(row.name, row.email, row.engaged_minutes) for row in response.participants)
        )

    @staticmethod
    def _limit(users: int) -> int:
        return 2 * users + 100


def _reconciles(fetched: ParticipantList) -> bool:
    try:
        read(fetched.totals.users, fetched.totals.minutes, fetched.listed)
    except DoesNotReconcile:
        return False
    return True
