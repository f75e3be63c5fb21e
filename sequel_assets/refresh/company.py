"""Refreshing one company: explore its events, work day by day, commit as days are done.

A day is one slice of each landed dataset. A slice is written when every event of it was told for sure, else it is
failed by name and what was there stays.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.warehouse import catalog, people, problems
from sequel_assets.warehouse.bulk import Row
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.people import Person, person_id
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.slices import SliceUpdate, replace_slices
from sequel_assets.warehouse.tables import event_concurrency, event_participants, refreshes

from .concurrency import Told
from .describe import outcome_of
from .events import CompanyEvents, Moment
from .outcomes import Outcome, Verdict
from .plan import Span
from .work import Context, DayWork, EventWork, Stopped

DAYS_AHEAD = 8
"""Days whose lists may be under way while an earlier day is still being worked on."""
BATCH_ROWS, BATCH_DAYS, BATCH_SECONDS = 20_000, 31, 1.0
"""A batch of days is committed when it reaches one of these."""


@dataclass
class Batch:
    """Days that are fetched and proven, on their way into one transaction."""

    participants: list[SliceUpdate] = field(default_factory=list)
    concurrency: list[SliceUpdate] = field(default_factory=list)
    seen: list[tuple[Person, date]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    costs: dict[date, tuple[int, float]] = field(default_factory=dict)
    rows: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        """Say whether it is time to commit."""
        return self.rows >= BATCH_ROWS or len(self.days) >= BATCH_DAYS or time.monotonic() - self.began >= BATCH_SECONDS


class CompanyRefresh:
    """One company's days, from Sequel into the landed tables."""

    def __init__(
        self,
        context: Context,
        warehouse: Warehouse,
        pool: Executor,
        company_id: str,
        events: CompanyEvents,
        days: Sequence[date],
        moment: Moment,
        person_key: str,
    ) -> None:
        self._context, self._warehouse, self._pool = context, warehouse, pool
        self._company_id, self._events, self._moment, self._person_key = company_id, events, moment, person_key
        self._days = sorted(set(days))
        self._works = [EventWork(context, company_id, event) for event in events.asked]
        self._asked_concurrency: dict[date, set[str]] = {}

    def run(self) -> Iterator[Outcome]:
        """Yield an outcome for each day of both landed datasets, as they are committed."""
        history = self._refreshed_days() if self._events.moved_in else []
        self._explore(history)
        batch = Batch()
        for day, works in self._in_order(self._days):
            self._add(batch, day, works, covers_all=True)
            if batch.is_full:
                yield from self._commit(batch)
                batch = Batch()
        yield from self._commit(batch)
        yield from self._beyond(history)

    def _explore(self, history: Sequence[date]) -> None:
        spans = runs_of(self._days)
        beyond = runs_of(sorted(set(history) - set(self._days)))
        futures = []
        for place, work in enumerate(self._works):
            more = beyond if work.event.event_id in self._events.moved_in else []
            futures += [self._pool.submit(work.explore, span, place < WITNESSES) for span in spans + more]
        for future in futures:
            future.result()

    def _in_order(
        self, days: Sequence[date], only: Callable[[EventWork], bool] = lambda _: True
    ) -> Iterator[tuple[date, dict[str, DayWork]]]:
        """Yield each day with what its events gave, in order, while later days are already being asked for."""
        under_way: list[tuple[date, dict[str, Future[DayWork]]]] = []
        waiting = list(days)
        while waiting or under_way:
            while waiting and len(under_way) < DAYS_AHEAD:
                day = waiting.pop(0)
                futures = {}
                for work in filter(only, self._works):
                    has_minutes = day in work.days
                    if has_minutes or work.failure_on(day) or work.stored_on(day):
                        futures[work.event.event_id] = self._pool.submit(work.work, day, wants_facts=has_minutes)
                under_way.append((day, futures))
            day, futures = under_way.pop(0)
            if self._context.stop.is_set():
                for _, later in [(day, futures), *under_way]:
                    for future in later.values():
                        future.cancel()
                raise Stopped
            yield day, {event_id: future.result() for event_id, future in futures.items()}

    def _add(self, batch: Batch, day: date, done: dict[str, DayWork], *, covers_all: bool) -> None:
        """Turn what a day's events gave into its slices, or into problems."""
        through = self._moment.through
        covered = through if covers_all else None
        here = [work for work in self._works if covers_all or work.event.event_id in done]
        facts_failed, concurrency_failed = [], []
        rows: list[Row] = []
        proofs: list[Row] = []
        minutes: list[Row] = []
        for work in here:
            event_id, told = work.event.event_id, done.get(work.event.event_id, DayWork())
            if told.facts_failure:
                facts_failed.append(
                    Problem(self._company_id, event_participants.name, told.facts_failure, day, event_id)
                )
            if told.concurrency_failure:
                concurrency_failed.append(
                    Problem(self._company_id, event_concurrency.name, told.concurrency_failure, day, event_id)
                )
            if told.facts and told.facts.minutes:
                rows += self._facts(batch, day, work, told)
                f = told.facts
                proofs.append(
                    (
                        self._company_id,
                        day,
                        event_id,
                        f.live.users,
                        f.live.minutes,
                        f.on_demand.users,
                        f.on_demand.minutes,
                        f.engaged_minutes,
                        through,
                    )
                )
        tellings = {work.event.event_id: work.told for work in here if work.told is not None}
        for event_id, telling in tellings.items():
            minutes += self._minutes(day, event_id, telling)
        asked = frozenset(work.event.event_id for work in here if not work.vanished)
        self._asked_concurrency.setdefault(day, set()).update(tellings)
        if not facts_failed:
            batch.participants.append(
                SliceUpdate(event_participants, day, rows, asked, through, covered, covered, proofs=proofs)
            )
        if not concurrency_failed:
            batch.concurrency.append(
                SliceUpdate(event_concurrency, day, minutes, frozenset(tellings), through, covered, covered)
            )
        explored = sum(work.explore_requests for work in self._works) if covers_all and day == self._days[0] else 0
        batch.costs[day] = (
            explored + sum(told.requests for told in done.values()),
            sum(told.seconds for told in done.values()),
        )
        batch.problems += facts_failed + concurrency_failed
        batch.rows += len(rows) + len(minutes)
        batch.days.append(day)

    def _facts(self, batch: Batch, day: date, work: EventWork, told: DayWork) -> list[Row]:
        event_id, event_type = work.event.event_id, work.event.event_type
        rows: list[Row] = []
        for one in told.facts.minutes if told.facts else ():
            email = one.attendee.email
            who = person_id(self._person_key, email, one.attendee.unnamed_by, event_id)
            rows.append((self._company_id, day, event_id, who, event_type, one.live, one.on_demand, one.engaged))
            batch.seen.append((Person(who, email, one.name), day))
        return rows

    def _minutes(self, day: date, event_id: str, telling: Told) -> list[Row]:
        return [(self._company_id, day, event_id, minute, users) for minute, users in telling.get(day, {}).items()]

    def _commit(self, batch: Batch) -> Iterator[Outcome]:
        """Write a batch in one transaction, its problems in another, and yield what became of its slices."""
        if not batch.days:
            return
        written = self._write(batch)
        at = self._moment.at
        for dataset in (event_participants.name, event_concurrency.name):
            standing = [problem for problem in batch.problems if problem.dataset == dataset]
            problems.settle(self._warehouse, self._company_id, dataset, batch.days, standing, at=at)
            yield from written.get(dataset, ())
            for day in sorted({problem.day for problem in standing}):
                reasons = "; ".join(
                    f"event {problem.event_id}: {problem.reason}" for problem in standing if problem.day == day
                )
                requests, seconds = batch.costs[day]
                yield Outcome(
                    self._company_id, dataset, day, Verdict.FAILED, reasons, requests=requests, seconds=seconds
                )

    def _write(self, batch: Batch) -> dict[str, list[Outcome]]:
        outcomes: dict[str, list[Outcome]] = {}
        spans = {
            work.event.event_id: _span_of(work)
            for work in self._works
            if work.told is not None
            and any(work.event.event_id in self._asked_concurrency.get(day, ()) for day in batch.days)
        }
        vanished = [work.event.event_id for work in self._works if work.vanished]
        with self._warehouse.write(self._company_id) as connection:
            for updates in (batch.participants, batch.concurrency):
                results = replace_slices(
                    connection,
                    self._company_id,
                    updates,
                    at=self._moment.at,
                    late_window=self._moment.late_window,
                    run_id=self._moment.run_id,
                )
                for result in results:
                    outcomes.setdefault(result.table.name, []).append(
                        outcome_of(self._company_id, result, *batch.costs[result.day])
                    )
            people.remember(connection, self._company_id, batch.seen)
            catalog.save_concurrency_span(connection, self._company_id, spans)
            catalog.mark_vanished(connection, self._company_id, vanished, at=self._moment.at)
        return outcomes

    def _beyond(self, history: Sequence[date]) -> Iterator[Outcome]:
        """Write what reached other days that the company has: a moved event's history, concurrency of days not asked."""
        batch = Batch()
        older = sorted(set(history) - set(self._days))
        for day, done in self._in_order(older, only=lambda work: work.event.event_id in self._events.moved_in):
            self._add(batch, day, done, covers_all=False)
        yield from self._commit(batch)
        refreshed = set(self._refreshed_days())
        for work in self._works:
            event_id = work.event.event_id
            if event_id in self._events.restarted:
                work.concurrency_again()
            if work.told is None:
                continue
            for day in sorted({*work.told, *work.stored_days()} & refreshed):
                if event_id not in self._asked_concurrency.setdefault(day, set()):
                    self._asked_concurrency[day].add(event_id)
                    rows = self._minutes(day, event_id, work.told)
                    update = SliceUpdate(
                        event_concurrency, day, rows, frozenset([event_id]), through=self._moment.through
                    )
                    self._write(Batch(concurrency=[update], days=[day], costs={day: (0, 0.0)}))

    def _refreshed_days(self) -> list[date]:
        with self._warehouse.read() as connection:
            chosen = (refreshes.c.company_id == self._company_id, refreshes.c.dataset == event_concurrency.name)
            return list(connection.scalars(sa.select(refreshes.c.day).where(*chosen).order_by(refreshes.c.day)))


WITNESSES = 3
"""Of so many events of a company the emptiness that was inferred is asked for once, as a proof that days add up."""


def runs_of(days: Sequence[date]) -> list[Span]:
    """Return the unbroken runs of sorted days."""
    spans: list[Span] = []
    for day in days:
        if spans and day - spans[-1].last == timedelta(days=1):
            spans[-1] = Span(spans[-1].first, day)
        else:
            spans.append(Span(day, day))
    return spans


def _span_of(work: EventWork) -> tuple[datetime | None, datetime | None]:
    minutes = [minute for day in (work.told or {}).values() for minute in day]
    return (min(minutes), max(minutes)) if minutes else (None, None)
