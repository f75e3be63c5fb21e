"""Refreshing one company: explore its events, work day by day, commit as days are done.

A day is one slice of each landed dataset. A slice is written when every event of it was told for sure, else it is
failed by name and what was there stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from datetime import date, timedelta

from sequel_assets.refresh.core.datasets import CORE_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.run_info import RunInfo
from sequel_assets.refresh.coverage.active_events import BACK, active_events, watched_since
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.slice_coverage import kept_outcomes
from sequel_assets.refresh.details.extract import EventDetails
from sequel_assets.refresh.details.lists import due_events, failed_lists, owed_events, refresh_lists
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import CompanyEvents
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.refresh.load import load_slices
from sequel_assets.refresh.usage.empty_range_store import EmptyRangeStore
from sequel_assets.refresh.usage.event_worker import Context, DayWork, EventWork, Stopped
from sequel_assets.refresh.usage.load import CONCURRENCY, UsageBatch
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.notifications import notified_since
from sequel_assets.warehouse.tables.webhook_types import WebhookType

DAYS_AHEAD = 8
"""Days whose lists may be under way while an earlier day is still being worked on."""
WITNESSES = 3
"""Of so many events of a company the emptiness that was inferred is asked for once, as a proof that days add up."""


class CompanyRefresh:
    """One company's days, from Sequel into the landed tables."""

    def __init__(
        self,
        context: Context,
        warehouse: Warehouse,
        pool: Executor,
        company_id: str,
        events: CompanyEvents,
        days: Mapping[date, DayCoverage],
        moment: RunInfo,
        person_key: str,
    ) -> None:
        self._context, self._warehouse, self._pool = context, warehouse, pool
        self._company_id, self._pending, self._moment, self._person_key = company_id, events.pending, moment, person_key
        self._listed = events.listed
        self._days = days
        self._full = sorted(day for day, coverage in days.items() if coverage is DayCoverage.FULL)
        self._hot = sorted(day for day, coverage in days.items() if coverage is DayCoverage.HOT)
        self._works = [EventWork(context, company_id, event) for event in events.asked]
        self._first_held = context.frozen_before.get(company_id, NONE_FROZEN)
        only = context.only.get(company_id, {})
        self._only = {
            event_id: [day for day in sorted(days) if day >= self._first_held] for event_id, days in only.items()
        }
        self._remembered = EmptyRangeStore(warehouse, company_id, moment, anew=context.anew)
        self._explored = 0
        """Requests of the exploring, told with the first day that is worked on."""
        self._failed: dict[str, set[str]] = {}
        """dataset -> events that failed on some day."""
        self._placed: dict[date, set[str]] = {}
        """day -> the events whose concurrency was put into its slice."""

    def run(self) -> Iterator[Outcome]:
        """Yield an outcome for each day of every landed dataset, as they are committed.

        Who registered has no day that would show that it is missing, so it comes before any day is committed: a refresh
        that dies leaves days behind, and with them whatever is to be asked again.
        """
        yield from self._ask_registrants()
        older = self._refreshed_days() - {*self._full, *self._hot} if self._pending.newcomers else set()
        hot = self._hot_works()
        self._explore(sorted(older), hot)
        yield from self._work_on(self._full, self._works, DayCoverage.FULL)
        yield from self._work_on(self._hot, hot, DayCoverage.HOT)
        newcomers = [work for work in self._works if work.event.event_id in self._pending.newcomers]
        yield from self._work_on(sorted(older), newcomers, None)
        for work in self._works:  # one by one, so that an event that fails holds up no other
            yield from self._work_on(self._only.get(work.event.event_id, []), [work], None)
        self._place_elsewhere()
        self._remembered.keep(self._works)
        yield from self._as_a_whole()
        pending_work.note(self._warehouse, self._company_id, self._left_undone(), at=self._moment.at)

    def _as_a_whole(self) -> Iterator[Outcome]:
        """Ask for what belongs to events as a whole."""
        minutes_are_there = [day for day, coverage in self._days.items() if coverage is DayCoverage.EXTRAS]
        kept = {self._company_id: minutes_are_there}
        yield from self._warehouse.ask(lambda connection: list(kept_outcomes(connection, kept, CORE_NAMES)))
        events = [work.event for work in self._works if not work.vanished]
        about = (self._context, self._warehouse, self._pool, self._company_id)
        extras = EventDetails(*about, events, self._moment, self._person_key)
        yield from extras.run(self._days, list(self._only), self._pending)

    def _ask_registrants(self) -> list[Outcome]:
        """Ask for the lists that have no day, and return what of them could not be had: it is no slice, and it failed."""
        events = [work.event for work in self._works]
        due = {event.event_id for event in due_events(events, self._days, self._moment.at)}
        owed = self._warehouse.ask(lambda connection: owed_events(connection, self._company_id))
        about = (self._context, self._warehouse, self._company_id, due | owed | self._only.keys(), self._pool)
        is_full = any(coverage is not DayCoverage.HOT for coverage in self._days.values())
        return failed_lists(refresh_lists(*about, self._moment, self._person_key, self._listed, is_full=is_full))

    def _hot_works(self) -> list[EventWork]:
        if not self._hot:
            return []
        watched = self._warehouse.ask(
            lambda connection: (
                watched_since(connection, self._company_id, self._hot[-1] - BACK)
                | notified_since(
                    connection, self._company_id, (WebhookType.STARTED, WebhookType.ENDED), self._moment.at - BACK
                )
            )
        )
        asked = [work.event for work in self._works]
        hot = active_events(asked, self._moment.at, watched=watched, new=self._pending.newcomers)
        return [work for work in self._works if work.event.event_id in hot]

    def _explore(self, older: Sequence[date], hot: Sequence[EventWork]) -> None:
        everywhere, beyond = [*self._full, *self._hot], runs_of(older)
        is_hot = {work.event.event_id for work in hot}
        futures = []
        for place, work in enumerate(self._works):
            event_id = work.event.event_id
            spans = runs_of(self._remembered.left(event_id, everywhere if event_id in is_hot else self._full))
            more = beyond if event_id in self._pending.newcomers else []
            alone = runs_of(self._only.get(event_id, ()))
            futures += [self._pool.submit(work.explore, span, place < WITNESSES) for span in spans + more + alone]
        self._context.gauge.expect(len(futures))
        for future in futures:
            future.result()
            self._remembered.keep_now_and_then(self._works)
        self._remembered.keep(self._works)
        self._explored = sum(work.explore_requests for work in self._works)

    def _work_on(
        self, days: Sequence[date], works: Sequence[EventWork], coverage: DayCoverage | None
    ) -> Iterator[Outcome]:
        batch = self._batch()
        for day, done in self._in_order(days, works):
            explored, self._explored = self._explored, 0
            batch.add(day, done, works, coverage=coverage, explored=explored)
            if batch.is_full:
                yield from self._commit(batch)
                batch = self._batch()
        yield from self._commit(batch)

    def _in_order(self, days: Sequence[date], works: Sequence[EventWork]) -> Iterator[tuple[date, dict[str, DayWork]]]:
        """Yield each day with what its events gave, in order, while later days are already being asked for."""
        under_way: list[tuple[date, dict[str, Future[DayWork]]]] = []
        waiting = list(reversed(days))
        while waiting or under_way:
            while waiting and len(under_way) < DAYS_AHEAD:
                day = waiting.pop()
                under_way.append((day, {
                    work.event.event_id: self._pool.submit(work.work, day, wants_facts=day in work.days)
                    for work in works
                    if day in work.days or work.failure_on(day) or work.stored_on(day)
                }))  # fmt: skip
            day, futures = under_way.pop(0)
            if self._context.stop.is_set():
                for _, later in [(day, futures), *under_way]:
                    for future in later.values():
                        future.cancel()
                raise Stopped
            yield day, {event_id: future.result() for event_id, future in futures.items()}

    def _batch(self) -> UsageBatch:
        return UsageBatch(self._company_id, self._moment, self._person_key, restarted=self._pending.restarted)

    def _commit(self, batch: UsageBatch) -> Iterator[Outcome]:
        for problem in batch.failed:
            self._failed.setdefault(problem.dataset, set()).add(problem.event_id)
        for update in batch.updates.get(CONCURRENCY, ()):
            self._placed.setdefault(update.day, set()).update(update.asked or ())
        yield from load_slices(self._warehouse, batch)

    def _place_elsewhere(self) -> None:
        """Put concurrency into refreshed days that were not asked: those it reaches now, and those it reached before."""
        for work in self._works:
            if work.event.event_id in self._pending.restarted and not work.concurrency_again():
                self._failed.setdefault(pending_work.RESTART, set()).add(work.event.event_id)
        told = {work.event.event_id: work.told for work in self._works if work.told is not None}
        refreshed = self._refreshed_days()
        stored = self._warehouse.ask(
            lambda connection: pending_work.days_with_minutes(connection, self._company_id, told)
        )
        by_day: dict[date, set[str]] = {}
        for event_id, telling in told.items():
            for day in (stored[event_id] | telling.keys()) & refreshed:
                if event_id not in self._placed.get(day, ()):
                    by_day.setdefault(day, set()).add(event_id)
        batch = self._batch()
        for day, event_ids in sorted(by_day.items()):
            batch.place(day, {event_id: told[event_id] for event_id in sorted(event_ids)})
        for _ in load_slices(self._warehouse, batch):
            pass  # slices that nobody asked for; what hangs on them is derived with the rest

    def _left_undone(self) -> Pending:
        return Pending(
            self._pending.newcomers & self._failed.get(pending_work.HISTORY, set()),
            self._pending.restarted & self._failed.get(pending_work.RESTART, set()),
        )

    def _refreshed_days(self) -> set[date]:
        """Return the days with slices that may be asked and written again: not those that Sequel has forgotten."""
        days = self._warehouse.ask(lambda connection: pending_work.refreshed_days(connection, self._company_id))
        return {day for day in days if day >= self._first_held}


def runs_of(days: Sequence[date]) -> list[Span]:
    """Return the unbroken runs of sorted days."""
    spans: list[Span] = []
    for day in days:
        if spans and day - spans[-1].last == timedelta(days=1):
            spans[-1] = Span(spans[-1].first, day)
        else:
            spans.append(Span(day, day))
    return spans
