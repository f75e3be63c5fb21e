"""Who registered for events, who is listed in hubs, and the rooms of hubs: kept by event, without a day.

An event whose list cannot be had keeps the rows that it has, and a problem says so by name.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.core.list_completeness import Doubt, doubt, is_round
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.run_context import RunContext, RunInfo
from sequel_assets.refresh.coverage.active_events import is_under_way
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.problems import settle_asked
from sequel_assets.refresh.details.endpoint import EventRequest, FetchResult
from sequel_assets.refresh.details.fetcher import PROBES, STILL_TOLD, EndpointAsker, to_probe
from sequel_assets.refresh.details.rosters import ROSTER_ENDPOINTS
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.slices import replacement
from sequel_assets.warehouse.stores import availability, catalog, people
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.company_lists import LISTED_OF, hub_rooms, registrants
from sequel_assets.warehouse.tables.core import HUB, NO_DAY, event_participants, problems, refreshes
from sequel_assets.warehouse.tables.event_details import event_activity

LATELY = timedelta(days=30)


def due_events(events: Iterable[KnownEvent], days: Mapping[date, DayCoverage], now: datetime) -> list[KnownEvent]:
    """Return the events and hubs whose lists a refresh of these days asks for: what an hour costs is decided here.

    Those that start on the days or are under way and, where a day is asked in full (so at least at each day's close), all that are
    upcoming, under way or ended within 30 days. A hub is asked with the events that link it.
    """
    events = list(events)
    with_recent = any(coverage is not DayCoverage.ACTIVE for coverage in days.values())

    def is_due(event: KnownEvent) -> bool:
        if event.starts_at is None:
            return with_recent
        is_recent = max(event.ends_at or event.starts_at, event.starts_at) >= now - LATELY
        return event.starts_at.date() in days or is_under_way(event, now) or (with_recent and is_recent)

    stages = [event for event in events if event.event_type != HUB and is_due(event)]
    hubs = {event.networking_hub_id for event in stages}
    return stages + [event for event in events if event.event_type == HUB and event.event_id in hubs]


def owed_events(connection: sa.Connection, company_id: str) -> set[str]:
    """Return the events and hubs whose lists could not be had: they are asked for again by every refresh."""
    p = problems.c
    chosen = (p.company_id == company_id, p.dataset.in_([table.name for table in LISTED_OF]), p.event_id != "")
    return set(connection.scalars(sa.select(p.event_id).where(*chosen)))


def refresh_registrants(
    context: RunContext,
    warehouse: Warehouse,
    company_id: str,
    event_ids: Collection[str],
    pool: Executor,
    moment: RunInfo,
    person_key: str,
    *,
    is_full: bool,
) -> list[Problem]:
    """Ask for the lists of these events and hubs of a company, store them, and return what could not be had.

    With `is_full` a list that is unavailable so far is tried again with more than one of them.
    """
    known, ruled_out, absent, lately = warehouse.ask(
        lambda connection: (
            catalog.known_events(connection, company_id),
            catalog.excluded_events(connection, company_id),
            availability.unavailable_datasets(connection, company_id),
            availability.answered_since(connection, company_id, moment.at - STILL_TOLD),
        )
    )
    there = [
        EventRequest(company_id, event, NO_DAY, person_key)
        for key, event in sorted(known.items())
        if key not in ruled_out and (key in event_ids or event.vanished_at is None)
    ]
    standing: list[Problem] = []
    for family in ROSTER_ENDPOINTS:
        (table,) = family.tables
        of_kind = [asked for asked in there if asked.event.event_type == LISTED_OF[table]]
        wanted = {asked.event.event_id: asked for asked in of_kind if asked.event.event_id in event_ids}
        if not wanted:
            continue
        asker = EndpointAsker(context, family, pool)
        is_absent = table.name in absent
        probed = asker.probe(
            to_probe(of_kind, wanted, moment.at),
            [] if table.name in lately else [table],
            probes=1 if is_absent and not is_full else PROBES,
        )
        if table in asker.untold:
            availability.note(warehouse, company_id, [table.name], reason=asker.untold[table], at=moment.at)
        if table in asker.untold or (is_absent and not any(one.tells(table) for one in probed)):
            continue
        told = [one for one in probed if one.event_id in wanted]
        tried = {one.event_id for one in probed}
        told += asker.ask(asked for event_id, asked in wanted.items() if event_id not in tried)
        if (is_full or table.name not in lately) and any(one.tells(table) for one in [*probed, *told]):
            availability.note(warehouse, company_id, [table.name], at=moment.at)
        doubts = _doubts(warehouse, company_id, table, [one for one in told if one.tells(table)])
        held = {at for at, why in doubts.items() if why.is_held and not moment.accepts_loss}
        told_well = [one for one in told if one.tells(table) and one.event_id not in held]
        _store(warehouse, company_id, table, told_well, known, moment)
        failed = [
            Problem(company_id, table.name, why, event_id=one.event_id) for one in told if (why := one.failure(table))
        ]
        failed += [Problem(company_id, table.name, doubts[at].reason, event_id=at) for at in sorted(held)]
        noted = [
            Problem(company_id, table.name, why.reason, event_id=at) for at, why in doubts.items() if not why.is_held
        ]
        these = {NO_DAY: frozenset(one.event_id for one in told)}
        settle_asked(warehouse, company_id, table.name, these, [*failed, *noted], at=moment.at)
        standing += failed
    return standing


def _doubts(warehouse: Warehouse, company_id: str, table: sa.Table, told: Sequence[FetchResult]) -> dict[str, Doubt]:
    """Return why the lists of some events may be cut off: they promise no number, so nothing proves them."""
    if table is hub_rooms:
        return {}
    a, p = event_activity.c, event_participants.c
    found: dict[str, Doubt] = {}
    with warehouse.read() as connection:
        for one in told:
            rows = one.rows.by_table.get(table, []) if one.rows else []
            entries = one.rows.entries if one.rows else 0
            if not is_round(entries):
                continue
            c = table.c
            here = (c.company_id == company_id, c.event_id == one.event_id)
            before = set(connection.scalars(sa.select(c.person_id).where(*here)))
            people = sa.select(p.person_id).where(p.company_id == company_id, p.event_id == one.event_id)
            if table is registrants:
                people = sa.select(a.person_id).where(
                    a.company_id == company_id, a.event_id == one.event_id, a.registered_at.is_not(None)
                )
            witnesses = set(connection.scalars(people.distinct()))
            why = doubt(entries, [row[2] for row in rows], before, witnesses)
            if why is not None:
                found[one.event_id] = why
    return found


def failed_lists(standing: Iterable[Problem]) -> list[Outcome]:
    """Return an outcome for each dataset of which a list could not be had; it has no day."""
    of_each: dict[tuple[str, str], list[str]] = {}
    for one in standing:
        of_each.setdefault((one.company_id, one.dataset), []).append(f"event {one.event_id}: {one.reason}")
    return [
        Outcome(company_id, dataset, NO_DAY, SliceStatus.FAILED, "; ".join(reasons))
        for (company_id, dataset), reasons in of_each.items()
    ]


@repeats
def _store(
    warehouse: Warehouse,
    company_id: str,
    table: sa.Table,
    told: Sequence[FetchResult],
    known: Mapping[str, KnownEvent],
    moment: RunInfo,
) -> None:
    """Replace the rows of the events that told, and write the bookkeeping; what was there keeps when it was first seen."""
    event_ids = sorted(one.event_id for one in told)
    if not event_ids:
        return
    with warehouse.write(company_id) as connection:
        here = (table.c.company_id == company_id, among(table.c.event_id, event_ids))
        stored = {tuple(row) for row in connection.execute(sa.select(table).where(*here))}
        first_seen = {row[:3]: row[-1] for row in stored}
        registered = _registered(connection, company_id, [known[event_id] for event_id in event_ids])
        now: set[Row] = set()
        for one in told:
            for row in one.rows.by_table.get(table, []) if one.rows else ():
                whole = (*row, first_seen.get(row[:3], moment.at))
                if table is registrants:
                    whole = (*whole[:3], registered.get((row[1], row[2])), *whole[4:])
                now.add(whole)
        bulk.delete(connection, table, list(stored - now))
        bulk.insert(connection, table, list(now - stored))
        seen = [(person, NO_DAY) for one in told if one.rows for person in one.rows.people.values()]
        people.remember(connection, company_id, seen)
        _note(connection, company_id, table, moment, has_changed=stored != now)


def note_registered(connection: sa.Connection, company_id: str, events: Sequence[KnownEvent]) -> None:
    """Give the registrants of these events the times that their activity tells now."""
    registered = _registered(connection, company_id, events)
    r, here = registrants.c, registrants.c.company_id == company_id
    chosen = sa.select(registrants).where(here, among(r.event_id, [event.event_id for event in events]))
    moved = [
        {**row._mapping, "registered_at": at}
        for row in connection.execute(chosen)
        if (at := registered.get((row.event_id, row.person_id))) != row.registered_at
    ]
    if moved:
        bulk.upsert(connection, registrants, moved)
        replacement.sum_up(connection, company_id, registrants)


def _note(connection: sa.Connection, company_id: str, table: sa.Table, moment: RunInfo, *, has_changed: bool) -> None:
    """Write the bookkeeping; the checksum, which needs every row, only where a row has changed."""
    r = refreshes.c
    here = (r.company_id == company_id, r.dataset == table.name, r.day == NO_DAY)
    if not has_changed and connection.scalar(sa.select(r.rows).where(*here)) is not None:
        moved = {"refreshed_at": moment.at, "run_id": moment.run_id}
        through = {"data_through": moment.through, "full_through": moment.through}
        connection.execute(refreshes.update().where(*here).values(**moved))
        connection.execute(refreshes.update().where(*here, r.data_through < moment.through).values(**through))
        return
    replacement.note_stored(connection, company_id, table, at=moment.at, through=moment.through, run_id=moment.run_id)


def _registered(
    connection: sa.Connection, company_id: str, events: Sequence[KnownEvent]
) -> dict[tuple[str, str], datetime | None]:
    """Return when people registered, as their activity tells it."""
    days = {event.starts_at.date() for event in events if event.starts_at is not None}
    a = event_activity.c
    chosen = (a.company_id == company_id, among(a.day, sorted(days)), among(a.event_id, [e.event_id for e in events]))
    query = sa.select(a.event_id, a.person_id, a.registered_at).where(*chosen)
    return {(row.event_id, row.person_id): row.registered_at for row in connection.execute(query)}
