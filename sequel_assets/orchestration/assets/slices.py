"""The one op that refreshes slices and reports each by itself, as dbt's models share one.

It logs a materialization for every slice that is good and raises at the end for those that are not, so that exactly
those turn red. It must not yield: a step that returns a result would turn its complete range green.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg

from sequel_assets.orchestration.assets.catalog import row_count
from sequel_assets.orchestration.assets.slice_selection import Choice, choose
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.partitions import days_by_company
from sequel_assets.orchestration.reporting.materializations import Report, failure, underived
from sequel_assets.orchestration.reporting.provenance import materialization_of_list
from sequel_assets.orchestration.reporting.run_summary import RunSummary
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.run_tags import MODE, WHY, is_forced, mode, of_slices, why
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import LANDED, LISTS, SLICED, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.coverage.kept_slices import kept_outcomes
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany

LOG_SECONDS = 30.0
"""How often the progress of a run is logged at most."""


Execute = Callable[[dg.AssetExecutionContext | dg.OpExecutionContext, Platform, Observer], Iterable[Any]]
"""What a run of slices does, over partitions or of the hour; a component of somebody else's project may do more around it."""


def refresh_asset(
    partitions: dg.MultiPartitionsDefinition, space: Namespace = ALONE, execute: Execute | None = None
) -> dg.AssetsDefinition:
    """Return the multi-asset of every dataset that is kept by slice."""

    @dg.multi_asset(
        name=space.name("refresh"),
        specs=[space.spec(dataset, partitions) for dataset in SLICED],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        required_resource_keys={space.platform, space.observer},
        description="Fetches and verifies the facts of each company and day, commits them, derives what is behind",
    )
    def refresh(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        platform: Platform = getattr(context.resources, space.platform)
        observer: Observer = getattr(context.resources, space.observer)
        yield from (
            execute(context, platform, observer) if execute else refresh_slices(context, platform, observer, space)
        )

    return refresh


def refresh_slices(
    context: dg.AssetExecutionContext, platform: Platform, observer: Observer, space: Namespace
) -> Iterator[Any]:
    """Refresh the slices of a run's range, log each, and raise at the end for those that failed. It yields nothing."""
    _refresh(context, platform, observer, space)
    yield from ()


def _refresh(context: dg.AssetExecutionContext, platform: Platform, observer: Observer, space: Namespace) -> None:
    if not context.partition_keys:
        raise dg.Failure("the range of partitions is empty: its ends are in reverse order; choose them again")
    selected = space.datasets(context.selected_asset_keys)
    asks_sequel = any(dataset.name in selected for dataset in LANDED)
    shown = SLICED_NAMES if asks_sequel else selected
    with platform.opened(len(days_by_company(context.partition_keys))) as (client, warehouse):
        companies = warehouse.ask(catalog.known_companies)
        names = {company.company_id: company.partition_key for company in companies}
        wanted = _wanted(context, {key: company_id for company_id, key in names.items()})
        gone = leave_out_gone(context, wanted, companies) if asks_sequel else {}
        choice = warehouse.ask(lambda connection: choose(connection, wanted, context.run.tags, platform.settings()))
        warn_of_unknown(context, choice)
        _describe(context, wanted | gone, names, asks_sequel=asks_sequel)
        titles = {company.company_id: company.name for company in companies}
        summary = RunSummary(names)
        settings = platform.settings()
        options = RefreshOptions(context.run.run_id, choice.accepts_loss, force=is_forced(context.run.tags))
        refresher = Refresher(client, warehouse, settings.clock, config.rules(settings), options)
        observer.run_id = context.run.run_id
        observer.progress, before = refresher.progress, client.stats.requests
        progress = ProgressLog(context, refresher.progress)
        today = settings.clock().date()
        report = Report(context, names, shown, lambda _: True, today, wanted | gone, space, titles)
        with report, closing(outcomes_of(refresher, choice, wanted, asks_sequel=asks_sequel)) as outcomes:
            follow(outcomes, warehouse, observer, report, summary, progress)
            observer.fatal = refresher.fatal
            if asks_sequel and not refresher.fatal:
                left = {**choice.kept, **gone}  # a planned slice that is not logged turns red with a run that fails
                for outcome in warehouse.ask(lambda connection: list(kept_outcomes(connection, left))):
                    observer.on_outcome(outcome)
                    report.add(outcome, warehouse)
        requested = sum(len(days) for days in choice.requested.values())
        in_range = sum(len(days) for days in wanted.values())
        if asks_sequel and requested:
            report_lists(context, warehouse, space)
        requests = client.stats.requests - before
        frozen = f", {choice.frozen} frozen (Sequel has forgotten them)" if choice.frozen else ""
        summary.log(context, choice.requested, choice.kept if asks_sequel else {})
        context.log.info(
            f"{requested} company days requested, the range has {in_range}{frozen}, {requests} requests, {len(report.failed)} slices failed"
            f"{summary.table()}"
        )
        if report.failed:
            raise failure(report.failed, names, str(refresher.fatal or ""))
        if report.waiting and not asks_sequel:
            raise underived(report.waiting, names)


def _describe(
    context: dg.AssetExecutionContext,
    days: Mapping[str, Sequence[date]],
    names: Mapping[str, str],
    *,
    asks_sequel: bool,
) -> None:
    """Tag the run with what it is of, what it requests and what asked for it: a run of the UI has nothing of this yet."""
    tags = context.run.tags
    of = of_slices([names[company_id] for company_id in days], {day for theirs in days.values() for day in theirs})
    described = of | {MODE: mode(tags, asks_sequel=asks_sequel), WHY: why(tags)}
    context.instance.add_run_tags(context.run.run_id, described)


def follow(
    outcomes: Iterable[Outcome],
    warehouse: Warehouse,
    observer: Observer,
    report: Report,
    summary: RunSummary,
    progress: "ProgressLog",
) -> None:
    """Pass on every outcome of a refresh as it comes: to who watches, to Dagster, and to what the run says at its end."""
    for outcome in outcomes:
        observer.on_outcome(outcome)
        report.add(outcome, warehouse)
        summary.add(outcome)
        progress.log_if_due()


def warn_of_unknown(context: dg.AssetExecutionContext | dg.OpExecutionContext, choice: Choice) -> None:
    """Name the companies of a setting that do not exist."""
    for unknown in choice.unknown_companies:
        context.log.warning(
            f"SEQUEL_COMPANY_RETENTION_DAYS names {visible(unknown)}: no company has this id or partition key"
        )


def report_lists(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, warehouse: Warehouse, space: Namespace
) -> None:
    """Log the lists that have no day: a refresh of slices has just fetched what is due of them."""
    for dataset in LISTS:
        rows = warehouse.ask(partial(row_count, dataset.table))
        context.log_event(space.event(materialization_of_list(dataset.name, metadata={"dagster/row_count": rows})))


def outcomes_of(
    refresher: Refresher, choice: Choice, wanted: Mapping[str, Sequence[date]], *, asks_sequel: bool
) -> Generator[Outcome]:
    """Yield the outcome of each slice; of companies with nothing to fetch, only what is behind is derived."""
    if not asks_sequel:
        yield from refresher.refresh(wanted, asks_sequel=False)
        return
    due = {
        company_id: days for company_id, days in choice.requested.items() if days or company_id in choice.list_companies
    }
    yield from refresher.refresh(due)
    idle: dict[str, list[date]] = {company_id: [] for company_id in choice.requested if company_id not in due}
    yield from refresher.refresh(idle, asks_sequel=False)


def _wanted(context: dg.AssetExecutionContext, ids: Mapping[str, str]) -> dict[str, list[date]]:
    """Return the days of each company, by its id; partitions without a company are reported and stop no other."""
    requested = days_by_company(context.partition_keys)
    unknown = [key for key in requested if key not in ids]
    if unknown:
        text = (
            f"in no row of the table companies, so nothing was requested of them: {', '.join(map(visible, unknown))}; "
            "materialize the asset companies first, or delete these partitions"
        )
        if len(unknown) == len(requested):
            raise dg.Failure(text)
        context.log.warning(text)
    return {ids[key]: days for key, days in requested.items() if key in ids}


def leave_out_gone(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    wanted: dict[str, list[date]],
    companies: Sequence[KnownCompany],
) -> dict[str, list[date]]:
    """Move companies that are gone at Sequel out of `wanted`; return them: nothing is requested, their data stay."""
    keys = {company.company_id: company.partition_key for company in companies if company.gone_at is not None}
    gone = {company_id: wanted.pop(company_id) for company_id in list(wanted) if company_id in keys}
    if gone:
        names = ", ".join(visible(keys[one]) for one in gone)
        text = f"gone at Sequel, so nothing was requested of them and their data stay: {names}"
        if not wanted:
            raise dg.Failure(text)
        context.log.info(text)
    return gone


class ProgressLog:
    """Writes a line twice a minute at most: requests made, their rate, requests and time left."""

    def __init__(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, progress: Progress) -> None:
        self._context, self._progress = context, progress
        self._began = self._logged_at = time.monotonic()

    def log_if_due(self) -> None:
        """Log how far the run is, if the last line is old enough."""
        now = time.monotonic()
        if now - self._logged_at < LOG_SECONDS:
            return
        self._logged_at = now
        self._context.log.info(_progress(self._progress, now - self._began))


def _progress(progress: Progress, seconds: float) -> str:
    """Return how far a run is after so many seconds."""
    reading = progress.read()
    text = f"{reading.requests:,} requests so far, {reading.requests / seconds:,.0f} per second"
    if reading.left is None or not reading.requests:
        return text
    time_left = timedelta(seconds=round(reading.left * seconds / reading.requests))
    return f"{text}; of the companies that were begun about {reading.left:,} are left, which take {time_left}"
