"""Days that are fetched and verified, on their way into one transaction."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.load import SliceBatch, Written
from sequel_assets.refresh.usage.concurrency import ConcurrencyByDay
from sequel_assets.refresh.usage.event_worker import DayWork, EventWork
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.people import Person, person_id
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants

MAX_ROWS, MAX_DAYS, MAX_SECONDS = 20_000, 31, 1.0
"""A batch is committed when it reaches one of these."""
PARTICIPANTS, CONCURRENCY = event_participants.name, event_concurrency.name


@dataclass
class UsageBatch(SliceBatch):
    """Slices of one company's usage, and what goes with them: people, what the events' concurrency reached."""

    datasets: tuple[str, ...] = field(default=(PARTICIPANTS, CONCURRENCY), init=False)
    person_key: str
    spans: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict, init=False)
    """event -> first and last minute of its concurrency as it is now."""
    restarted: frozenset[str] = frozenset()
    """Events whose start moved: their concurrency may leave a final day."""
    vanished: set[str] = field(default_factory=set, init=False)
    rows: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        """Say whether it is time to commit."""
        return self.rows >= MAX_ROWS or len(self.requested) >= MAX_DAYS or time.monotonic() - self.began >= MAX_SECONDS

    def add(
        self,
        day: date,
        done: Mapping[str, DayWork],
        works: Sequence[EventWork],
        *,
        coverage: DayCoverage | None,
        explored: int = 0,
    ) -> None:
        """Turn what the events gave for a day into its slices, or into problems.

        `works` are the events that were requested: every one (full), the active ones, or (coverage None) some for their own sake.
        """
        self.requested[day] = None if coverage is DayCoverage.FULL else frozenset(work.event.event_id for work in works)
        requests, seconds = sum(one.requests for one in done.values()), sum(one.seconds for one in done.values())
        self.costs[day] = (explored + requests, seconds)
        self.vanished.update(work.event.event_id for work in works if work.vanished)
        self._add_participants(day, done, works, coverage)
        self._add_concurrency(day, done, works, coverage)

    def _add_participants(
        self, day: date, done: Mapping[str, DayWork], works: Sequence[EventWork], coverage: DayCoverage | None
    ) -> None:
        failures = {event_id: one.facts_failure for event_id, one in done.items() if one.facts_failure}
        self.failed += [
            Problem(self.company_id, PARTICIPANTS, why, day, event_id) for event_id, why in failures.items()
        ]
        if failures:
            return
        rows: list[Row] = []
        proofs: list[Row] = []
        beyond: list[Row] = []
        requested = set()
        for work in works:
            event_id, event_type = work.event.event_id, work.event.event_type
            facts = done[event_id].facts if event_id in done else None
            if facts is None and work.vanished:
                continue  # its rows stay
            requested.add(event_id)
            for one in facts.minutes if facts else ():
                email = one.attendee.email
                who = person_id(self.person_key, email, one.attendee.unnamed_by, event_id, one.attendee.number)
                rows.append((self.company_id, day, event_id, who, event_type, one.live, one.on_demand, one.engaged))
                self.seen.append((Person(who, email, one.name), day))
            if facts and facts.unlisted:
                live, on_demand, engaged = facts.unlisted.live, facts.unlisted.on_demand, facts.unlisted.engaged
                minutes = (live.minutes, on_demand.minutes, engaged.minutes)
                users = (live.users, on_demand.users, engaged.users)
                beyond.append((self.company_id, day, event_id, event_type, *minutes, *users))
            if facts and facts.has_minutes:
                live, on_demand = facts.live, facts.on_demand
                totals = (live.users, live.minutes, on_demand.users, on_demand.minutes, facts.engaged_minutes)
                proofs.append((self.company_id, day, event_id, *totals, self.run_info.through))
        through = self.run_info.through
        data, full = self._covered(coverage)
        update = SliceUpdate(
            event_participants,
            day,
            rows,
            frozenset(requested),
            through,
            data,
            full,
            control_totals=proofs,
            unlisted=beyond,
            accepts_loss=self.run_info.accepts_loss,
        )
        self.updates.setdefault(PARTICIPANTS, []).append(update)
        self.rows += len(rows)

    def _add_concurrency(
        self, day: date, done: Mapping[str, DayWork], works: Sequence[EventWork], coverage: DayCoverage | None
    ) -> None:
        failures = {event_id: one.concurrency_failure for event_id, one in done.items() if one.concurrency_failure}
        self.failed += [Problem(self.company_id, CONCURRENCY, why, day, event_id) for event_id, why in failures.items()]
        if failures:
            return
        concurrency = {work.event.event_id: work.concurrency for work in works if work.concurrency is not None}
        self.place(day, concurrency, coverage)

    def place(
        self, day: date, concurrency: Mapping[str, ConcurrencyByDay], coverage: DayCoverage | None = None
    ) -> None:
        """Put the minutes of events into the concurrency slice of a day."""
        rows: list[Row] = [
            (self.company_id, day, event_id, minute, users)
            for event_id, minutes in concurrency.items()
            for minute, users in minutes.get(day, {}).items()
        ]
        data, full = self._covered(coverage)
        through = self.run_info.through
        accepts_loss = self.run_info.accepts_loss or bool(self.restarted & concurrency.keys())
        update = SliceUpdate(
            event_concurrency, day, rows, frozenset(concurrency), through, data, full, accepts_loss=accepts_loss
        )
        self.updates.setdefault(CONCURRENCY, []).append(update)
        self.spans.update({event_id: _reach(minutes) for event_id, minutes in concurrency.items()})
        self.costs.setdefault(day, (0, 0.0))
        self.rows += len(rows)

    def _covered(self, coverage: DayCoverage | None) -> tuple[datetime | None, datetime | None]:
        """Return what data_through and full_through of a slice move to."""
        through = self.run_info.through
        return (through if coverage else None), (through if coverage is DayCoverage.FULL else None)

    @property
    def has_changes(self) -> bool:
        """Say whether there is anything to be written."""
        return bool(self.updates or self.vanished)

    def write(self, connection: sa.Connection) -> Written:
        """Write the slices, what the events' concurrency reached, and which events vanished."""
        written = super().write(connection)
        catalog.save_concurrency_span(connection, self.company_id, self.spans)
        catalog.mark_vanished(connection, self.company_id, sorted(self.vanished), at=self.run_info.at)
        return written


def _reach(concurrency: ConcurrencyByDay) -> tuple[datetime | None, datetime | None]:
    minutes = [minute for day in concurrency.values() for minute in day]
    return (min(minutes), max(minutes)) if minutes else (None, None)
