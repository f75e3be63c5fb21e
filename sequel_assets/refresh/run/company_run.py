"""Refreshing one company: plan, extract, load. A day is one slice of each landed dataset.

First Sequel is asked which days of each event have minutes, then for its lists day by day. Batches of days are committed as
they fill up, then the concurrency of other days. A slice is written when the answers about every event of it were verified;
else it fails by name, and what was there stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date

from sequel_assets.refresh.core.api_profile import Assumption
from sequel_assets.refresh.core.datasets import CORE_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RunContext, Stopped
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.kept_slices import kept_outcomes
from sequel_assets.refresh.details.extract import EventDetails
from sequel_assets.refresh.details.lists import refresh_lists
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import CompanyEvents
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.refresh.load import failed_outcomes, load_slices
from sequel_assets.refresh.run.plan import CompanyPlan, PlanStep, plan_company
from sequel_assets.refresh.usage.assumption_check import check_day, check_ranges
from sequel_assets.refresh.usage.concurrency import is_from_start
from sequel_assets.refresh.usage.empty_range_store import EmptyRangeStore
from sequel_assets.refresh.usage.event_worker import DayWork, EventWork
from sequel_assets.refresh.usage.load import CONCURRENCY, UsageBatch
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.event_details import event_activity

DAYS_AHEAD = 8
"""Days whose lists may be under way while an earlier day is still being worked on."""
WITNESSES = 3
"""Of so many events of a company an empty range that was inferred is requested once, to verify that days add up."""


@dataclass(frozen=True)
class ExtractedDay:
    """A day with what the events of a step gave for it."""

    day: date
    step: PlanStep
    works: list[EventWork]
    done: Mapping[str, DayWork]


class Extraction:
    """The requests of one company, in the pool's threads."""

    def __init__(self, context: RunContext, plan: CompanyPlan) -> None:
        self._context, self._plan = context, plan
        company_id = plan.events.company_id
        has_activity = _has_activity(context, company_id)
        self.works = {
            event.event_id: EventWork(context, company_id, event, has_activity=has_activity)
            for event in plan.events.requested
        }
        self._empty_ranges = EmptyRangeStore(context, company_id)
        if any(is_from_start(event.starts_at, event.concurrency_from) for event in plan.events.requested):
            context.assumptions.counts_from_start = True

    def explore(self) -> int:
        """Find the days of each event that have minutes; return how many requests that took."""
        works = list(self.works.values())
        futures = [
            self._context.pool.submit(work.explore, span, place < WITNESSES)
            for place, work in enumerate(works)
            for span in self._plan.spans[work.event.event_id]
        ]
        self._context.progress.expect(len(futures))
        for future in futures:
            future.result()
            if self._context.assumptions.is_confirmed(Assumption.END_DATE):
                self._empty_ranges.keep_now_and_then(works)
        self._refuse(works, check_ranges(self._context, self._plan.events.company_id, works))
        self._empty_ranges.keep(works)
        return sum(work.explore_requests for work in works)

    def days(self, step: PlanStep) -> Iterator[ExtractedDay]:
        """Yield each day of a step, in order, while later days are already being requested."""
        works = [self.works[event_id] for event_id in step.event_ids]
        under_way: list[tuple[date, dict[str, Future[DayWork]]]] = []
        waiting = list(reversed(step.days))
        while waiting or under_way:
            while waiting and len(under_way) < DAYS_AHEAD:
                day = waiting.pop()
                under_way.append((day, {
                    work.event.event_id: self._context.pool.submit(work.work, day, wants_facts=day in work.days)
                    for work in works
                    if day in work.days or work.failure_on(day) or work.stored_on(day)
                }))  # fmt: skip
            day, futures = under_way.pop(0)
            if self._context.stop.is_set():
                for _, later in [(day, futures), *under_way]:
                    for future in later.values():
                        future.cancel()
                raise Stopped
            done = {event_id: future.result() for event_id, future in futures.items()}
            yield ExtractedDay(day, step, works, self._taken(works, done))

    def _taken(self, works: Sequence[EventWork], done: Mapping[str, DayWork]) -> Mapping[str, DayWork]:
        """Return what events gave for a day, or the failure of all where Sequel reads requests otherwise than assumed."""
        by_id = {work.event.event_id: work for work in works}
        why = check_ranges(self._context, self._plan.events.company_id, works)
        why = why or check_day(self._context, by_id, done)
        self._refuse(works, why)
        misplaced = {event_id: by_id[event_id].refuse_misplaced() for event_id in done}
        return {
            event_id: replace(
                one,
                facts=None if why else one.facts,
                facts_failure=why or one.facts_failure,
                concurrency_failure=misplaced[event_id] or one.concurrency_failure,
            )
            for event_id, one in done.items()
        }

    @staticmethod
    def _refuse(works: Iterable[EventWork], why: str) -> None:
        for work in works if why else ():
            work.refuse(why)

    def finish(self) -> None:
        """Write the empty ranges that the days have shown since the exploring."""
        self._empty_ranges.keep(list(self.works.values()))


