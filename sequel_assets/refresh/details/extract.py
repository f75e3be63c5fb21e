"""What belongs to an event as a whole, of the events that start on the days that are asked: asked, committed, told.

Slices are by the day on which the event starts. An event that fails fails the slices of its endpoint and day by name;
what an endpoint does not tell of any event of the company is unavailable there, and nothing else suffers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import CORE_NAMES, DETAIL_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RunContext, RunInfo
from sequel_assets.refresh.coverage.active_events import is_under_way
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.problems import settle_asked
from sequel_assets.refresh.details.activity import ACTIVITY
from sequel_assets.refresh.details.endpoint import Ending, Endpoint, EventRequest, FetchResult
from sequel_assets.refresh.details.fetcher import PROBES, STILL_TOLD, EndpointAsker, to_probe
from sequel_assets.refresh.details.interactions import INTERACTIONS
from sequel_assets.refresh.details.load import DayOfEvents, DetailsBatch
from sequel_assets.refresh.details.replays import REPLAYS
from sequel_assets.refresh.discovery.event_removal import take_out
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import STAGE, event_participants, refreshes
from sequel_assets.warehouse.tables.core import problems as problems_table
from sequel_assets.warehouse.tables.event_details import OF_EVENTS, event_activity

ENDPOINTS: tuple[Endpoint, ...] = (ACTIVITY, INTERACTIONS, REPLAYS)


@dataclass
class EventDetails:
    """The events of one company as a whole, within its refresh."""

    context: RunContext
    warehouse: Warehouse
    pool: Executor
    company_id: str
    events: Sequence[KnownEvent]
    moment: RunInfo
    person_key: str
    noted: frozenset[str] = field(default=frozenset(), init=False)
    """Datasets with problems: those that may have to be settled."""

    def run(self, days: Mapping[date, DayCoverage], alone: Sequence[str], pending: Pending) -> Iterator[Outcome]:
        """Yield an outcome for each slice of the days, and write those of single events.

        Those are the ones asked `alone`, and where their day is kept those that are new, start at another time, or in an
        hourly refresh are under way since another day.
        """
        stages = [
            EventRequest(self.company_id, event, event.starts_at.date(), self.person_key)
            for event in self.events
            if event.event_type == STAGE and event.starts_at is not None
        ]
        self._take_out_moved([asked for asked in stages if asked.event.event_id in pending.restarted])
        is_hourly, anew = DayCoverage.ACTIVE in days.values(), pending.newcomers | pending.restarted
        again = [
            asked
            for asked in stages
            if asked.event.event_id in anew or (is_hourly and is_under_way(asked.event, self.moment.at))
        ]
        kept = self._kept_days() if again else set()
        plan = self._plan(stages, days, {*alone, *(asked.event.event_id for asked in again if asked.day in kept)})
        absent, lately, self.noted = self.warehouse.ask(self._books)
        for family in ENDPOINTS:
            yield from self._family(family, plan, stages, absent, lately)

    def _books(self, connection: sa.Connection) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Return the datasets that are unavailable, those told lately, and those with problems."""
        p = problems_table.c
        chosen = (p.company_id == self.company_id, p.dataset.in_(DETAIL_NAMES))
        return (
            availability.unavailable_datasets(connection, self.company_id),
            availability.answered_since(connection, self.company_id, self.moment.at - STILL_TOLD),
            frozenset(connection.scalars(sa.select(p.dataset).where(*chosen).distinct())),
        )

    def _plan(
        self, stages: Sequence[EventRequest], days: Mapping[date, DayCoverage], alone: set[str]
    ) -> list[DayOfEvents]:
        """Return the days with the events that start on them; events asked alone on other days come by themselves."""
        of_day: dict[date, list[EventRequest]] = {day: [] for day in sorted(days)}
        single = []
        first_unfrozen = self.moment.first_unfrozen(self.company_id)
        for asked in stages:
            if asked.day in of_day:
                of_day[asked.day].append(asked)
            elif asked.event.event_id in alone and asked.day >= first_unfrozen:
                single.append(DayOfEvents(asked.day, None, (asked,)))
        return [DayOfEvents(day, days[day], tuple(theirs)) for day, theirs in of_day.items()] + single

    def _family(
        self,
        family: Endpoint,
        plan: Sequence[DayOfEvents],
        stages: Sequence[EventRequest],
        absent: Collection[str],
        lately: Collection[str],
    ) -> Iterator[Outcome]:
        """Ask one endpoint. `absent` are datasets that are unavailable so far, `lately` those that were told not long ago."""
        asker = EndpointAsker(self.context, family, self.pool)
        is_full = any(day.coverage in {DayCoverage.FULL, DayCoverage.EVENT_DETAILS} for day in plan)
        wanted = {asked.event.event_id: asked for day in plan for asked in day.events}
        unknown = {table for table in family.tables if table.name not in lately}
        lacking = {table for table in unknown if table.name in absent}
        candidates = to_probe(stages, wanted, self.moment.at) if wanted or (lacking and is_full) else []
        probes = 1 if unknown == lacking and not is_full else PROBES
        probed = {told.event_id: told for told in asker.probe(candidates, unknown, probes=probes)}
        untold = {*lacking, *asker.untold} - told_of(family, probed.values())
        self._leave_out(untold, asker.untold, plan)
        if untold == {*family.tables}:
            return
        noted = set() if is_full else {table for table in family.tables if table.name in lately}
        left = [asked for event_id, asked in wanted.items() if event_id not in probed]
        for some in in_turns(plan):
            here = {asked.event.event_id for day in some for asked in day.events}
            told = probed | {one.event_id: one for one in asker.ask(a for a in left if a.event.event_id in here)}
            said = told_of(family, told.values())
            untold -= said
            self._note(said - noted, "")
            noted |= said
            tables = tuple(table for table in family.tables if table not in untold)
            batch = DetailsBatch(
                self.company_id, self.moment, family, tables, frozenset(e.event_id for e in self.events)
            )
            if family.needs_audience and (said or not unknown):  # else the 404 may be everybody's
                told = self._with_silent(told)
            for day in some:
                batch.add(day, told)
            yield from batch.commit(self.warehouse, self.noted)

    def _with_silent(self, told: Mapping[str, FetchResult]) -> dict[str, FetchResult]:
        """Return what was told, a 404 of an event without a minute taken for what it is: there was nobody to say anything."""
        refused = {event_id for event_id, one in told.items() if one.ending is Ending.NOT_FOUND}
        if not refused:
            return dict(told)
        seen = self.warehouse.ask(lambda connection: not_surely_silent(connection, self.company_id, refused))
        silent = refused - seen
        return {**told, **{one: replace(told[one], ending=Ending.SILENT, reason="") for one in silent}}

    def _leave_out(
        self, untold: Collection[sa.Table], reasons: Mapping[sa.Table, str], plan: Sequence[DayOfEvents]
    ) -> None:
        """Note why tables are unavailable, as far as that was found out now, and that nothing is owed of them."""
        for reason in sorted(set(reasons.values())):
            self._note([table for table, why in reasons.items() if why == reason], reason)
        asked = {day.day: day.asked for day in plan}
        for table in untold:
            if table.name in self.noted:
                settle_asked(self.warehouse, self.company_id, table.name, asked, [], at=self.moment.at)

    def _note(self, tables: Collection[sa.Table], reason: str) -> None:
        if tables:
            names = [table.name for table in tables]
            availability.note(self.warehouse, self.company_id, names, reason=reason, at=self.moment.at)

    @repeats
    def _take_out_moved(self, restarted: Sequence[EventRequest]) -> None:
        """Take the rows of events that start on another day now from their old one."""
        if not restarted:
            return
        with self.warehouse.write(self.company_id) as connection:
            for asked in restarted:
                for table in OF_EVENTS:
                    take_out(connection, table, self.company_id, asked.event.event_id, self.moment, but=asked.day)

    @repeats
    def _kept_days(self) -> set[date]:
        r = refreshes.c
        chosen = (r.company_id == self.company_id, r.dataset.in_(DETAIL_NAMES))
        with self.warehouse.read() as connection:
            return set(connection.scalars(sa.select(r.day).where(*chosen).distinct()))


