"""The events of companies: listed, placed, compared with what is known, stored.

An event that is no longer listed is looked up: gone for good (vanished: its rows are kept, it is not asked again),
moved to another company (its rows leave with it), or still there (it goes on being asked). What a company claims is
taken out of the one that had it, at once, so that no minute counts twice.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.existence import is_known, requested_again
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.core.run_info import RunInfo
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.event_listing import place_events
from sequel_assets.refresh.discovery.event_ownership import Owned
from sequel_assets.refresh.discovery.event_removal import take_out
from sequel_assets.refresh.discovery.list_requests import Stored, in_turns
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.sequel import FATAL, Event, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.slices import replacement
from sequel_assets.warehouse.stores import catalog, empty_ranges, problems
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.company_lists import LISTED_OF
from sequel_assets.warehouse.tables.core import HUB, NO_DAY, event_concurrency, event_participants, events
from sequel_assets.warehouse.tables.event_details import OF_EVENTS


@dataclass(frozen=True)
class CompanyEvents:
    """What a refresh of one company works on."""

    asked: tuple[KnownEvent, ...]
    """Every event and hub that has not vanished and that its owner has not ruled out."""
    pending: Pending
    """Events that are new to the company, or that started at another time before."""
    taken_from: frozenset[str]
    """Companies that lost an event to this one: their insights are behind, unless they are refreshed after it."""
    listers: Mapping[str, str] = field(default_factory=dict)
    """event -> the company whose list named it, where that is not its own."""
    listed: Mapping[str, Event] = field(default_factory=dict)
    """event -> how its list answered it."""


@dataclass(frozen=True)
class ListedEvents:
    """Companies whose events were listed together: placed, and not stored yet; and the error of each that failed."""

    there: tuple[str, ...]
    failed: Mapping[str, Exception]
    owned: Owned
    _client: SequelClient
    _warehouse: Warehouse
    _stored: Stored
    _pool: Executor
    _moment: RunInfo

    def settle(self, company_id: str) -> CompanyEvents:
        """Store a company's events and return what they are to be asked; what is no longer listed is looked up first."""
        stored = self._stored
        known, found = stored.get(company_id, {}), self.owned.by_company.get(company_id, {})
        owners = {event_id: company for company, theirs in self.owned.by_company.items() for event_id in theirs}
        unlisted = [event for event in known.values() if event.event_id not in found]
        fates = list(self._pool.map(partial(_fate, self._client, company_id, owners, stored), unlisted))
        fate_of = list(zip(unlisted, fates, strict=True))
        return _settle(self._warehouse, company_id, self.owned, stored, fate_of, self._moment)


def list_events(
    client: SequelClient,
    warehouse: Warehouse,
    company_ids: Sequence[str],
    pool: Executor,
    moment: RunInfo,
    proving: Collection[str] = (),
) -> Iterator[ListedEvents]:
    """Yield companies as their lists of events come, those that came together in one; who does not answer comes last.

    Each is as a refresh of its own, so that a company that hangs or fails delays nobody else. `proving` are those whose list
    is held against the ids that the company names.
    """
    for turn in in_turns(client, company_ids, warehouse.ask(_known)[1], pool, proving):
        companies, stored = warehouse.ask(_known)  # an earlier turn may have taken events over
        owned = place_events(client, turn, company_ids, companies, stored, pool)
        for company_id, why in turn.failed.items():
            if company_id in stored:
                note = Problem(company_id, events.name, f"its events cannot be listed: {why}")
                problems.settle(warehouse, company_id, events.name, [NO_DAY], [note], at=moment.at)
        yield ListedEvents(tuple(turn.listings), dict(turn.failed), owned, client, warehouse, stored, pool, moment)


def refresh_events(
    client: SequelClient, warehouse: Warehouse, company_ids: Sequence[str], pool: Executor, moment: RunInfo
) -> tuple[dict[str, CompanyEvents], dict[str, Exception]]:
    """List and store the events of companies; return what each is to be asked, and the error of each that failed.

    A list is held against `eventIds` where it looks cut off, and else by the refreshes of days that have closed.
    """
    result: dict[str, CompanyEvents] = {}
    failed: dict[str, Exception] = {}
    for listed in list_events(client, warehouse, company_ids, pool, moment):
        failed.update(listed.failed)
        for company_id in listed.there:
            try:
                result[company_id] = listed.settle(company_id)
            except WarehouseError as error:
                failed[company_id] = error
    return result, failed


def _known(connection: sa.Connection) -> tuple[list[catalog.KnownCompany], Stored]:
    companies = catalog.known_companies(connection)
    return companies, {one.company_id: catalog.known_events(connection, one.company_id) for one in companies}