class Loading:
    """Commits the days of one company and keeps what failed. `explored` are requests, reported with its first day."""

    def __init__(self, context: RunContext, events: CompanyEvents, explored: int) -> None:
        self._context, self._events, self._explored = context, events, explored
        self._failed: dict[str, set[str]] = {}
        """dataset -> events that failed on some day."""
        self._placed: dict[date, set[str]] = {}
        """day -> the events whose concurrency was put into its slice."""

    def load(self, days: Iterable[ExtractedDay]) -> Iterator[Outcome]:
        """Yield an outcome for each slice of the days, as they are committed."""
        batch = self._batch()
        for one in days:
            explored, self._explored = self._explored, 0
            batch.add(one.day, one.done, one.works, coverage=one.step.coverage, explored=explored)
            if batch.is_full:
                yield from self._commit(batch)
                batch = self._batch()
        yield from self._commit(batch)

    def place_elsewhere(self, works: Mapping[str, EventWork]) -> None:
        """Put concurrency into refreshed days that were not requested: those it reaches now or reached before."""
        restarted = self._events.pending.restarted
        for event_id, work in works.items():
            if event_id in restarted and not work.fetch_moved_concurrency():
                self._failed.setdefault(pending_work.RESTART, set()).add(event_id)
        for work in works.values():
            work.refuse_misplaced()
        fetched = {event_id: work.concurrency for event_id, work in works.items() if work.concurrency is not None}
        company_id = self._events.company_id
        refreshed, stored = self._context.warehouse.ask(
            lambda connection: (
                pending_work.refreshed_days(connection, company_id),
                pending_work.days_with_minutes(connection, company_id, fetched),
            )
        )
        first_unfrozen = self._context.run_info.first_unfrozen(company_id)
        batch = self._batch()
        for day in (day for day in refreshed if day >= first_unfrozen):
            elsewhere = {
                event_id: concurrency
                for event_id, concurrency in sorted(fetched.items())
                if (day in concurrency or day in stored[event_id]) and event_id not in self._placed.get(day, ())
            }
            if elsewhere:
                batch.place(day, elsewhere)
        for _ in load_slices(self._context.warehouse, batch):
            pass  # slices that nobody requested; what is derived from them follows with the rest

    def left_undone(self) -> Pending:
        """Return the pending work of the company that failed, and stays pending."""
        pending = self._events.pending
        return Pending(
            pending.newcomers & self._failed.get(pending_work.HISTORY, set()),
            pending.restarted & self._failed.get(pending_work.RESTART, set()),
        )

    def _batch(self) -> UsageBatch:
        context, events = self._context, self._events
        key, restarted = context.config.person_key, events.pending.restarted
        return UsageBatch(events.company_id, context.run_info, key, restarted=restarted)

    def _commit(self, batch: UsageBatch) -> Iterator[Outcome]:
        for problem in batch.failed:
            self._failed.setdefault(problem.dataset, set()).add(problem.event_id)
        for update in batch.updates.get(CONCURRENCY, ()):
            self._placed.setdefault(update.day, set()).update(update.requested or ())
        yield from load_slices(self._context.warehouse, batch)


def _has_activity(context: RunContext, company_id: str) -> bool:
    """Say whether the activity may stand in for a list that Sequel caps; a refusal would be repeated for minutes."""
    if context.profile.list_cap is None:
        return True
    return event_activity.name not in context.warehouse.ask(
        lambda connection: availability.unavailable_datasets(connection, company_id)
    )


def refresh_company(context: RunContext, events: CompanyEvents, days: Mapping[date, DayCoverage]) -> Iterator[Outcome]:
    """Yield an outcome for each day of every landed dataset, as they are committed."""
    plan = context.warehouse.ask(lambda connection: plan_company(connection, context, events, days))
    yield from _rosters(context, plan)
    extraction = Extraction(context, plan)
    loading = Loading(context, events, extraction.explore())
    for step in plan.steps:
        yield from loading.load(extraction.days(step))
    loading.place_elsewhere(extraction.works)
    extraction.finish()
    yield from _event_details(context, plan, extraction)
    pending_work.note(context.warehouse, events.company_id, loading.left_undone(), at=context.run_info.at)


def _rosters(context: RunContext, plan: CompanyPlan) -> list[Outcome]:
    """Request and store the lists that have no day, such as registrants; return an outcome for each that failed.

    They have no day that would show that they are missing, so they come before any day is committed: a refresh that
    dies leaves days behind, and with them whatever is to be requested again.
    """
    is_full = any(coverage is not DayCoverage.ACTIVE for coverage in plan.days.values())
    events = plan.events
    failed = refresh_lists(context, events.company_id, plan.roster_event_ids, events.listed, is_full=is_full)
    return list(failed_outcomes(failed, {}))


def _event_details(context: RunContext, plan: CompanyPlan, extraction: Extraction) -> Iterator[Outcome]:
    """Request and store what belongs to an event and not to a day of minutes."""
    company_id = plan.events.company_id
    minutes_are_there = [day for day, coverage in plan.days.items() if coverage is DayCoverage.EVENT_DETAILS]
    kept = {company_id: minutes_are_there}
    yield from context.warehouse.ask(lambda connection: list(kept_outcomes(connection, kept, CORE_NAMES)))
    present = [work.event for work in extraction.works.values() if not work.vanished]
    details = EventDetails(context, company_id, present)
    yield from details.run(plan.days, plan.single_event_ids, plan.events.pending)
