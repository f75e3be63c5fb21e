"""The events of companies: listed, placed, compared with what is known, stored.

An event that is no longer listed is looked up: gone for good (vanished: its rows are kept, it is not asked again),
moved to another company (its rows leave with it), or still there (it goes on being asked).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from sequel_assets.sequel import Event, NotFound, SequelClient, SequelError, SignInRefused, Unreachable
from sequel_assets.warehouse import catalog, problems, slices
from sequel_assets.warehouse.catalog import KnownCompany, KnownEvent
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.tables import NO_DAY, event_concurrency, event_participants, events

from .listing import HUB, Owned, foreign_owners, own

FATAL = (SignInRefused, Unreachable)
"""Errors that end a run: no other request would fare better."""


@dataclass(frozen=True)
class CompanyEvents:
    """What a refresh of one company works on."""

    asked: tuple[KnownEvent, ...]
    """Every event and hub that is not known to have vanished."""
    moved_in: frozenset[str] = frozenset()
    """Events that stood at another company before: their whole history is to be asked."""
    restarted: frozenset[str] = frozenset()
    """Events whose start moved: their concurrency lies on other days now."""


@dataclass(frozen=True)
class Moment:
    """When a refresh began and how far its answers go at least, by the one clock."""

    at: datetime
    through: datetime
    late_window: timedelta
    run_id: str | None


def refresh_events(
    client: SequelClient,
    warehouse: Warehouse,
    company_ids: Sequence[str],
    pool: Executor,
    moment: Moment,
) -> tuple[dict[str, CompanyEvents], dict[str, SequelError]]:
    """List and store the events of companies; return what each is to be asked, and the error of each that failed."""
    with warehouse.read() as connection:
        companies = catalog.known_companies(connection)
        stored = {company.company_id: catalog.known_events(connection, company.company_id) for company in companies}
    listings, failed = _listings(client, company_ids, pool)
    owned = _place(client, listings, companies, stored)
    owners = {event_id: company for company, theirs in owned.by_company.items() for event_id in theirs}
    result = {}
    for company_id in listings:
        found, known = owned.by_company[company_id], stored.get(company_id, {})
        elsewhere = {event_id for other, theirs in stored.items() if other != company_id for event_id in theirs}
        unlisted = [event for event in known.values() if event.event_id not in found and event.vanished_at is None]
        fates = list(pool.map(partial(_fate, client, company_id, owners, stored), unlisted))
        kept = [event for event, fate in zip(unlisted, fates, strict=True) if fate == "here"]
        vanished = [
            replace(event, vanished_at=moment.at)
            for event, fate in zip(unlisted, fates, strict=True)
            if fate == "vanished"
        ]
        moved = [event.event_id for event, fate in zip(unlisted, fates, strict=True) if fate == "moved"]
        now = [_with_memory(event, known.get(event.event_id)) for event in found.values()] + kept
        _store(warehouse, company_id, now + vanished, moved, moment)
        notes = _one_note(owned.notes, company_id)
        problems.settle(warehouse, company_id, events.name, [NO_DAY], notes, at=moment.at)
        result[company_id] = CompanyEvents(
            asked=tuple(sorted(now, key=lambda event: event.event_id)),
            moved_in=frozenset(
                event.event_id for event in now if event.event_id not in known and event.event_id in elsewhere
            ),
            restarted=frozenset(event.event_id for event in now if _restarted(event, known.get(event.event_id))),
        )
    for company_id, error in failed.items():
        problems.settle(
            warehouse,
            company_id,
            events.name,
            [NO_DAY],
            [Problem(company_id, events.name, f"its events cannot be listed: {error}")],
            at=moment.at,
        )
    return result, failed


def _listings(
    client: SequelClient, company_ids: Sequence[str], pool: Executor
) -> tuple[dict[str, list[Event]], dict[str, SequelError]]:
    def ask(company_id: str) -> list[Event] | SequelError:
        try:
            return client.events(company_id, include_sub_companies=False)
        except FATAL:
            raise
        except SequelError as error:
            return error

    listings, failed = {}, {}
    for company_id, answer in zip(company_ids, pool.map(ask, company_ids), strict=True):
        if isinstance(answer, SequelError):
            failed[company_id] = answer
        else:
            listings[company_id] = answer
    return listings, failed


def _place(
    client: SequelClient,
    listings: Mapping[str, Sequence[Event]],
    companies: Sequence[KnownCompany],
    stored: Mapping[str, Mapping[str, KnownEvent]],
) -> Owned:
    depths = {company.company_id: company.depth for company in companies}
    aliases = {}
    for owner in sorted(foreign_owners(listings, depths)):
        try:
            company = client.company(owner)
        except FATAL:
            raise
        except SequelError:
            continue
        if company.uid in depths:
            aliases[owner] = company.uid
    links = [
        (company, event) for company, theirs in stored.items() if company not in listings for event in theirs.values()
    ]
    return own(listings, depths, aliases, links)


def _fate(
    client: SequelClient, company_id: str, owners: Mapping[str, str], companies: Collection[str], event: KnownEvent
) -> str:
    """Say what became of an event that is no longer listed: `here`, `vanished` or `moved`."""
    if owners.get(event.event_id, company_id) != company_id:
        return "moved"
    try:
        if event.event_type == HUB:
            client.hub(event.event_id)
            return "here"
        owner = client.event(event.event_id).company_uid
    except NotFound:
        return "vanished"
    except FATAL:
        raise
    except SequelError:
        return "here"
    return "moved" if owner != company_id and owner in companies else "here"


def _with_memory(event: KnownEvent, before: KnownEvent | None) -> KnownEvent:
    if before is None:
        return event
    return replace(event, concurrency_from=before.concurrency_from, concurrency_until=before.concurrency_until)


def _restarted(event: KnownEvent, before: KnownEvent | None) -> bool:
    return before is not None and before.starts_at != event.starts_at and before.concurrency_from is not None


def _store(
    warehouse: Warehouse, company_id: str, now: Sequence[KnownEvent], moved: Collection[str], moment: Moment
) -> None:
    with warehouse.write(company_id) as connection:
        catalog.save_events(connection, company_id, now)
        for event_id in moved:
            for table in (event_participants, event_concurrency):
                _take_out(connection, table, company_id, event_id, moment)
            catalog.forget_event(connection, company_id, event_id)
        rows = connection.execute(sa.select(events).where(events.c.company_id == company_id)).all()
        slices.note_refresh(
            connection,
            company_id,
            events.name,
            [tuple(row) for row in rows],
            at=moment.at,
            through=moment.through,
            run_id=moment.run_id,
        )


def _take_out(connection: sa.Connection, table: sa.Table, company_id: str, event_id: str, moment: Moment) -> None:
    days = connection.scalars(
        sa.select(table.c.day).where(table.c.company_id == company_id, table.c.event_id == event_id).distinct()
    )
    updates = [
        slices.SliceUpdate(table, day, [], frozenset([event_id]), datetime.max.replace(tzinfo=moment.at.tzinfo))
        for day in sorted(days)
    ]
    slices.replace_slices(
        connection, company_id, updates, at=moment.at, late_window=moment.late_window, run_id=moment.run_id
    )


def _one_note(notes: Iterable[Problem], company_id: str) -> list[Problem]:
    return list({note.event_id: note for note in notes if note.company_id == company_id}.values())
