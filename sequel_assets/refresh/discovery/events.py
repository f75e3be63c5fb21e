"""The events of companies: listed, placed, compared with what is known, stored.

An event that is no longer listed is looked up: gone for good (vanished: its rows are kept, it is not requested again),
moved to another company (its rows leave with it), or still there (it goes on being requested). What a company claims is
taken out of the one that had it, at once, so that no minute counts twice.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.existence import is_known, twice_if_missing
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.core.run_context import RunContext, RunInfo
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


class Fate(Enum):
    """What became of an event that is no longer listed."""

    HERE = "here"
    """Sequel still knows it, or cannot say now: it goes on being requested."""
    VANISHED = "vanished"
    MOVED = "moved"
    """It belongs to another company now."""


@dataclass(frozen=True)
class CompanyEvents:
    """What a refresh of one company works on."""

    company_id: str
    requested: tuple[KnownEvent, ...]
    """Every event and hub that has not vanished and that is not excluded."""
    pending: Pending
    """Events that are new to the company, or that started at another time before."""
    taken_from: frozenset[str]
    """Companies that lost an event to this one: their insights are behind, unless they are refreshed after it."""
    listed: Mapping[str, Event] = field(default_factory=dict)
    """event -> how its list answered it."""


@dataclass(frozen=True)
class ListedEvents:
    """Companies whose events were listed together: placed, and not stored yet; and the error of each that failed."""

    there: tuple[str, ...]
    failed: Mapping[str, Exception]
    owned: Owned
    stored: Stored


def list_events(
    context: RunContext, company_ids: Sequence[str], verifying: Collection[str] = ()
) -> Iterator[ListedEvents]:
    """Yield companies as their lists of events come, those that came together in one; who does not answer comes last.

    Each is as a refresh of its own, so that a company that hangs or fails delays no other. `verifying` are those whose
    list is compared with the ids that the company names.
    """
    client, warehouse, pool = context.client, context.warehouse, context.pool
    for turn in in_turns(client, company_ids, warehouse.ask(_known)[1], pool, verifying):
        companies, stored = warehouse.ask(_known)  # an earlier turn may have taken events over
        owned = place_events(client, turn, company_ids, companies, stored, pool)
        for company_id, why in turn.failed.items():
            if company_id in stored:
                note = Problem(company_id, events.name, f"its events cannot be listed: {why}")
                problems.replace_problems(
                    warehouse, company_id, {events.name: {NO_DAY: None}}, [note], at=context.run_info.at
                )
        yield ListedEvents(tuple(turn.listings), dict(turn.failed), owned, stored)


def store_events(context: RunContext, listed: ListedEvents, company_id: str) -> CompanyEvents:
    """Store a company's events: take in what it claims, give away what moved; return what is to be requested.

    What is no longer listed is looked up first.
    """
    warehouse, run_info, owned, stored = context.warehouse, context.run_info, listed.owned, listed.stored
    known, found = stored.get(company_id, {}), owned.by_company.get(company_id, {})
    owners = {event_id: company for company, theirs in owned.by_company.items() for event_id in theirs}
    unlisted = [event for event in known.values() if event.event_id not in found]
    fate = partial(_fate, context.client, company_id, owners, stored)
    of_fate: dict[Fate, list[KnownEvent]] = {one: [] for one in Fate}
    for event, became in zip(unlisted, context.pool.map(fate, unlisted), strict=True):
        of_fate[became].append(event)
    vanished = [replace(event, vanished_at=event.vanished_at or run_info.at) for event in of_fate[Fate.VANISHED]]
    moved = [event.event_id for event in of_fate[Fate.MOVED]]
    now = [_with_memory(event, known.get(event.event_id)) for event in found.values()] + of_fate[Fate.HERE]
    pending = _pending(warehouse, company_id, now, known)
    pending_work.note(warehouse, company_id, pending, at=run_info.at)
    _store(warehouse, company_id, now + vanished, moved, run_info, unknown=pending.newcomers | pending.restarted)
    taken_from = set()
    for other, theirs in stored.items():
        claimed = [event_id for event_id in found if event_id in theirs]
        if claimed and other != company_id:
            _store(warehouse, other, [], claimed, run_info)
            taken_from.add(other)
    problems.replace_problems(
        warehouse, company_id, {events.name: {NO_DAY: None}}, _notes(owned, company_id), at=run_info.at
    )
    excluded = warehouse.ask(lambda connection: catalog.excluded_events(connection, company_id))
    requested = sorted((event for event in now if event.event_id not in excluded), key=lambda event: event.event_id)
    return CompanyEvents(company_id, tuple(requested), pending, frozenset(taken_from), listed.owned.listed)


def refresh_events(context: RunContext, company_ids: Sequence[str]) -> dict[str, Exception]:
    """List and store the events of companies; return the error of each that failed.

    A list is compared with `eventIds` where it looks cut off, and else by the refreshes of days that have closed.
    """
    failed: dict[str, Exception] = {}
    for listed in list_events(context, company_ids):
        failed.update(listed.failed)
        for company_id in listed.there:
            try:
                store_events(context, listed, company_id)
            except WarehouseError as error:
                failed[company_id] = error
    return failed


def _known(connection: sa.Connection) -> tuple[list[catalog.KnownCompany], Stored]:
    companies = catalog.known_companies(connection)
    return companies, {one.company_id: catalog.known_events(connection, one.company_id) for one in companies}


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


def _fate(client: SequelClient, company_id: str, owners: Mapping[str, str], stored: Stored, event: KnownEvent) -> Fate:
    """Say what became of an event that is no longer listed."""
    if owners.get(event.event_id, company_id) != company_id:
        return Fate.MOVED
    if event.vanished_at is not None:
        return Fate.VANISHED
    try:
        if event.event_type == HUB:
            return Fate.HERE if is_known(lambda: client.hub(event.event_id)) else Fate.VANISHED
        owner = twice_if_missing(lambda: client.event(event.event_id)).company_uid
    except NotFound:
        return Fate.VANISHED
    except FATAL:
        raise
    except SequelError:
        return Fate.HERE
    company = Spellings(stored).find(owner) if owner is not None else None
    return Fate.MOVED if company is not None and company != company_id else Fate.HERE


def _with_memory(event: KnownEvent, before: KnownEvent | None) -> KnownEvent:
    if before is None:
        return event
    return replace(event, concurrency_from=before.concurrency_from, concurrency_until=before.concurrency_until)


def _restarted(event: KnownEvent, before: KnownEvent | None) -> bool:
    """Say whether what is kept of an event by its start is to be placed once more: its concurrency and its details."""
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
    run_info: RunInfo,
    unknown: Collection[str] = (),
) -> None:
    """Store events and take out those that moved; of the `unknown` ones the remembered empty ranges are forgotten."""
    with warehouse.write(company_id) as connection:
        catalog.save_events(connection, company_id, now)
        empty_ranges.forget(connection, company_id, unknown)
        for event_id in moved:
            orphans = catalog.people_of_event(connection, company_id, event_id)
            for table in (event_participants, event_concurrency, *OF_EVENTS):
                take_out(connection, table, company_id, event_id, run_info)
            catalog.forget_event(connection, company_id, event_id)
            catalog.forget_orphaned_people(connection, company_id, orphans)
        for table in LISTED_OF if moved else ():
            replacement.sum_up(connection, company_id, table)
        replacement.note_stored(
            connection, company_id, events, at=run_info.at, through=run_info.through, run_id=run_info.run_id
        )
