"""The one op that refreshes slices and reports each by itself, as dbt's models share one.

It logs a materialization for every slice that is good and raises at the end for those that are not, so that exactly
those turn red. It yields nothing: a step that returned normally would turn the whole range green.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from functools import partial

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.assets.slice_selection import Choice, choose
from sequel_assets.orchestration.partitions import days_by_company
from sequel_assets.orchestration.reporting.materializations import Report, failure
from sequel_assets.orchestration.reporting.progress import ProgressLog
from sequel_assets.orchestration.reporting.specs import spec_of
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.run_tags import is_forced
from sequel_assets.refresh.core.datasets import LANDED, SLICED, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.coverage.slice_coverage import kept_outcomes
from sequel_assets.refresh.datasets.registry import LISTS
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany


def refresh_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the multi-asset of every dataset that is kept by slice."""

    @dg.multi_asset(
        name="refresh",
        specs=[spec_of(dataset, partitions) for dataset in SLICED],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        required_resource_keys={"platform", "observer"},
        description="Fetches and proves the facts of each company and day, commits them, derives what is behind",
    )
    def refresh(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        platform: Platform = context.resources.platform
        observer: Observer = context.resources.observer
        _refresh(context, platform, observer)
        yield from ()

    return refresh


def _refresh(context: dg.AssetExecutionContext, platform: Platform, observer: Observer) -> None:
    if not context.partition_keys:
        raise dg.Failure("the range of partitions is empty: its ends are in reverse order; choose them again")
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    asks_sequel = any(dataset.name in selected for dataset in LANDED)
    shown = SLICED_NAMES if asks_sequel else selected
    with platform.opened() as (client, warehouse):
        companies = warehouse.ask(catalog.known_companies)
        names = {company.company_id: company.partition_key for company in companies}
        wanted = _wanted(context, {key: company_id for company_id, key in names.items()})
        gone = _leave_out_gone(context, wanted, companies) if asks_sequel else {}
        choice = warehouse.ask(lambda connection: choose(connection, wanted, context.run.tags, platform.settings()))
        for stranger in choice.unknown_companies:
            context.log.warning(
                f"SEQUEL_COMPANY_RETENTION_DAYS names {visible(stranger)}: no company has this id or partition key"
            )
        refresher = platform.refresher(
            client, warehouse, context.run.run_id, accepts_loss=choice.accepts_loss, anew=is_forced(context.run.tags)
        )
        observer.gauge, before = refresher.gauge, client.stats.requests
        progress = ProgressLog(context, refresher.gauge)
        steady = SLICED_NAMES if not choice.is_hourly else selected
        report = Report(context, names, shown, steady, platform.settings().clock().date(), wanted | gone)
        with report, closing(_outcomes(refresher, choice, wanted, asks_sequel=asks_sequel)) as outcomes:
            for outcome in outcomes:
                observer(outcome)
                report.tell(outcome, warehouse)
                progress.tell()
            observer.fatal = refresher.fatal
            if asks_sequel and not refresher.fatal and (report.failed or not choice.is_hourly):
                left = {**choice.kept, **gone}  # a planned slice that is not logged turns red with a run that fails
                for outcome in warehouse.ask(lambda connection: list(kept_outcomes(connection, left))):
                    observer(outcome)
                    report.tell(outcome, warehouse)
        asked = sum(len(days) for days in choice.asked.values())
        if asks_sequel and asked:
            _tell_lists(context, warehouse)
        requests = client.stats.requests - before
        frozen = f", {choice.frozen} frozen (Sequel has forgotten them)" if choice.frozen else ""
        context.log.info(f"{asked} company days asked{frozen}, {requests} requests, {len(report.failed)} slices failed")
        if report.failed:
            raise failure(report.failed, names, str(refresher.fatal or ""))


def _tell_lists(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
    """Log the lists that have no day: a refresh of slices has just asked for what is due of them."""
    for dataset in LISTS:
        count = sa.select(sa.func.count()).select_from(dataset.table)
        rows = warehouse.ask(partial(_scalar, count))
        context.log_event(dg.AssetMaterialization(dataset.name, metadata={"dagster/row_count": rows}))


def _scalar(query: sa.Select[int], connection: sa.Connection) -> int:
    return connection.scalar(query) or 0


def _outcomes(
    refresher: Refresher, choice: Choice, wanted: Mapping[str, Sequence[date]], *, asks_sequel: bool
) -> Generator[Outcome]:
    """Yield what becomes of each slice; of companies with nothing to be asked for, whatever is behind is derived."""
    if not asks_sequel:
        yield from refresher.refresh(wanted, asks_sequel=False)
        return
    due = {company_id: days for company_id, days in choice.asked.items() if days or company_id in choice.owing}
    yield from refresher.refresh(due)
    idle: dict[str, list[date]] = {company_id: [] for company_id in choice.asked if company_id not in due}
    yield from refresher.refresh(idle, asks_sequel=False)


def _wanted(context: dg.AssetExecutionContext, ids: Mapping[str, str]) -> dict[str, list[date]]:
    """Return the days of each company, by its id; partitions that are no company's are told of and hold up nobody."""
    asked = days_by_company(context.partition_keys)
    strangers = [key for key in asked if key not in ids]
    if strangers:
        words = f"in no row of the table companies, so nothing was asked of them: {', '.join(map(visible, strangers))}; materialize the asset companies first, or delete these partitions"
        if len(strangers) == len(asked):
            raise dg.Failure(words)
        context.log.warning(words)
    return {ids[key]: days for key, days in asked.items() if key in ids}


def _leave_out_gone(
    context: dg.AssetExecutionContext, wanted: dict[str, list[date]], companies: Sequence[KnownCompany]
) -> dict[str, list[date]]:
    """Take companies that are gone at Sequel out of what is wanted, and return them: nothing is asked, their data stay."""
    keys = {company.company_id: company.partition_key for company in companies if company.gone_at is not None}
    gone = {company_id: wanted.pop(company_id) for company_id in list(wanted) if company_id in keys}
    if gone:
        words = f"gone at Sequel, so nothing was asked of them and their data stay: {', '.join(visible(keys[one]) for one in gone)}"
        if not wanted:
            raise dg.Failure(words)
        context.log.info(words)
    return gone
