"""Days of what belongs to events as a whole, on their way into one transaction."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus, held
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.problems import settle_asked
from sequel_assets.refresh.details.endpoint import Endpoint, EventRequest, FetchResult
from sequel_assets.refresh.details.load_rosters import note_registered
from sequel_assets.refresh.discovery.event_ownership import cannot_be_read
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState
from sequel_assets.warehouse.slices.replacement import SliceResult, SliceUpdate, replace_slices
from sequel_assets.warehouse.stores import people
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.people import Person
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets.warehouse.tables.event_details import activity_totals, event_activity


@dataclass(frozen=True)
class DayOfEvents:
    """A day that is asked: with the events that start on it, or (coverage None) one of them for its own sake."""

    day: date
    coverage: DayCoverage | None
    events: tuple[EventRequest, ...]

    @property
    def asked(self) -> frozenset[str] | None:
        """Return whose problems are settled; None for everybody's."""
        return None if self.coverage else frozenset(asked.event.event_id for asked in self.events)


@dataclass
class DetailsBatch:
    """Slices of the datasets of one endpoint, of one company, and the people and problems that go with them."""

    company_id: str
    moment: RunInfo
    family: Endpoint
    tables: tuple[sa.Table, ...]
    """Those of its tables that are told of the company."""
    present: frozenset[str]
    """Every event of the company: one that starts on another day now has no rows left on a day that is asked."""
    updates: dict[str, list[SliceUpdate]] = field(default_factory=dict)
    beside: dict[date, list[Row]] = field(default_factory=dict)
    seen: list[tuple[Person, date]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    asked: dict[date, frozenset[str] | None] = field(default_factory=dict)
    costs: dict[date, tuple[int, float]] = field(default_factory=dict)
    events: list[KnownEvent] = field(default_factory=list)
    outside: dict[str, set[str]] = field(default_factory=dict)
    """event that was told -> its times outside the calendar."""

    def add(self, day: DayOfEvents, told: Mapping[str, FetchResult]) -> None:
        """Turn what the events of a day told into its slices, or into problems."""
        here = [told[asked.event.event_id] for asked in day.events]
        before = self.asked.get(day.day, frozenset())
        self.events += [asked.event for asked in day.events]
        self.asked[day.day] = None if day.asked is None or before is None else before | day.asked
        requests, seconds = self.costs.get(day.day, (0, 0.0))
        self.costs[day.day] = (requests + sum(t.requests for t in here), seconds + sum(t.seconds for t in here))
        kept = {one.event_id for one in here if one.rows is None}
        asked = (self.present if day.coverage else frozenset(one.event_id for one in here)) - kept
        through = self.moment.through
        is_full = day.coverage in {DayCoverage.FULL, DayCoverage.EVENT_DETAILS}
        good = 0
        for table in self.tables:
            failed = [
                Problem(self.company_id, table.name, why, day.day, one.event_id)
                for one in here
                if (why := one.failure(table))
            ]
            self.failed += failed
            if failed:
                continue
            good += 1
            rows = [row for one in here if one.rows is not None for row in one.rows.by_table.get(table, [])]
            update = SliceUpdate(
                table,
                day.day,
                rows,
                asked,
                through,
                data_through=through if day.coverage else None,
                full_through=through if is_full else None,
                accepts_loss=self.moment.accepts_loss,
            )
            self.updates.setdefault(table.name, []).append(update)
        self.outside.update({one.event_id: one.rows.outside for one in here if one.rows is not None})
        for one in here:
            if good and one.rows is not None:
                self.seen += [(person, day.day) for person in one.rows.people.values()]
                for total in one.rows.by_table.get(activity_totals, []):
                    self.beside.setdefault(day.day, []).append((*total, through))

    def commit(self, warehouse: Warehouse, noted: Collection[str]) -> Iterator[Outcome]:
        """Write all of it in one transaction, its problems in others, and yield what became of each slice.

        `noted` are datasets that have problems already: only those, and those that get some, are settled.
        """
        results = warehouse.change(self._write, self.company_id) if self.updates else []
        kept = [result for result in results if result.state is SliceState.QUARANTINED]
        written = [result for result in results if result.state is not SliceState.QUARANTINED]
        self._note_times(warehouse, noted)
        for table in self.tables:
            problems = [problem for problem in self.failed if problem.dataset == table.name]
            stays = [one for one in kept if one.table is table]
            problems += [Problem(self.company_id, table.name, held(one.loss), one.day) for one in stays]
            if problems or table.name in noted:
                settle_asked(warehouse, self.company_id, table.name, self.asked, problems, at=self.moment.at)
            for result in written:
                if result.table is table:
                    yield outcome_of(self.company_id, result, *self.costs[result.day])
            for day in sorted({problem.day for problem in problems}):
                reasons = (
                    f"event {problem.event_id}: {problem.reason}" if problem.event_id else problem.reason
                    for problem in problems
                    if problem.day == day
                )
                requests, seconds = self.costs[day]
                yield Outcome(
                    self.company_id,
                    table.name,
                    day,
                    SliceStatus.FAILED,
                    "; ".join(reasons),
                    requests=requests,
                    seconds=seconds,
                )

    def _write(self, connection: sa.Connection) -> list[SliceResult]:
        results = [one for updates in self.updates.values() for one in self._replace(connection, updates)]
        people.remember(connection, self.company_id, self.seen)
        if event_activity.name in self.updates:
            note_registered(connection, self.company_id, self.events)
        return results

    def _note_times(self, warehouse: Warehouse, noted: Collection[str]) -> None:
        """Name the events with times that make no sense: a problem without a day, which fails no slice."""
        name = self.family.tables[0].name
        notes = [
            Problem(self.company_id, name, cannot_be_read(outside), event_id=event_id)
            for event_id, outside in self.outside.items()
            if outside
        ]
        if notes or name in noted:
            asked = {NO_DAY: frozenset(self.outside)}
            settle_asked(warehouse, self.company_id, name, asked, notes, at=self.moment.at)

    def _replace(self, connection: sa.Connection, updates: list[SliceUpdate]) -> list[SliceResult]:
        moment = self.moment
        results = []
        for some in _each_day_once(updates):
            results += replace_slices(
                connection, self.company_id, some, at=moment.at, late_window=moment.late_window, run_id=moment.run_id
            )
            for update, result in zip(some, results[-len(some) :], strict=True):
                beside = self.family.beside.get(result.table.name)
                if beside is not None and result.state in {SliceState.CHANGED, SliceState.UNCHANGED}:
                    _replace_beside(connection, beside, self.company_id, update, self.beside.get(update.day, []))
        return results


def _each_day_once(updates: list[SliceUpdate]) -> Iterator[list[SliceUpdate]]:
    """Yield the updates so that no two of a group are of the same day."""
    left = updates
    while left:
        days: set[date] = set()
        now: list[SliceUpdate] = []
        later: list[SliceUpdate] = []
        for update in left:
            (later if update.day in days else now).append(update)
            days.add(update.day)
        yield now
        left = later


def _replace_beside(
    connection: sa.Connection, table: sa.Table, company_id: str, update: SliceUpdate, rows: list[Row]
) -> None:
    here = (table.c.company_id == company_id, table.c.day == update.day)
    event = list(table.columns).index(table.c.event_id)
    asked = update.requested or frozenset()
    stored = [tuple(row) for row in connection.execute(sa.select(table).where(*here)) if row.event_id in asked]
    new = [row for row in rows if row[event] in asked]
    if set(stored) != set(new):
        bulk.delete(connection, table, stored)
        bulk.insert(connection, table, new)
