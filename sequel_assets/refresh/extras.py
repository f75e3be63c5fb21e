"""What belongs to an event as a whole, of the events that start on the days that are asked: asked, committed, told.

Slices are by the day on which the event starts. An event that fails fails the slices of its endpoint and day by name;
an endpoint that tells nothing of the company makes its datasets unavailable there, and nothing else suffers.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse import availability
from sequel_assets.warehouse.catalog import KnownEvent
from sequel_assets.warehouse.engagement_tables import OF_EVENTS
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.tables import STAGE, refreshes
from sequel_assets.warehouse.tables import problems as problems_table

from .activity import ACTIVITY
from .datasets import EXTRAS_NAMES
from .due import Coverage
from .extras_batch import DayOfEvents, ExtrasBatch
from .hot import is_under_way
from .interactions import INTERACTIONS
from .moment import Moment
from .outcomes import Outcome
from .pending import Pending
from .replays import REPLAYS
from .retention import NONE_FROZEN
from .settling import settle_asked
from .taking_out import take_out
from .told import Asked, Family
from .whole_events import PROBES, EndpointAsker
from .work import Context

FAMILIES: tuple[Family, ...] = (ACTIVITY, INTERACTIONS, REPLAYS)


@dataclass
class Extras:
    """The events of one company as a whole, within its refresh."""

    context: Context
    warehouse: Warehouse
    pool: Executor
    company_id: str
    events: Sequence[KnownEvent]
    moment: Moment
    person_key: str
    noted: frozenset[str] = field(default=frozenset(), init=False)
    """Datasets with problems: those that may have to be settled."""

    def run(self, days: Mapping[date, Coverage], alone: Sequence[str], pending: Pending) -> Iterator[Outcome]:
        """Yield an outcome for each slice of the days, and write those of single events.

        Those are the ones asked `alone`, and where their day is kept those that are new, start at another time, or in an
        hourly refresh are under way since another day.
        """
        stages = [
            Asked(self.company_id, event, event.starts_at.date(), self.person_key)
            for event in self.events
            if event.event_type == STAGE and event.starts_at is not None
        ]
        self._take_out_moved([asked for asked in stages if asked.event.event_id in pending.restarted])
        is_hourly, anew = Coverage.HOT in days.values(), pending.newcomers | pending.restarted
        again = [
            asked
            for asked in stages
            if asked.event.event_id in anew or (is_hourly and is_under_way(asked.event, self.moment.at))
        ]
        kept = self._kept_days() if again else set()
        plan = self._plan(stages, days, {*alone, *(asked.event.event_id for asked in again if asked.day in kept)})
        with self.warehouse.read() as connection:
            absent = availability.unavailable_datasets(connection, self.company_id)
            present = availability.known_available(connection, self.company_id)
            p = problems_table.c
            chosen = (p.company_id == self.company_id, p.dataset.in_(EXTRAS_NAMES))
            self.noted = frozenset(connection.scalars(sa.select(p.dataset).where(*chosen).distinct()))
        for family in FAMILIES:
            names = {table.name for table in family.tables}
            yield from self._family(family, plan, stages, was_absent=bool(names & absent), was_there=names <= present)

    def _plan(self, stages: Sequence[Asked], days: Mapping[date, Coverage], alone: set[str]) -> list[DayOfEvents]:
        """Return the days with the events that start on them; events asked alone on other days come by themselves."""
        of_day: dict[date, list[Asked]] = {day: [] for day in sorted(days)}
        single = []
        first_held = self.context.frozen_before.get(self.company_id, NONE_FROZEN)
        for asked in stages:
            if asked.day in of_day:
                of_day[asked.day].append(asked)
            elif asked.event.event_id in alone and asked.day >= first_held:
                single.append(DayOfEvents(asked.day, None, (asked,)))
        return [DayOfEvents(day, days[day], tuple(theirs)) for day, theirs in of_day.items()] + single

    def _family(
        self,
        family: Family,
        plan: Sequence[DayOfEvents],
        stages: Sequence[Asked],
        *,
        was_absent: bool,
        was_there: bool,
    ) -> Iterator[Outcome]:
        asker = EndpointAsker(self.context, family, self.pool)
        is_full = any(day.coverage in {Coverage.FULL, Coverage.EXTRAS} for day in plan)
        wanted = {asked.event.event_id: asked for day in plan for asked in day.events}
        candidates = self._candidates(stages, wanted) if wanted or (was_absent and is_full) else []
        probes = 1 if was_absent and not is_full else PROBES
        probed = {told.event_id: told for told in asker.probe(candidates, probes=probes)}
        if asker.unavailable or (was_absent and not probed):
            self._note_unavailable(family, plan, asker.unavailable)
            return
        if probed and (is_full or not was_there):
            self._note(family, "")
        left = [asked for event_id, asked in wanted.items() if event_id not in probed]
        for some in in_turns(plan):
            batch = ExtrasBatch(self.company_id, self.moment, family, frozenset(e.event_id for e in self.events))
            here = {asked.event.event_id for day in some for asked in day.events}
            told = probed | {one.event_id: one for one in asker.ask(a for a in left if a.event.event_id in here)}
            for day in some:
                batch.add(day, told)
            yield from batch.commit(self.warehouse, self.noted)

    def _candidates(self, stages: Sequence[Asked], wanted: Mapping[str, Asked]) -> list[Asked]:
        """Return events to try an endpoint with: those that are wanted first, of them those that have begun, latest first."""
        now = self.moment.at

        def rank(asked: Asked) -> tuple[bool, bool, float]:
            starts = asked.event.starts_at or now
            return (asked.event.event_id not in wanted, starts > now, -starts.timestamp())

        return sorted(stages, key=rank)[: 2 * PROBES]

    def _note_unavailable(self, family: Family, plan: Sequence[DayOfEvents], reason: str) -> None:
        if reason:
            self._note(family, reason)
        asked = {day.day: day.asked for day in plan}
        for table in family.tables:
            if table.name in self.noted:
                settle_asked(self.warehouse, self.company_id, table.name, asked, [], at=self.moment.at)

    def _note(self, family: Family, reason: str) -> None:
        names = [table.name for table in family.tables]
        availability.note(self.warehouse, self.company_id, names, reason=reason, at=self.moment.at)

    def _take_out_moved(self, restarted: Sequence[Asked]) -> None:
        """Take the rows of events that start on another day now from their old one."""
        if not restarted:
            return
        with self.warehouse.write(self.company_id) as connection:
            for asked in restarted:
                for table in OF_EVENTS:
                    take_out(connection, table, self.company_id, asked.event.event_id, self.moment, but=asked.day)

    def _kept_days(self) -> set[date]:
        r = refreshes.c
        chosen = (r.company_id == self.company_id, r.dataset.in_(EXTRAS_NAMES))
        with self.warehouse.read() as connection:
            return set(connection.scalars(sa.select(r.day).where(*chosen).distinct()))


MOST_EVENTS_AT_ONCE = 64


def in_turns(plan: Sequence[DayOfEvents]) -> Iterator[list[DayOfEvents]]:
    """Yield the days in portions of some events each: what is asked before it is committed."""
    some: list[DayOfEvents] = []
    for day in plan:
        some.append(day)
        if sum(len(one.events) for one in some) >= MOST_EVENTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
