"""Asking for the events of many companies without waiting for those that do not answer.

Lists that come are handed on together; who has not answered when nothing comes any more is a turn of its own, later. So
a company that hangs delays itself. A list that may be cut off is compared with the ids that the company itself names.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from sequel_assets.refresh.core.bounded_wait import PatienceLimit
from sequel_assets.refresh.core.existence import events_of, twice_if_missing
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.core.list_completeness import looks_cut_off
from sequel_assets.sequel import FATAL, Event, InvalidResponse, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import HUB, events

MAX_UNLISTED = 1000
"""So many events that are named and not listed are requested singly, of a company at once."""
EVENT_IDS = "(eventIds)"
Stored = Mapping[str, Mapping[str, KnownEvent]]
"""company -> event -> as the table `events` has it."""


@dataclass
class Turn:
    """The companies whose lists have come together, and the errors of those of which none will."""

    listings: dict[str, list[Event]] = field(default_factory=dict)
    failed: dict[str, SequelError] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)
    late: frozenset[str] = frozenset()
    """Companies that have not answered yet."""
    quiet: PatienceLimit = field(default_factory=PatienceLimit)


@dataclass(frozen=True)
class _Listed:
    """What Sequel answered of one company: its list, and what it names beside it."""

    events: list[Event]
    unlisted: tuple[str, ...] = ()
    notes: list[Problem] = field(default_factory=list)


def in_turns(
    client: SequelClient, company_ids: Sequence[str], stored: Stored, pool: Executor, verifying: Collection[str]
) -> Iterator[Turn]:
    """Yield the lists of companies as they come. An error that no other request would survive is raised.

    `verifying` are companies whose list is compared with `eventIds` in any case; others where it looks cut off.
    """
    requests = _Requests(client, stored, pool, frozenset(verifying))
    under_way: set[Future[object]] = {requests.list(company_id) for company_id in company_ids}
    left, quiet = {*company_ids}, PatienceLimit()
    while left:
        turn = Turn(quiet=quiet)
        while under_way:
            done, under_way = wait(under_way, quiet.seconds if turn.listings else None, FIRST_COMPLETED)
            if not done:
                break
            quiet.answered()
            for future in done:
                under_way |= requests.take(future, turn)
        left -= turn.listings.keys() | turn.failed.keys()
        turn.late = frozenset(left)
        yield turn


class _Requests:
    """The requests under way, and whose they are."""

    def __init__(self, client: SequelClient, stored: Stored, pool: Executor, verifying: frozenset[str]) -> None:
        self._client, self._stored, self._pool, self._verifying = client, stored, pool, verifying
        self._lists: dict[Future[object], str] = {}
        self._single: dict[Future[object], tuple[str, str]] = {}
        self._waiting: dict[str, set[Future[object]]] = {}
        self._come: dict[str, _Listed] = {}

    def list(self, company_id: str) -> Future[object]:
        """Ask for the list of a company."""
        future: Future[object] = self._pool.submit(self._list, company_id)
        self._lists[future] = company_id
        return future

    def take(self, future: Future[object], turn: Turn) -> set[Future[object]]:
        """Take an answer, put a company that is complete into the turn, and return what is requested further."""
        more: set[Future[object]] = set()
        if future in self._lists:
            company_id = self._lists.pop(future)
            try:
                listed = future.result()
            except SequelError as error:
                if isinstance(error, FATAL):
                    raise
                turn.failed[company_id] = error
                return more
            assert isinstance(listed, _Listed)  # noqa: S101 - what `_list` returns
            self._come[company_id] = listed
            for event_id in listed.unlisted:
                single: Future[object] = self._pool.submit(self._single_event, event_id)
                self._single[single] = (company_id, event_id)
                more.add(single)
            self._waiting[company_id] = set(more)
        else:
            company_id, event_id = self._single.pop(future)
            self._waiting[company_id].discard(future)
            listed = self._come[company_id].events
            found, notes = _named(company_id, event_id, future, listed, self._stored.get(company_id, {}))
            listed.extend(found)
            self._come[company_id].notes.extend(notes)
        if not self._waiting[company_id]:
            complete = self._come.pop(company_id)
            turn.listings[company_id] = complete.events
            turn.notes += complete.notes
        return more

    def _single_event(self, event_id: str) -> Event:
        return twice_if_missing(lambda: self._client.event(event_id))

    def _list(self, company_id: str) -> _Listed:
        listing = events_of(self._client, company_id)
        known = self._stored.get(company_id, {})
        if company_id not in self._verifying and not looks_cut_off(len(listing), known):
            return _Listed(listing)
        try:
            company = twice_if_missing(lambda: self._client.company(company_id))
        except SequelError as error:
            if isinstance(error, FATAL):
                raise
            reason = (
                "whether its list of events is complete is not known, "
                f"since Sequel does not answer its eventIds: {error}"
            )
            return _Listed(listing, notes=[Problem(company_id, events.name, reason, event_id=EVENT_IDS)])
        named = unlisted(company.event_ids or (), listing, company_id, self._stored)
        if len(named) > MAX_UNLISTED:
            raise InvalidResponse(f"it names {len(named)} events that its list of {len(listing)} does not hold")
        bad = "eventIds" in company.bad_fields
        reason = "some of its eventIds cannot be read; whether its list of events is complete is not known"
        notes = [Problem(company_id, events.name, reason, event_id=EVENT_IDS)] if bad else []
        return _Listed(listing, named, notes)


def unlisted(named: Sequence[str], listing: Sequence[Event], company_id: str, stored: Stored) -> tuple[str, ...]:
    """Return the events that a company names and does not list, without hubs and those of another company. Pure."""
    listed = {event.uid for event in listing} | {event.networking_hub for event in listing}
    hubs = {event.event_id for theirs in stored.values() for event in theirs.values() if event.event_type == HUB}
    elsewhere = {
        event.event_id
        for other, theirs in stored.items()
        for event in theirs.values()
        if other != company_id and event.vanished_at is None
    }
    return tuple(sorted({*named} - listed - hubs - elsewhere))


def _named(
    company_id: str,
    event_id: str,
    answer: "Future[object]",
    listed: Sequence[Event],
    known: Mapping[str, KnownEvent],
) -> tuple[list[Event], list[Problem]]:
    """Return an event that is named and not listed, as far as Sequel answers it, and what is to be said of it.

    Where Sequel does not know it, it is another spelling of one that is listed, or no event any more. Where it cannot
    be looked up it is requested by its id alone, so that what is wrong with it shows at its own slices; one that is
    known goes on as it was.
    """
    try:
        event = answer.result()
        assert isinstance(event, Event)  # noqa: S101 - what `_single_event` returns
        return [event], []
    except NotFound:
        if Spellings(event.uid for event in listed).find(event_id) is not None:
            return [], []
        reason = (
            "its company names it in eventIds, and Sequel neither lists nor knows it (404): "
            "taken for deleted, nothing is requested of it"
        )
        return [], [Problem(company_id, events.name, reason, event_id=event_id)]
    except SequelError as error:
        if isinstance(error, FATAL):
            raise
        reason = f"its company names it in eventIds and does not list it, and it cannot be looked up: {error}"
        found = [] if event_id in known else [Event(uid=event_id, company_uid=company_id)]
        return found, [Problem(company_id, events.name, reason, event_id=event_id)]
