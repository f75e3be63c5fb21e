"""Loading one company's extracted days: batches are committed as they fill up, then the concurrency of other days."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import CompanyEvents
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.refresh.load import load_slices
from sequel_assets.refresh.run.extract import ExtractedDay
from sequel_assets.refresh.usage.event_worker import EventWork
from sequel_assets.refresh.usage.load import CONCURRENCY, UsageBatch


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
