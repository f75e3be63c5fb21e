"""The one op that refreshes slices and reports each by itself, as dbt's models share one.

It logs a materialization for every slice that is good and raises at the end for those that are not, so that exactly
those turn red. It yields nothing: a step that returned normally would turn the whole range green.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date

import dagster as dg

from sequel_assets.automation.choice import Choice, choose
from sequel_assets.automation.partitions import days_by_company
from sequel_assets.automation.resources import Observer, Platform
from sequel_assets.refresh.datasets import LANDED, SLICED
from sequel_assets.refresh.ledger import kept_outcomes
from sequel_assets.refresh.outcomes import Outcome
from sequel_assets.refresh.refresh import Refresher
from sequel_assets.warehouse import catalog
from sequel_assets.warehouse.catalog import KnownCompany

from .report import Report, failure
from .specs import spec_of


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
    shown = {dataset.name for dataset in SLICED} if asks_sequel else selected
    with platform.opened() as (client, warehouse):
        with warehouse.read() as connection:
            companies = catalog.known_companies(connection)
        names = {company.company_id: company.partition_key for company in companies}
        wanted = _wanted(context, {key: company_id for company_id, key in names.items()})
        if asks_sequel:
            _leave_out_gone(context, wanted, companies)
        with warehouse.read() as connection:
            choice = choose(connection, wanted, context.run.tags, platform.settings())
        refresher = platform.refresher(client, warehouse, context.run.run_id, accepts_loss=choice.accepts_loss)
        report = Report(context, names, shown, platform.settings().clock().date(), wanted)
        with closing(_outcomes(refresher, choice, wanted, asks_sequel=asks_sequel)) as outcomes:
            for outcome in outcomes:
                observer(outcome)
                report.tell(outcome, warehouse)
        observer.fatal = refresher.fatal
        if asks_sequel and not refresher.fatal and (report.failed or not choice.is_hourly):
            with warehouse.read() as connection:  # a planned slice that is not logged turns red with a run that fails
                kept = list(kept_outcomes(connection, choice.kept))
            for outcome in kept:
                observer(outcome)
                report.tell(outcome, warehouse)
        asked = sum(len(days) for days in choice.asked.values())
        requests = client.stats.as_dict().get("requests", 0)
        context.log.info(f"{asked} company days asked, {requests} requests, {len(report.failed)} slices failed")
        if report.failed:
            raise failure(report.failed, names, str(refresher.fatal or ""))


def _outcomes(
    refresher: Refresher, choice: Choice, wanted: Mapping[str, Sequence[date]], *, asks_sequel: bool
) -> Generator[Outcome]:
    """Yield what becomes of each slice; of companies with nothing to be asked for, whatever is behind is derived."""
    if not asks_sequel:
        yield from refresher.refresh(wanted, asks_sequel=False)
        return
    yield from refresher.refresh({company_id: days for company_id, days in choice.asked.items() if days})
    idle: dict[str, list[date]] = {company_id: [] for company_id, days in choice.asked.items() if not days}
    yield from refresher.refresh(idle, asks_sequel=False)


def _wanted(context: dg.AssetExecutionContext, ids: Mapping[str, str]) -> dict[str, list[date]]:
    try:
        return days_by_company(context.partition_keys, ids)
    except KeyError as unknown:
        raise dg.Failure(
            f"company {unknown} has a partition but is not in the table companies; nothing was written; materialize the asset companies first"
        ) from None


def _leave_out_gone(
    context: dg.AssetExecutionContext, wanted: dict[str, list[date]], companies: Sequence[KnownCompany]
) -> None:
    """Take companies that are gone at Sequel out of what is wanted: nothing is asked of them, their data stay."""
    gone = {company.company_id: company.partition_key for company in companies if company.gone_at is not None}
    left_out = [gone[company_id] for company_id in wanted if company_id in gone]
    if not left_out:
        return
    words = f"gone at Sequel, so nothing was asked of them and their data stay: {', '.join(left_out)}"
    if len(left_out) == len(wanted):
        raise dg.Failure(words)
    context.log.info(words)
    for company_id in gone:
        wanted.pop(company_id, None)
