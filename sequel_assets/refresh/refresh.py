"""Refreshing many companies: their events, their days, then whatever is behind; several companies side by side.

Everything a company can do wrong is an outcome of its own slices. Only what no request would survive (Sequel away,
sign-in refused) ends the run for all, and then too every slice gets its outcome.
"""

import contextlib
import queue
import threading
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sequel_assets.insights import INSIGHTS
from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError

from .company import CompanyRefresh
from .datasets import LANDED_NAMES
from .derive import derive
from .describe import outcome_of
from .due import Coverage
from .events import CompanyEvents, Moment, refresh_events
from .hours import data_through
from .outcomes import Outcome, Verdict
from .pending import Pending, note, noted
from .placing import FATAL
from .work import Context, Stopped

COMPANIES_AT_ONCE = 4
INSIGHT_NAMES = frozenset(insight.name for insight in INSIGHTS)


@dataclass(frozen=True)
class Rules:
    """The settings that decide what a refresh does."""

    start: date
    settle: timedelta
    late_window: timedelta
    max_concurrency: int
    person_key: str


Days = Sequence[date] | Mapping[date, Coverage]
"""Days of a company, each in full or as its coverage says."""


class Refresher:
    """Refreshes slices. `fatal` is the error that ended the run for all, once there was one.

    `only` (company -> event -> days) asks single events for days beside those that are asked of all.
    """

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: Rules,
        run_id: str | None = None,
        *,
        accepts_loss: bool = False,
        only: Mapping[str, Mapping[str, Collection[date]]] | None = None,
    ) -> None:
        self._accepts_loss, self._only = accepts_loss, only or {}
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self.fatal: SequelError | None = None

    def refresh(self, days_by_company: Mapping[str, Days], *, asks_sequel: bool = True) -> Generator[Outcome]:
        """Yield an outcome for every slice of every dataset, company by company as they are done.

        Days without a coverage are asked in full. With `asks_sequel=False` the insights alone are derived. Closing the iterator stops the work at the next slice.
        """
        schema.ensure_current(self._warehouse)
        asked = {company_id: _covered(days) for company_id, days in days_by_company.items()}
        now = self._clock()
        through = data_through(now, self._rules.settle)
        moment = Moment(now, through, self._rules.late_window, self._run_id, self._accepts_loss)
        if not asks_sequel:
            for company_id, days in asked.items():
                yield from self._derive(company_id, days, moment, {})
            return
        with ThreadPoolExecutor(self._rules.max_concurrency, thread_name_prefix="sequel") as pool:
            try:
                events, failed = refresh_events(self._client, self._warehouse, list(days_by_company), pool, moment)
            except (*FATAL, WarehouseError) as error:
                self.fatal = error if isinstance(error, SequelError) else None
                for company_id, days in asked.items():
                    self._note_broken_off(company_id, str(error), moment)
                    yield from _all_failed(company_id, days, str(error))
                return
            for company_id, wrong in failed.items():
                why = f"its events cannot be listed: {wrong}" if isinstance(wrong, SequelError) else str(wrong)
                if isinstance(wrong, NotFound):
                    why = "the company is gone at Sequel (404)"
                yield from _all_failed(company_id, asked[company_id], why)
            there = {company_id: days for company_id, days in asked.items() if company_id in events}
            yield from self._side_by_side(there, events, pool, moment)

    def _side_by_side(
        self,
        wanted: Mapping[str, Mapping[date, Coverage]],
        events: Mapping[str, CompanyEvents],
        pool: ThreadPoolExecutor,
        moment: Moment,
    ) -> Iterator[Outcome]:
        context = Context(self._client, self._clock, self._rules.settle, only=self._only)
        told: queue.Queue[Outcome | BaseException | None] = queue.Queue()
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for company_id in wanted:
            waiting.put(company_id)

        def companies() -> None:
            try:
                while not waiting.empty() and (context.fatal or not context.stop.is_set()):
                    company_id = waiting.get_nowait()
                    for outcome in self._one(context, pool, company_id, events[company_id], wanted[company_id], moment):
                        told.put(outcome)
            except queue.Empty:
                pass
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
                told.put(error)
            finally:
                told.put(None)

        threads = [
            threading.Thread(target=companies, name=f"company-{n}", daemon=True)
            for n in range(min(COMPANIES_AT_ONCE, len(wanted)))
        ]
        try:
            for thread in threads:
                thread.start()
            ended = 0
            while ended < len(threads):
                item = told.get()
                if item is None:
                    ended += 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield item
        finally:
            context.stop.set()
            for thread in threads:
                thread.join()
            self.fatal = context.fatal[0] if context.fatal else None

    def _one(
        self,
        context: Context,
        pool: ThreadPoolExecutor,
        company_id: str,
        events: CompanyEvents,
        days: Mapping[date, Coverage],
        moment: Moment,
    ) -> Iterator[Outcome]:
        """Yield the outcomes of one company; whatever goes wrong is told of every slice that has none yet."""
        told: dict[tuple[str, date], Outcome] = {}
        reason = ""
        try:
            work = CompanyRefresh(
                context, self._warehouse, pool, company_id, events, days, moment, self._rules.person_key
            )
            for outcome in work.run():
                told[outcome.dataset, outcome.day] = outcome
                yield outcome
        except Stopped:
            reason = str(context.fatal[0]) if context.fatal else "the run was stopped before its turn"
        except WarehouseError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
            reason = unexpected(error)
        if reason:
            self._note_broken_off(company_id, reason, moment)
            for outcome in _all_failed(company_id, days, reason, LANDED_NAMES):
                if (outcome.dataset, outcome.day) not in told:
                    told[outcome.dataset, outcome.day] = outcome
                    yield outcome
        yield from self._derive(company_id, days, moment, told)
        for other in sorted(events.taken_from):  # nobody asked for these, so they are told by their rows alone
            for _ in self._derive(other, [], moment, {}):
                pass

    def _note_broken_off(self, company_id: str, reason: str, moment: Moment) -> None:
        """Leave a problem at the company until a refresh of it comes to its end; the warehouse may be what is wrong."""
        with contextlib.suppress(WarehouseError):
            with self._warehouse.read() as connection:
                left: Pending = noted(connection, company_id)
            note(self._warehouse, company_id, left, at=moment.at, broken_off=reason)

    def _derive(
        self, company_id: str, days: Collection[date], moment: Moment, facts: Mapping[tuple[str, date], Outcome]
    ) -> Iterator[Outcome]:
        """Yield the outcomes of the insights: of the days asked for, and of every other that was behind."""
        try:
            results, waiting = derive(self._warehouse, company_id, days, start=self._rules.start, moment=moment)
        except WarehouseError as error:
            yield from _all_failed(company_id, days, str(error), INSIGHT_NAMES)
            return
        except Exception as error:  # noqa: BLE001 - as above
            yield from _all_failed(company_id, days, unexpected(error), INSIGHT_NAMES)
            return
        for insight in INSIGHTS:
            derived = {result.day: result for result in results[insight.name]}
            for day in sorted({*days, *derived}):
                landed = facts.get((insight.source_dataset, day))
                if landed is not None and not landed.is_good:
                    yield Outcome(
                        company_id,
                        insight.name,
                        day,
                        Verdict.FAILED,
                        f"its {insight.source_dataset} failed: {landed.reason}",
                    )
                elif day in waiting[insight.name]:
                    yield Outcome(company_id, insight.name, day, Verdict.WAITING, waiting[insight.name][day])
                elif day in derived:
                    yield outcome_of(company_id, derived[day])
                else:
                    why = f"{day} has no {insight.source_dataset} yet"
                    if day < self._rules.start:
                        why = f"{day} lies before SEQUEL_START_DATE ({self._rules.start})"
                    yield Outcome(company_id, insight.name, day, Verdict.WAITING, why)


def unexpected(error: Exception) -> str:
    """Return what can be said of a mistake of ours: its kind and place. Its text may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an unexpected {type(error).__name__}{place}, a mistake of this program; please report it"


def _covered(days: Days) -> dict[date, Coverage]:
    return dict(days) if isinstance(days, Mapping) else dict.fromkeys(days, Coverage.FULL)


def _all_failed(
    company_id: str, days: Collection[date], reason: str, datasets: frozenset[str] = LANDED_NAMES | INSIGHT_NAMES
) -> Iterator[Outcome]:
    for dataset in sorted(datasets):
        for day in sorted(days):
            yield Outcome(company_id, dataset, day, Verdict.FAILED, reason)
