"""Refreshing many companies: discover their events, refresh each company, derive its insights, then the roll-ups.

Companies run side by side. Everything a company can do wrong is an outcome of its own slices. Only what no request
would survive (Sequel away, sign-in refused) ends the run for all, and then too every slice gets its outcome.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime

from sequel_assets.refresh.core.api_profile import Assumption, Assumptions
from sequel_assets.refresh.core.concurrent_map import side_by_side
from sequel_assets.refresh.core.config import RefreshConfig, stored_profile
from sequel_assets.refresh.core.datasets import LANDED_NAMES, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome, all_failed, unexpected
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.run_context import RefreshOptions, RunContext, RunInfo, Stopped, StopSignal
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import ListedEvents, list_events, store_events
from sequel_assets.refresh.run.company_run import refresh_company
from sequel_assets.refresh.transform.derive_outcomes import OWN_NAMES, derive_outcomes, why_unlisted
from sequel_assets.refresh.transform.rollup import Requested, RollUps
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog

COMPANIES_AT_ONCE = 8

Days = Sequence[date] | Mapping[date, DayCoverage]
"""Days of a company, each in full or as its coverage says."""


class Refresher:
    """Refreshes slices. `fatal` is the error that ended the run for all, if there was one; `progress` how far it is."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        config: RefreshConfig,
        options: RefreshOptions | None = None,
    ) -> None:
        self._client, self._warehouse, self._clock, self._config = client, warehouse, clock, config
        self._options = options or RefreshOptions()
        self.fatal: SequelError | None = None
        self.progress = Progress()

    def refresh(self, days_by_company: Mapping[str, Days], *, asks_sequel: bool = True) -> Generator[Outcome]:
        """Yield an outcome for every slice of every dataset, company by company as they are done.

        Days without a coverage are requested in full, frozen ones not at all. With `asks_sequel=False` the insights
        alone are derived. Closing the iterator stops the work at the next slice.
        """
        schema.ensure_current(self._warehouse)
        threads = 2 * self._config.max_concurrency  # while some decode and verify, others keep every place busy
        with ThreadPoolExecutor(threads, thread_name_prefix="sequel") as pool:
            context = self._context(pool)
            requested: Requested = {
                company_id: _covered(days, context.run_info.first_unfrozen(company_id) if asks_sequel else NONE_FROZEN)
                for company_id, days in days_by_company.items()
            }
            rollups = RollUps(self._warehouse, requested, context.run_info)
            outcomes = self._refresh(context, requested, rollups) if asks_sequel else _derive(context, requested)
            yield from rollups.watch(outcomes)
            yield from rollups.derive(self.fatal if asks_sequel else None)

    def _context(self, pool: Executor) -> RunContext:
        now, config, options = self._clock(), self._config, self._options
        frozen_before = config.retention.frozen_before(self._warehouse.ask(catalog.known_companies), now)
        through = data_through(now, config.settle)
        run_info = RunInfo(now, through, config.late_window, options.run_id, options.accepts_loss, frozen_before)
        profile = self._warehouse.ask(stored_profile)
        return RunContext(
            self._client,
            self._warehouse,
            pool,
            self._clock,
            config,
            run_info,
            options,
            profile,
            self.progress,
            assumptions=Assumptions(() if profile.end_date_is_included else {Assumption.END_DATE}),
        )

    def _refresh(self, context: RunContext, requested: Requested, rollups: RollUps) -> Iterator[Outcome]:
        """Yield what becomes of the companies, in the order in which their events are listed; each once."""
        verifying = [
            at for at, days in requested.items() if any(how is not DayCoverage.ACTIVE for how in days.values())
        ]
        left, reason = dict(requested), ""
        self.fatal = None
        try:
            for listed in list_events(context, list(requested), verifying):
                for company_id, wrong in listed.failed.items():
                    rollups.leave_out(company_id)
                    yield from all_failed(company_id, left.pop(company_id), why_unlisted(wrong), SLICED_NAMES)
                there = {company_id: left.pop(company_id) for company_id in listed.there}
                listers = {**context.listers, **listed.owned.listers}
                context = replace(context, stop=StopSignal(), listers=listers)
                yield from self._side_by_side(context, listed, there)
                if self.fatal is not None:
                    break
        except (*FATAL, WarehouseError) as error:
            self.fatal = error if isinstance(error, SequelError) else None
            reason = str(error)
        for company_id, days in left.items():
            rollups.leave_out(company_id)
            why = reason or str(self.fatal)
            _note_broken_off(context, company_id, why)
            yield from all_failed(company_id, days, why, SLICED_NAMES)

    def _side_by_side(self, context: RunContext, listed: ListedEvents, requested: Requested) -> Iterator[Outcome]:
        def one(company_id: str) -> Iterator[Outcome]:
            return _company(context, listed, company_id, requested[company_id])

        try:
            yield from side_by_side(list(requested), one, at_once=COMPANIES_AT_ONCE, stop=context.stop)
        finally:
            self.fatal = context.stop.error


def _company(
    context: RunContext, listed: ListedEvents, company_id: str, days: Mapping[date, DayCoverage]
) -> Iterator[Outcome]:
    """Yield the outcomes of one company; whatever goes wrong is the reason of every slice that has no outcome yet."""
    outcomes: dict[tuple[str, date], Outcome] = {}
    reason, unreached, taken_from = "", LANDED_NAMES, frozenset[str]()
    try:
        context.stop.check()
        events = store_events(context, listed, company_id)
        taken_from = events.taken_from
        for outcome in refresh_company(context, events, days):
            outcomes[outcome.dataset, outcome.day] = outcome
            yield outcome
    except Stopped:
        reason = str(context.stop.error or "the run was stopped before its turn")
    except FATAL as error:
        context.stop.end(error)
        reason = str(error)
    except WarehouseError as error:  # nothing is derived: a lock would be waited for once more, for as long
        reason, unreached = str(error), LANDED_NAMES | OWN_NAMES
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
        reason = unexpected(error)
    if reason:
        _note_broken_off(context, company_id, reason)
        for outcome in all_failed(company_id, days, reason, unreached):
            if (outcome.dataset, outcome.day) not in outcomes:
                outcomes[outcome.dataset, outcome.day] = outcome
                yield outcome
    if unreached >= OWN_NAMES:
        return
    yield from derive_outcomes(context, company_id, days, outcomes)
    for other in sorted(taken_from):  # nobody requested these, so their rows alone report it
        for _ in derive_outcomes(context, other, {}, {}):
            pass


def _derive(context: RunContext, requested: Requested) -> Iterator[Outcome]:
    """Derive the insights of companies without asking Sequel."""
    for company_id, days in requested.items():
        yield from derive_outcomes(context, company_id, days, {})


def _note_broken_off(context: RunContext, company_id: str, reason: str) -> None:
    """Leave a problem at the company until a refresh of it comes to its end; the warehouse may be what is wrong."""
    with contextlib.suppress(WarehouseError):
        pending = context.warehouse.ask(lambda connection: pending_work.noted(connection, company_id))
        pending_work.note(context.warehouse, company_id, pending, at=context.run_info.at, broken_off=reason)


def _covered(days: Days, first: date) -> dict[date, DayCoverage]:
    covered = days if isinstance(days, Mapping) else dict.fromkeys(days, DayCoverage.FULL)
    return {day: coverage for day, coverage in covered.items() if day >= first}
