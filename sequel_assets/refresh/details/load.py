"""Days of event details, on their way into one transaction."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchResult
from sequel_assets.refresh.details.lists import note_registered
from sequel_assets.refresh.discovery.event_ownership import cannot_be_read
from sequel_assets.refresh.load import SliceBatch, Written, report_slices, write_slices
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem, replace_problems
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets.warehouse.tables.event_details import activity_totals, event_activity


@dataclass(frozen=True)
class DayOfEvents:
    """A day with the events that start on it, or (coverage None) one of them for its own sake."""

    day: date
    coverage: DayCoverage | None
    events: tuple[EventRequest, ...]

    @property
    def requested(self) -> frozenset[str] | None:
        """Return the events whose problems are replaced; None for all of them."""
        return None if self.coverage else frozenset(request.event.event_id for request in self.events)


@dataclass
class DetailsBatch(SliceBatch):
    """Slices of the datasets of one endpoint, of one company."""

    endpoint: Endpoint
    present: frozenset[str]
    """Every event of the company: one that starts on another day now has no rows left on a day that is requested."""
    beside: dict[date, list[Row]] = field(default_factory=dict, init=False)
    events: list[KnownEvent] = field(default_factory=list, init=False)
    outside: dict[str, set[str]] = field(default_factory=dict, init=False)
    """event that answered -> its times outside the calendar."""

    def add(self, day: DayOfEvents, fetched: Mapping[str, FetchResult]) -> None:
        """Turn what was fetched of the events of a day into its slices, or into problems."""
        here = [fetched[request.event.event_id] for request in day.events]
        before = self.requested.get(day.day, frozenset())
        self.events += [request.event for request in day.events]
        self.requested[day.day] = None if day.requested is None or before is None else before | day.requested
        requests, seconds = self.costs.get(day.day, (0, 0.0))
        self.costs[day.day] = (requests + sum(t.requests for t in here), seconds + sum(t.seconds for t in here))
        kept = {one.event_id for one in here if one.rows is None}
        replaced = (self.present if day.coverage else frozenset(one.event_id for one in here)) - kept
        through = self.run_info.through
        is_full = day.coverage in {DayCoverage.FULL, DayCoverage.EVENT_DETAILS}
        good = 0
        for table in self._tables():
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
                replaced,
                through,
                data_through=through if day.coverage else None,
                full_through=through if is_full else None,
                accepts_loss=self.run_info.accepts_loss,
            )
            self.updates.setdefault(table.name, []).append(update)
        self.outside.update({one.event_id: one.rows.outside for one in here if one.rows is not None})
        for one in here:
            if good and one.rows is not None:
                self.seen += [(person, day.day) for person in one.rows.people.values()]
                for total in one.rows.by_table.get(activity_totals, []):
                    self.beside.setdefault(day.day, []).append((*total, through))

    def _tables(self) -> list[sa.Table]:
        """Return those of the endpoint's tables that are answered of the company."""
        return [table for table in self.endpoint.tables if table.name in self.datasets]

    def commit(self, warehouse: Warehouse, noted: Collection[str]) -> Iterator[Outcome]:
        """Load the slices and yield what became of each; `noted` are datasets that have problems already."""
        written = write_slices(warehouse, self)
        self._note_times(warehouse, noted)
        yield from report_slices(warehouse, self, written, noted)

    def write(self, connection: sa.Connection) -> Written:
        """Write the slices, the tables that go with them, and when people registered."""
        written = super().write(connection)
        for update, result in written:
            beside = self.endpoint.beside.get(result.table.name)
            if beside is not None and result.state in {SliceState.CHANGED, SliceState.UNCHANGED}:
                _replace_beside(connection, beside, self.company_id, update, self.beside.get(update.day, []))
        if event_activity.name in self.updates:
            note_registered(connection, self.company_id, self.events)
        return written

    def _note_times(self, warehouse: Warehouse, noted: Collection[str]) -> None:
        """Name the events with times that make no sense: a problem without a day, which fails no slice."""
        name = self.endpoint.tables[0].name
        notes = [
            Problem(self.company_id, name, cannot_be_read(outside), event_id=event_id)
            for event_id, outside in self.outside.items()
            if outside
        ]
        if notes or name in noted:
            events = {NO_DAY: frozenset(self.outside)}
            replace_problems(warehouse, self.company_id, {name: events}, notes, at=self.run_info.at)


def _replace_beside(
    connection: sa.Connection, table: sa.Table, company_id: str, update: SliceUpdate, rows: list[Row]
) -> None:
    here = (table.c.company_id == company_id, table.c.day == update.day)
    event = table.columns.keys().index("event_id")
    replaced = update.requested or frozenset()
    stored = {tuple(row) for row in connection.execute(sa.select(table).where(*here)) if row.event_id in replaced}
    bulk.exchange(connection, table, stored, {row for row in rows if row[event] in replaced})
