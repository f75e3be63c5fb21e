"""Refreshing many companies: their events, their days, then whatever is behind; several companies side by side.

Everything a company can do wrong is an outcome of its own slices. Only what no request would survive (Sequel away,
sign-in refused) ends the run for all, and then too every slice gets its outcome.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime

from sequel_assets.refresh.core.concurrent_map import side_by_side
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.datasets import LANDED_NAMES, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome, all_failed, unexpected
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.run_info import RunInfo
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.discovery.events import ListedEvents, list_events
from sequel_assets.refresh.discovery.pending_work import Pending, note, noted
from sequel_assets.refresh.run.company_run import CompanyRefresh
from sequel_assets.refresh.transform.derive import OWN_INSIGHTS, derive
from sequel_assets.refresh.transform.derive_outcomes import insight_outcomes, why_unlisted
from sequel_assets.refresh.transform.rollup import RollUps
from sequel_assets.refresh.usage.event_worker import Context, Stopped
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog

COMPANIES_AT_ONCE = 8
OWN_NAMES = frozenset(insight.name for insight in OWN_INSIGHTS)


Days = Sequence[date] | Mapping[date, DayCoverage]
"""Days of a company, each in full or as its coverage says."""


class Refresher:
    """Refreshes slices. `fatal` is the error that ended the run for all, once there was one.

    `only` (company -> event -> days) asks single events for days beside those that are asked of all; `anew` asks also
    for what is remembered to be empty. `gauge` shows how far it is.
    """

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: RefreshConfig,
        run_id: str | None = None,
        *,
        accepts_loss: bool = False,
        anew: bool = False,
        only: Mapping[str, Mapping[str, Collection[date]]] | None = None,
    ) -> None:
        self._accepts_loss, self._anew, self._only = accepts_loss, anew, only or {}
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self.fatal: SequelError | None = None
        self.gauge = Progress()
        self._frozen_before: Mapping[str, date] = {}

    def refresh(self, days_by_company: Mapping[str, Days], *, asks_sequel: bool = True) -> Generator[Outcome]:
        """Yield an outcome for every slice of every dataset, company by company as they are done.

        Days without a coverage are asked in full, frozen ones not at all. With `asks_sequel=False` the insights alone are derived. Closing the iterator stops the work at the next slice.
        """
        schema.ensure_current(self._warehouse)
        now = self._clock()
        self._frozen_before = self._rules.retention.frozen_before(self._warehouse.ask(catalog.known_companies), now)
        first = self._first_held if asks_sequel else lambda _: NONE_FROZEN
        asked = {company_id: _covered(days, first(company_id)) for company_id, days in days_by_company.items()}
        through = data_through(now, self._rules.settle)
        moment = RunInfo(now, through, self._rules.late_window, self._run_id, self._accepts_loss)
        if not asks_sequel:
            rollups = RollUps(self._warehouse, asked, moment)
            for company_id, days in asked.items():
                yield from rollups.watch(self._derive(company_id, days, moment, {}))
            yield from rollups.derive()
            return
        threads = 2 * self._rules.max_concurrency  # while some decode and prove, others keep every place busy
        with ThreadPoolExecutor(threads, thread_name_prefix="sequel") as pool:
            rollups = RollUps(self._warehouse, asked, moment)
            yield from rollups.watch(self._in_turns(asked, pool, moment, rollups))
            yield from rollups.derive(self.fatal)

    def _in_turns(
        self,
        asked: Mapping[str, Mapping[date, DayCoverage]],
        pool: ThreadPoolExecutor,
        moment: RunInfo,
        rollups: RollUps,
    ) -> Iterator[Outcome]:
        """Yield what becomes of the companies, those first whose events are listed first; each gets its outcomes once."""
        context = Context(
            self._client,
            self._clock,
            self._rules.settle,
            gauge=self.gauge,
            only=self._only,
            anew=self._anew,
            frozen_before=self._frozen_before,
        )
        proving = [at for at, days in asked.items() if any(how is not DayCoverage.HOT for how in days.values())]
        left, reason = dict(asked), ""
        turns = list_events(self._client, self._warehouse, list(asked), pool, moment, proving)
        try:
            for listed in turns:
                for company_id, wrong in listed.failed.items():
                    rollups.leave_out(company_id)
                    yield from all_failed(company_id, left.pop(company_id), why_unlisted(wrong), SLICED_NAMES)
                there = {company_id: left.pop(company_id) for company_id in listed.there}
                yield from self._side_by_side(replace(context, stop=threading.Event()), there, listed, pool, moment)
                if context.fatal:
                    break
        except (*FATAL, WarehouseError) as error:
            context.fatal += [error] if isinstance(error, SequelError) else []
            reason = str(error)
        self.fatal = context.fatal[0] if context.fatal else None
        for company_id, days in left.items():
            rollups.leave_out(company_id)
            why = reason or str(self.fatal)
            self._note_broken_off(company_id, why, moment)
            yield from all_failed(company_id, days, why, SLICED_NAMES)

    def _side_by_side(
        self,
        context: Context,
        wanted: Mapping[str, Mapping[date, DayCoverage]],
        listed: ListedEvents,
        pool: ThreadPoolExecutor,
        moment: RunInfo,
    ) -> Iterator[Outcome]:
        def one(company_id: str) -> Iterator[Outcome]:
            return self._one(context, pool, company_id, listed, wanted[company_id], moment)

        try:
            yield from side_by_side(
                list(wanted), one, at_once=COMPANIES_AT_ONCE, stop=context.stop, ended=lambda: bool(context.fatal)
            )
        finally:
            self.fatal = context.fatal[0] if context.fatal else None

    def _one(
        self,
        context: Context,
        pool: ThreadPoolExecutor,
        company_id: str,
        listed: ListedEvents,
        days: Mapping[date, DayCoverage],
        moment: RunInfo,
    ) -> Iterator[Outcome]:
        """Yield the outcomes of one company; whatever goes wrong is told of every slice that has none yet."""
        told: dict[tuple[str, date], Outcome] = {}
        reason, unreached, taken_from = "", LANDED_NAMES, frozenset[str]()
        try:
            if context.stop.is_set():
                raise Stopped
            events = listed.settle(company_id)
            taken_from = events.taken_from
            context.listers.update(events.listers)
            work = CompanyRefresh(
                context, self._warehouse, pool, company_id, events, days, moment, self._rules.person_key
            )
            for outcome in work.run():
                told[outcome.dataset, outcome.day] = outcome
                yield outcome
        except Stopped:
            reason = str(context.fatal[0]) if context.fatal else "the run was stopped before its turn"
        except FATAL as error:
            context.fatal.append(error)
            context.stop.set()
            reason = str(error)
        except WarehouseError as error:  # nothing is derived: a lock would be waited for once more, for as long
            reason, unreached = str(error), LANDED_NAMES | OWN_NAMES
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
            reason = unexpected(error)
        if reason:
            self._note_broken_off(company_id, reason, moment)
            for outcome in all_failed(company_id, days, reason, unreached):
                if (outcome.dataset, outcome.day) not in told:
                    told[outcome.dataset, outcome.day] = outcome
                    yield outcome
        if unreached >= OWN_NAMES:
            return
        yield from self._derive(company_id, days, moment, told)
        for other in sorted(taken_from):  # nobody asked for these, so they are told by their rows alone
            for _ in self._derive(other, {}, moment, {}):
                pass

    def _even_open(self, company_id: str, days: Mapping[date, DayCoverage]) -> set[date]:
        """Return the days that were asked for by themselves, not because an hour went by."""
        alone = {day for days_of in self._only.get(company_id, {}).values() for day in days_of}
        return alone | {day for day, coverage in days.items() if coverage is not DayCoverage.HOT}

    def _first_held(self, company_id: str) -> date:
        return self._frozen_before.get(company_id, NONE_FROZEN)

    def _note_broken_off(self, company_id: str, reason: str, moment: RunInfo) -> None:
        """Leave a problem at the company until a refresh of it comes to its end; the warehouse may be what is wrong."""
        with contextlib.suppress(WarehouseError):
            left: Pending = self._warehouse.ask(lambda connection: noted(connection, company_id))
            note(self._warehouse, company_id, left, at=moment.at, broken_off=reason)

    def _derive(
        self,
        company_id: str,
        days: Mapping[date, DayCoverage],
        moment: RunInfo,
        facts: Mapping[tuple[str, date], Outcome],
    ) -> Iterator[Outcome]:
        """Yield the outcomes of the insights: of the days asked for, and of every other that was behind."""
        first_held = self._first_held(company_id)
        try:
            results, waiting = derive(
                self._warehouse,
                company_id,
                days,
                start=self._rules.start,
                moment=moment,
                frozen_before=first_held,
                even_open=self._even_open(company_id, days),
            )
        except WarehouseError as error:
            yield from all_failed(company_id, days, str(error), OWN_NAMES)
            return
        except Exception as error:  # noqa: BLE001 - as above
            yield from all_failed(company_id, days, unexpected(error), OWN_NAMES)
            return
        today = self._clock().date()
        yield from insight_outcomes(company_id, days, results, waiting, facts, self._rules.start, first_held, today)


def _covered(days: Days, first: date) -> dict[date, DayCoverage]:
    covered = days if isinstance(days, Mapping) else dict.fromkeys(days, DayCoverage.FULL)
    return {day: coverage for day, coverage in covered.items() if day >= first}