def not_surely_silent(connection: sa.Connection, company_id: str, event_ids: Collection[str]) -> set[str]:
    """Return those of the events that somebody came to, by minutes or by activity, and those whose minutes could not be had."""
    p, a, n = event_participants.c, event_activity.c, problems_table.c
    came = sa.or_(a.attended, a.viewed_replay, a.live_minutes > 0, a.on_demand_minutes > 0)
    told = ((p, sa.true()), (a, came), (n, n.dataset.in_(CORE_NAMES)))
    return {
        event_id
        for c, where in told
        for event_id in connection.scalars(
            sa.select(c.event_id).where(c.company_id == company_id, among(c.event_id, event_ids), where).distinct()
        )
    }


def told_of(family: Endpoint, told: Collection[FetchResult]) -> set[sa.Table]:
    """Return the tables that any of these events tells something of."""
    return {table for table in family.tables if any(one.tells(table) for one in told)}


MAX_EVENTS_AT_ONCE = 64


def in_turns(plan: Sequence[DayOfEvents]) -> Iterator[list[DayOfEvents]]:
    """Yield the days in portions of some events each: what is asked before it is committed."""
    some: list[DayOfEvents] = []
    for day in plan:
        some.append(day)
        if sum(len(one.events) for one in some) >= MAX_EVENTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
