"""Extracting one company's usage: first which days of each event have minutes, then its lists day by day."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date

from sequel_assets.refresh.core.run_context import RunContext, Stopped
from sequel_assets.refresh.run.plan import CompanyPlan, PlanStep
from sequel_assets.refresh.usage.empty_range_store import EmptyRangeStore
from sequel_assets.refresh.usage.event_worker import DayWork, EventWork

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
        self.works = {event.event_id: EventWork(context, company_id, event) for event in plan.events.requested}
        self._empty_ranges = EmptyRangeStore(context, company_id)

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
            self._empty_ranges.keep_now_and_then(works)
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
            yield ExtractedDay(day, step, works, done)

    def finish(self) -> None:
        """Write the empty ranges that the days have shown since the exploring."""
        self._empty_ranges.keep(list(self.works.values()))
