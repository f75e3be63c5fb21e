"""Asking Sequel about one event: every call in one place, counted, with the verdicts on a 404.

Single-day answers come as whole lists, since a list answers the totals too; they are kept (within bounds) until the
day is worked on, so that no list is asked for twice.
"""

from dataclasses import dataclass
from datetime import date

from sequel_assets.refresh.core.existence import twice_if_missing
from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.usage.range_search import EngagementType, RangeRequest, Span, Totals
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
    """The questions about one event; used by one thread at a time."""

    def __init__(self, client: SequelClient, event: KnownEvent, room: KeptLists) -> None:
        self.client = client
        self.event = event
        self.requests = 0
        self.most_users = 0
        self.span: Span | None = None
        """What the last question was about."""
        self._room = room
        self._kept: dict[RangeRequest, ParticipantList] = {}
        self._unproven: set[RangeRequest] = set()

    @property
    def has_doubts(self) -> bool:
        """Say whether a single day's totals were believed though its list does not come to them."""
        return bool(self._unproven)

    def totals(self, question: RangeRequest) -> Totals:
        """Return the promised totals; of a single day the list is fetched with them, checked against them, and kept."""
        if question.span.days > 1:
            return self._ask(question, limit=1).totals
        answer = self._ask(question, limit=self._limit(self.most_users))
        if not _reconciles(answer):
            answer = self._ask(question, limit=self._limit(answer.totals.users))
            if not _reconciles(answer):
                self._unproven.add(question)
        if self._room.admit(len(answer.listed)):
            self._kept[question] = answer
        return answer.totals

    def probe(self, question: RangeRequest) -> Totals:
        """Return the promised totals of any span with the smallest answer."""
        return self._ask(question, limit=1).totals

    def everybody(self, question: RangeRequest) -> ParticipantList:
        """Return everybody, kept or asked."""
        kept = self._kept.pop(question, None)
        if kept is not None:
            self._room.release(len(kept.listed))
            return kept
        return self._ask(question, limit=self._limit(self.most_users))

    def forget(self, day: date | None = None) -> None:
        """Drop the lists that are kept (of a day)."""
        self._unproven.clear()
        for question in [q for q in self._kept if day is None or q.span.first == day]:
            self._room.release(len(self._kept.pop(question).listed))

    def concurrency(self) -> list[tuple[int, int]] | None:
        """Return (minute from the start, users) as told; None for a 404."""
        self.requests += 1
        try:
            return self.client.concurrency(self.event.event_id)
        except NotFound:
            return None

    def was_ever_live(self) -> bool:
        """Say whether Sequel tells any live minute of the event, whenever that was."""
        self.requests += 1
        event_id = self.event.event_id
        try:
            told = twice_if_missing(
                lambda: self.client.participants(event_id, start=None, end=None, engagement_type="live", limit=1)
            )
        except NotFound:
            raise EventMissing(event_id) from None
        return told.total_engaged_minutes > 0

    def _ask(self, question: RangeRequest, limit: int) -> ParticipantList:
        self.span = question.span
        for attempt in (1, 2):
            self.requests += 1
            try:
                return self._answer(question.engagement_type, question, limit)
            except NotFound:
                if attempt == 2:
                    raise EventMissing(self.event.event_id) from None
        raise AssertionError("unreachable")

    def _answer(self, kind: EngagementType, question: RangeRequest, limit: int) -> ParticipantList:
        told = self.client.participants(
            self.event.event_id, start=question.span.first, end=question.span.last, engagement_type=kind, limit=limit
        )
        totals = Totals(told.number_of_users, told.total_engaged_minutes)
        self.most_users = max(self.most_users, totals.users)
        return ParticipantList(
            totals, tuple(ListedPeople(row.name, row.email, row.engaged_minutes) for row in told.participants)
        )

    @staticmethod
    def _limit(users: int) -> int:
        return 2 * users + 100


def _reconciles(answer: ParticipantList) -> bool:
    try:
        read(answer.totals.users, answer.totals.minutes, answer.listed)
    except DoesNotReconcile:
        return False
    return True
