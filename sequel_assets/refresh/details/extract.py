"""Event details of the events that start on the days of a refresh: fetched endpoint by endpoint, and loaded.

Slices are by the day on which the event starts. An event that fails fails the slices of its endpoint and day by name;
what an endpoint answers for no event of the company is unavailable there, and nothing else suffers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import CORE_NAMES, DETAIL_ENDPOINTS, DETAIL_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.coverage.active_events import is_under_way
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchFailure, FetchResult
from sequel_assets.refresh.details.activity_unit import with_unit_verified
from sequel_assets.refresh.details.availability_probe import AvailabilityProbe, answered_tables
from sequel_assets.refresh.details.load import DayOfEvents, DetailsBatch
from sequel_assets.refresh.discovery.event_removal import take_out
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.stores.availability import KnownAvailability
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import replace_problems
from sequel_assets.warehouse.tables.core import STAGE, event_participants, refreshes
from sequel_assets.warehouse.tables.core import problems as problems_table
from sequel_assets.warehouse.tables.event_details import OF_EVENTS, event_activity


@dataclass
class EventDetails:
    """The event details of one company, within its refresh."""

    context: RunContext
    company_id: str
    events: Sequence[KnownEvent]
    noted: frozenset[str] = field(default=frozenset(), init=False)
    """Datasets with problems: those whose problems may have to be replaced."""

    def run(self, days: Mapping[date, DayCoverage], alone: Sequence[str], pending: Pending) -> Iterator[Outcome]:
        """Yield an outcome for each slice of the days, and write those of single events.

        Those are the ones requested `alone`, and where their day is kept those that are new, start at another time, or in an
        hourly refresh are under way since another day.
        """
        stages = [
            EventRequest(self.company_id, event, event.starts_at.date(), self.context.config.person_key)
            for event in self.events
            if event.event_type == STAGE and event.starts_at is not None
        ]
        self._take_out_moved([request for request in stages if request.event.event_id in pending.restarted])
        is_hourly, changed = DayCoverage.ACTIVE in days.values(), pending.newcomers | pending.restarted
        once_more = [
            request
            for request in stages
            if request.event.event_id in changed
            or (is_hourly and is_under_way(request.event, self.context.run_info.at))
        ]
        kept = self._kept_days() if once_more else set()
        plan = self._plan(
            stages, days, {*alone, *(request.event.event_id for request in once_more if request.day in kept)}
        )
        known, self.noted = self.context.warehouse.ask(self._known)
        for endpoint in DETAIL_ENDPOINTS:
            yield from self._endpoint(endpoint, plan, stages, known)

    def _known(self, connection: sa.Connection) -> tuple[KnownAvailability, frozenset[str]]:
        """Return which datasets are available, and those with problems."""
        p = problems_table.c
        chosen = (p.company_id == self.company_id, p.dataset.in_(DETAIL_NAMES))
        return (
            availability.known(connection, self.company_id, self.context.run_info.at),
            frozenset(connection.scalars(sa.select(p.dataset).where(*chosen).distinct())),
        )

    def _plan(
        self, stages: Sequence[EventRequest], days: Mapping[date, DayCoverage], alone: set[str]
    ) -> list[DayOfEvents]:
        """Return the days with the events that start on them; events requested alone on other days come by themselves."""
        of_day: dict[date, list[EventRequest]] = {day: [] for day in sorted(days)}
        single = []
        first_unfrozen = self.context.run_info.first_unfrozen(self.company_id)
        for request in stages:
            if request.day in of_day:
                of_day[request.day].append(request)
            elif request.event.event_id in alone and request.day >= first_unfrozen:
                single.append(DayOfEvents(request.day, None, (request,)))
        return [DayOfEvents(day, days[day], tuple(theirs)) for day, theirs in of_day.items()] + single

    def _endpoint(
        self, endpoint: Endpoint, plan: Sequence[DayOfEvents], stages: Sequence[EventRequest], known: KnownAvailability
    ) -> Iterator[Outcome]:
        """Fetch one endpoint, and load its slices portion by portion."""
        is_full = any(day.coverage in {DayCoverage.FULL, DayCoverage.EVENT_DETAILS} for day in plan)
        wanted = {request.event.event_id: request for day in plan for request in day.events}
        of_event = {request.event.event_id: request for request in stages}
        probe = AvailabilityProbe(self.context, self.company_id, endpoint, known, is_full)
        probe.run(stages if wanted or (probe.lacking and is_full) else (), wanted)
        self._leave_out(probe.absent, plan)
        if probe.absent == {*endpoint.tables}:
            return
        present = frozenset(event.event_id for event in self.events)
        for portion in portions(plan):
            here = {request.event.event_id: request for day in portion for request in day.events}
            fetched = probe.fetch(here)
            if event_activity in endpoint.tables:
                fetched = self._with_unit_verified(of_event, fetched)  # the probe's are among them, of any day
            is_answered = not probe.unknown or answered_tables(endpoint, fetched.values())
            if endpoint.needs_audience and is_answered:  # else the company may be refused, not the event
                fetched = self._with_no_audience(fetched)
            datasets = tuple(table.name for table in endpoint.tables if table not in probe.absent)
            batch = DetailsBatch(self.company_id, self.context.run_info, datasets, endpoint, present)
            for day in portion:
                batch.add(day, fetched)
            yield from batch.commit(self.context.warehouse, self.noted)

    def _with_unit_verified(
        self, of_event: Mapping[str, EventRequest], fetched: Mapping[str, FetchResult]
    ) -> dict[str, FetchResult]:
        return self.context.warehouse.ask(
            lambda connection: with_unit_verified(connection, self.company_id, of_event, fetched)
        )

    def _with_no_audience(self, fetched: Mapping[str, FetchResult]) -> dict[str, FetchResult]:
        """Return what was fetched; a 404 of an event without a minute is no failure: nobody was there to say anything."""
        refused = {event_id for event_id, one in fetched.items() if one.failure_kind is FetchFailure.NOT_FOUND}
        if not refused:
            return dict(fetched)
        seen = self.context.warehouse.ask(lambda connection: events_with_audience(connection, self.company_id, refused))
        empty = FetchFailure.NO_AUDIENCE
        return {**fetched, **{one: replace(fetched[one], failure_kind=empty, reason="") for one in refused - seen}}

    def _leave_out(self, absent: Collection[sa.Table], plan: Sequence[DayOfEvents]) -> None:
        """Remove the problems of tables that are unavailable: nothing is owed of them."""
        requested = {day.day: day.requested for day in plan}
        noted = {table.name: requested for table in absent if table.name in self.noted}
        replace_problems(self.context.warehouse, self.company_id, noted, [], at=self.context.run_info.at)

    @repeats
    def _take_out_moved(self, restarted: Sequence[EventRequest]) -> None:
        """Take the rows of events that start on another day now from their old one."""
        if not restarted:
            return
        with self.context.warehouse.write(self.company_id) as connection:
            for request in restarted:
                for table in OF_EVENTS:
                    take_out(
                        connection,
                        table,
                        self.company_id,
                        request.event.event_id,
                        self.context.run_info,
                        but=request.day,
                    )

    @repeats
    def _kept_days(self) -> set[date]:
        r = refreshes.c
        chosen = (r.company_id == self.company_id, r.dataset.in_(DETAIL_NAMES))
        with self.context.warehouse.read() as connection:
            return set(connection.scalars(sa.select(r.day).where(*chosen).distinct()))


def events_with_audience(connection: sa.Connection, company_id: str, event_ids: Collection[str]) -> set[str]:
    """Return those of the events that somebody came to, by minutes or by activity, and those whose minutes could not be had."""
    p, a, n = event_participants.c, event_activity.c, problems_table.c
    came = sa.or_(a.attended, a.viewed_replay, a.live_minutes > 0, a.on_demand_minutes > 0)
    seen = ((p, sa.true()), (a, came), (n, n.dataset.in_(CORE_NAMES)))
    return {
        event_id
        for c, where in seen
        for event_id in connection.scalars(
            sa.select(c.event_id).where(c.company_id == company_id, among(c.event_id, event_ids), where).distinct()
        )
    }


MAX_EVENTS_AT_ONCE = 64


def portions(plan: Sequence[DayOfEvents]) -> Iterator[list[DayOfEvents]]:
    """Yield the days in portions of some events each: what is fetched before it is committed."""
    some: list[DayOfEvents] = []
    for day in plan:
        some.append(day)
        if sum(len(one.events) for one in some) >= MAX_EVENTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
