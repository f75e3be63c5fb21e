"""Who registered for events, who is listed in hubs, and the rooms of hubs: kept by event, without a day.

An event whose list cannot be had keeps the rows that it has, and a problem says so by name.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.core.list_completeness import Doubt, doubt, is_round
from sequel_assets.refresh.core.run_context import RunContext, RunInfo
from sequel_assets.refresh.coverage.active_events import is_under_way
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchResult
from sequel_assets.refresh.datasets.lists import LIST_ENDPOINTS
from sequel_assets.refresh.details.availability_probe import AvailabilityProbe
from sequel_assets.refresh.load import SliceBatch, Written, load_slices
from sequel_assets.sequel import Event
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.slices import replacement
from sequel_assets.warehouse.stores import availability, catalog
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.company_lists import LISTED_OF, registrants
from sequel_assets.warehouse.tables.core import HUB, NO_DAY, event_participants, problems, refreshes
from sequel_assets.warehouse.tables.event_details import event_activity

LATELY = timedelta(days=30)


def due_events(events: Iterable[KnownEvent], days: Mapping[date, DayCoverage], now: datetime) -> list[KnownEvent]:
    """Return the events and hubs whose lists a refresh of these days requests: what an hour costs is decided here.

    Those that start on the days or are under way and, where a day is requested in full (so at least at each day's close), all that are
    upcoming, under way or ended within 30 days. A hub is requested with the events that link it.
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
    """Return the events and hubs whose lists could not be had: every refresh requests them once more."""
    p = problems.c
    chosen = (p.company_id == company_id, p.dataset.in_([table.name for table in LISTED_OF]), p.event_id != "")
    return set(connection.scalars(sa.select(p.event_id).where(*chosen)))


def refresh_lists(
    context: RunContext,
    company_id: str,
    event_ids: Collection[str],
    listed: Mapping[str, Event] | None = None,
    *,
    is_full: bool,
) -> list[Problem]:
    """Fetch the lists of these events and hubs of a company, load them, and return what could not be had.

    `listed` are the events as their list has just answered them: what comes with it is loaded for all of them.
    With `is_full` a list that is unavailable so far is tried again with more than one of them.
    """
    warehouse, run_info = context.warehouse, context.run_info
    known, ruled_out, available = warehouse.ask(
        lambda connection: (
            catalog.known_events(connection, company_id),
            catalog.excluded_events(connection, company_id),
            availability.known(connection, company_id, run_info.at),
        )
    )
    there = [
        EventRequest(company_id, event, NO_DAY, context.config.person_key, (listed or {}).get(key))
        for key, event in sorted(known.items())
        if key not in ruled_out and (key in event_ids or event.vanished_at is None)
    ]
    failed: list[Problem] = []
    for endpoint in LIST_ENDPOINTS:
        (table,) = endpoint.tables
        chosen = event_ids if listed is None or not endpoint.comes_with_list else listed.keys()
        of_kind = [request for request in there if request.event.event_type == LISTED_OF[table]]
        wanted = {request.event.event_id: request for request in of_kind if request.event.event_id in chosen}
        if not wanted:
            continue
        probe = AvailabilityProbe(context, company_id, endpoint, available, is_full)
        probe.run(of_kind, wanted)
        if table in probe.absent:
            continue
        fetched = [one for event_id, one in probe.fetch(wanted).items() if event_id in wanted]
        batch = ListBatch(company_id, run_info, (table.name,), endpoint, known)
        batch.add(fetched, _doubts(warehouse, company_id, table, [one for one in fetched if one.answers(table)]))
        for _ in load_slices(warehouse, batch):
            pass  # a list has no slice: its caller reports what failed
        failed += batch.failed
    return failed


def _doubts(warehouse: Warehouse, company_id: str, table: sa.Table, fetched: Sequence[FetchResult]) -> dict[str, Doubt]:
    """Return why the lists of some events may be cut off: no total comes with them, so nothing verifies them."""
    a, p, c = event_activity.c, event_participants.c, table.c
    lists = {one.event_id: one.rows for one in fetched if one.rows and is_round(one.rows.entries)}
    if not lists:
        return {}
    found: dict[str, Doubt] = {}
    with warehouse.read() as connection:
        for event_id, rows in lists.items():
            here = (c.company_id == company_id, c.event_id == event_id)
            before = set(connection.scalars(sa.select(c.person_id).where(*here)))
            people = sa.select(p.person_id).where(p.company_id == company_id, p.event_id == event_id)
            if table is registrants:
                people = sa.select(a.person_id).where(
                    a.company_id == company_id, a.event_id == event_id, a.registered_at.is_not(None)
                )
            witnesses = set(connection.scalars(people.distinct()))
            why = doubt(rows.entries, [row[2] for row in rows.by_table.get(table, [])], before, witnesses)
            if why is not None:
                found[event_id] = why
    return found


@dataclass
class ListBatch(SliceBatch):
    """The lists of some events and hubs of one company, of one dataset: the rows of each event are replaced."""

    endpoint: Endpoint
    known: Mapping[str, KnownEvent]
    fetched: list[FetchResult] = field(default_factory=list, init=False)

    def add(self, fetched: Sequence[FetchResult], doubts: Mapping[str, Doubt]) -> None:
        """Turn lists into rows, or into problems; one that may be cut off is quarantined or noted."""
        table = self.endpoint.tables[0]
        name = table.name
        quarantined = {at for at, why in doubts.items() if why.is_quarantined and not self.run_info.accepts_loss}
        self.fetched = [one for one in fetched if one.answers(table) and one.event_id not in quarantined]
        self.requested[NO_DAY] = frozenset(one.event_id for one in fetched)
        for one in fetched:
            why = one.failure(table)
            self.failed += [Problem(self.company_id, name, why, event_id=one.event_id)] if why else []
        for one in self.fetched:
            self.seen += [(person, NO_DAY) for person in one.rows.people.values()] if one.rows else []
        self.failed += [Problem(self.company_id, name, doubts[at].reason, event_id=at) for at in sorted(quarantined)]
        self.notes = [
            Problem(self.company_id, name, why.reason, event_id=at)
            for at, why in doubts.items()
            if not why.is_quarantined
        ]

    @property
    def has_changes(self) -> bool:
        """Say whether any list is to be stored."""
        return bool(self.fetched)

    def write(self, connection: sa.Connection) -> Written:
        """Replace the rows of the events, and write the bookkeeping; what was there keeps when it was first seen."""
        (table,), company_id = self.endpoint.tables, self.company_id
        keys, stored = len(table.primary_key.columns), self._stored(connection, table)
        first_seen = {row[:keys]: row[-1] for row in stored}
        now = {(*row, first_seen.get(row[:keys], self.run_info.at)) for row in self._rows(table)}
        if table is registrants:
            registered = _registered(connection, company_id, [self.known[one.event_id] for one in self.fetched])
            now = {(*row[:3], registered.get((row[1], row[2])), *row[4:]) for row in now}
        bulk.exchange(connection, table, stored, now)
        for beside in self.endpoint.beside.values():
            bulk.exchange(connection, beside, self._stored(connection, beside), self._rows(beside))
        written = super().write(connection)
        _note(connection, company_id, table, self.run_info, has_changed=stored != now)
        return written

    def _rows(self, table: sa.Table) -> set[Row]:
        """Return what was fetched for a table."""
        return {row for one in self.fetched if one.rows for row in one.rows.by_table.get(table, [])}

    def _stored(self, connection: sa.Connection, table: sa.Table) -> set[Row]:
        """Return the rows that a table has of the events."""
        events = among(table.c.event_id, sorted(one.event_id for one in self.fetched))
        here = sa.select(table).where(table.c.company_id == self.company_id, events)
        return {tuple(row) for row in connection.execute(here)}


def note_registered(connection: sa.Connection, company_id: str, events: Sequence[KnownEvent]) -> None:
    """Give the registrants of these events the times that their activity has now."""
    a, r = event_activity.c, registrants.c
    days = {event.starts_at.date() for event in events if event.starts_at is not None}
    same = (
        a.company_id == company_id,
        among(a.day, sorted(days)),
        a.event_id == r.event_id,
        a.person_id == r.person_id,
    )
    at = sa.select(sa.func.max(a.registered_at)).where(*same).scalar_subquery()
    here = (r.company_id == company_id, among(r.event_id, [event.event_id for event in events]))
    moved = connection.execute(
        registrants.update().where(*here, r.registered_at.is_distinct_from(at)).values(registered_at=at)
    )
    if moved.rowcount:
        replacement.sum_up(connection, company_id, registrants)


def _note(connection: sa.Connection, company_id: str, table: sa.Table, run_info: RunInfo, *, has_changed: bool) -> None:
    """Write the bookkeeping; the checksum, which needs every row, only where a row has changed."""
    r = refreshes.c
    here = (r.company_id == company_id, r.dataset == table.name, r.day == NO_DAY)
    if not has_changed:
        moved = {"refreshed_at": run_info.at, "run_id": run_info.run_id}
        through = {"data_through": run_info.through, "full_through": run_info.through}
        is_there = connection.execute(refreshes.update().where(*here).values(**moved)).rowcount
        if is_there:
            connection.execute(refreshes.update().where(*here, r.data_through < run_info.through).values(**through))
            return
    replacement.note_stored(
        connection, company_id, table, at=run_info.at, through=run_info.through, run_id=run_info.run_id
    )


def _registered(
    connection: sa.Connection, company_id: str, events: Sequence[KnownEvent]
) -> dict[tuple[str, str], datetime | None]:
    """Return when people registered, as their activity has it."""
    days = {event.starts_at.date() for event in events if event.starts_at is not None}
    a = event_activity.c
    chosen = (a.company_id == company_id, among(a.day, sorted(days)), among(a.event_id, [e.event_id for e in events]))
    query = sa.select(a.event_id, a.person_id, a.registered_at).where(*chosen)
    return {(row.event_id, row.person_id): row.registered_at for row in connection.execute(query)}