def _settle(
    warehouse: Warehouse,
    company_id: str,
    owned: Owned,
    stored: Stored,
    fates: Sequence[tuple[KnownEvent, str]],
    moment: RunInfo,
) -> CompanyEvents:
    """Store a company's events, take in what it claims, give away what moved."""
    known, found = stored.get(company_id, {}), owned.by_company.get(company_id, {})
    kept = [event for event, fate in fates if fate == "here"]
    vanished = [
        replace(event, vanished_at=event.vanished_at or moment.at) for event, fate in fates if fate == "vanished"
    ]
    moved = [event.event_id for event, fate in fates if fate == "moved"]
    now = [_with_memory(event, known.get(event.event_id)) for event in found.values()] + kept
    todo = _pending(warehouse, company_id, now, known)
    pending_work.note(warehouse, company_id, todo, at=moment.at)
    _store(warehouse, company_id, now + vanished, moved, moment, anew=todo.newcomers | todo.restarted)
    taken_from = set()
    for other, theirs in stored.items():
        claimed = [event_id for event_id in found if event_id in theirs]
        if claimed and other != company_id:
            _store(warehouse, other, [], claimed, moment)
            taken_from.add(other)
    problems.settle(warehouse, company_id, events.name, [NO_DAY], _notes(owned, company_id), at=moment.at)
    excluded = warehouse.ask(lambda connection: catalog.excluded_events(connection, company_id))
    asked = sorted((event for event in now if event.event_id not in excluded), key=lambda event: event.event_id)
    return CompanyEvents(tuple(asked), todo, frozenset(taken_from), owned.listers, owned.listed)


def _notes(owned: Owned, company_id: str) -> list[Problem]:
    """Return what is to be said of a company's events, one problem for each of them."""
    of_each: dict[str, list[str]] = {}
    for note in owned.notes:
        if note.company_id == company_id and note.reason not in of_each.setdefault(note.event_id, []):
            of_each[note.event_id].append(note.reason)
    return [
        Problem(company_id, events.name, "; ".join(reasons), event_id=event_id) for event_id, reasons in of_each.items()
    ]


@repeats
def _pending(
    warehouse: Warehouse, company_id: str, now: Sequence[KnownEvent], known: Mapping[str, KnownEvent]
) -> Pending:
    with warehouse.read() as connection:
        left = pending_work.noted(connection, company_id)
        has_history = bool(pending_work.refreshed_days(connection, company_id))
    here = {event.event_id for event in now}
    new = {
        event_id
        for event_id in here
        if has_history and (event_id not in known or known[event_id].vanished_at is not None)
    }
    restarted = {event.event_id for event in now if _restarted(event, known.get(event.event_id))}
    return Pending(frozenset(new | (left.newcomers & here)), frozenset(restarted | (left.restarted & here)))


def _fate(client: SequelClient, company_id: str, owners: Mapping[str, str], stored: Stored, event: KnownEvent) -> str:
    """Say what became of an event that is no longer listed: `here`, `vanished` or `moved`."""
    if owners.get(event.event_id, company_id) != company_id:
        return "moved"
    if event.vanished_at is not None:
        return "vanished"
    try:
        if event.event_type == HUB:
            return "here" if is_known(lambda: client.hub(event.event_id)) else "vanished"
        owner = requested_again(lambda: client.event(event.event_id)).company_uid
    except NotFound:
        return "vanished"
    except FATAL:
        raise
    except SequelError:
        return "here"
    company = Spellings(stored).find(owner) if owner is not None else None
    return "moved" if company is not None and company != company_id else "here"


def _with_memory(event: KnownEvent, before: KnownEvent | None) -> KnownEvent:
    if before is None:
        return event
    return replace(event, concurrency_from=before.concurrency_from, concurrency_until=before.concurrency_until)


def _restarted(event: KnownEvent, before: KnownEvent | None) -> bool:
    """Say whether what is kept of an event by its start is to be placed anew: its concurrency, what it told as a whole."""
    if before is None or event.event_type == HUB or before.starts_at == event.starts_at:
        return False
    return before.concurrency_from is not None or _start_day(before) != _start_day(event)


def _start_day(event: KnownEvent) -> date | None:
    return event.starts_at.date() if event.starts_at else None


@repeats
def _store(
    warehouse: Warehouse,
    company_id: str,
    now: Sequence[KnownEvent],
    moved: Collection[str],
    moment: RunInfo,
    anew: Collection[str] = (),
) -> None:
    """Store events, take out those that moved; of `anew` nothing is known any more of when they were silent."""
    with warehouse.write(company_id) as connection:
        catalog.save_events(connection, company_id, now)
        empty_ranges.forget(connection, company_id, anew)
        for event_id in moved:
            strangers = catalog.people_of_event(connection, company_id, event_id)
            for table in (event_participants, event_concurrency, *OF_EVENTS):
                take_out(connection, table, company_id, event_id, moment)
            catalog.forget_event(connection, company_id, event_id)
            catalog.forget_orphaned_people(connection, company_id, strangers)
        for table in LISTED_OF if moved else ():
            replacement.sum_up(connection, company_id, table)
        replacement.note_stored(
            connection, company_id, events, at=moment.at, through=moment.through, run_id=moment.run_id
        )
