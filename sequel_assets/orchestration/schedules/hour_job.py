"""The job of the hour: refreshes what is due of a bundle of companies, and logs in Dagster what changed.

It has no partitions. Dagster stores an event for every slice that a partitioned run plans, and one for every slice that it
logs: over a thousand companies these are the most that an hour costs, whether or not anything happened. Here a slice is
logged when it is new or its rows changed (and with it whatever depends on it), when its day closes or turns final and it has
rows, or when it had failed before; and one that fails is planned by itself before the run fails, so that exactly it turns red.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.assets.slice_selection import Choice, choose
from sequel_assets.orchestration.assets.slices import (
    Execute,
    ProgressLog,
    follow,
    leave_out_gone,
    outcomes_of,
    report_lists,
    warn_of_unknown,
)
from sequel_assets.orchestration.namespace import ALONE, HOUR, Namespace
from sequel_assets.orchestration.partitions import slice_key
from sequel_assets.orchestration.reporting.materializations import Report, failure, in_one_batch
from sequel_assets.orchestration.reporting.run_summary import RunSummary
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.safety.visible import MAX_NAMED, visible
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import NO_DAY, problems, refreshes

MAX_COMPANIES, MAX_RUN_DAYS = 10_000, 10_000
"""Companies and days that a run's config may name."""
CONFIG = {
    "companies": dg.Field(
        [str], is_required=False, default_value=[], description="partition keys of companies; none: all of them"
    ),
    "days": dg.Field(
        [str], is_required=False, default_value=[], description="days (UTC) of which it takes what is due; none: today"
    ),
}


def hour_job(space: Namespace = ALONE, execute: Execute | None = None) -> dg.JobDefinition:
    """Return the job of the hour."""

    @dg.op(
        name=hour_op_name(space),
        config_schema=CONFIG,
        out=dg.Out(dg.Nothing),
        required_resource_keys={space.platform, space.observer},
    )
    def refresh_what_is_due(context: dg.OpExecutionContext) -> Iterator[Any]:
        platform: Platform = getattr(context.resources, space.platform)
        observer: Observer = getattr(context.resources, space.observer)
        yield from execute(context, platform, observer) if execute else refresh_due(context, platform, observer, space)

    @dg.job(
        name=space.name(HOUR),
        description="Refreshes what is due of a bundle of companies; requested by the schedule hourly_refresh",
        tags=run_tags.BOUNDED,
        executor_def=dg.in_process_executor,
    )
    def refresh_hour() -> None:
        refresh_what_is_due()

    return refresh_hour


def hour_op_name(space: Namespace) -> str:
    """Return the name of the job's one op."""
    return space.name("refresh_what_is_due")


def refresh_due(
    context: dg.OpExecutionContext, platform: Platform, observer: Observer, space: Namespace
) -> Iterator[Any]:
    """Refresh what is due of a run's companies, log what changed, and raise at the end for what failed. It yields nothing."""
    _refresh(context, platform, observer, space)
    yield from ()


def _refresh(context: dg.OpExecutionContext, platform: Platform, observer: Observer, space: Namespace) -> None:
    with platform.opened(max(1, len(context.op_config["companies"]))) as (client, warehouse):
        settings = platform.settings()
        companies = warehouse.ask(catalog.known_companies)
        names = {company.company_id: company.partition_key for company in companies}
        today = settings.clock().date()
        tags = {run_tags.HOURLY: run_tags.ON, **context.run.tags}
        wanted = _wanted(context, {key: company_id for company_id, key in names.items()}, today, tags)
        leave_out_gone(context, wanted, companies)
        choice = warehouse.ask(lambda connection: choose(connection, wanted, tags, settings))
        warn_of_unknown(context, choice)
        requested = {company_id: list(days) for company_id, days in choice.requested.items()}
        loud = warehouse.ask(lambda connection: _unsettled(connection, requested, today))
        options = RefreshOptions(context.run_id, accepts_loss=False)
        refresher = Refresher(client, warehouse, settings.clock, config.rules(settings), options)
        observer.run_id, observer.progress = context.run_id, refresher.progress
        before, summary, progress = (
            client.stats.requests,
            RunSummary(names, says_changes_alone=True),
            ProgressLog(context, refresher.progress),
        )
        titles = {company.company_id: company.name for company in companies}

        def is_steady(outcome: Outcome) -> bool:
            holds_events = outcome.day not in (today, NO_DAY) and outcome.rows > 0
            return holds_events or (outcome.company_id, outcome.day) in loud

        report = Report(context, names, SLICED_NAMES, is_steady, today, requested, space, titles)
        with report, closing(outcomes_of(refresher, choice, wanted, asks_sequel=True)) as outcomes:
            follow(outcomes, warehouse, observer, report, summary, progress)
            observer.fatal = refresher.fatal
        if any(day != today for days in requested.values() for day in days):
            report_lists(context, warehouse, space)  # once a day is enough for assets that have no day
        summary.log(context, choice.requested, {})
        _say(context, choice, client.stats.requests - before, report, summary.table())
        if report.failed and not refresher.fatal:
            _plan(context, report.failed, names, space)
        if report.failed:
            raise failure(report.failed, names, str(refresher.fatal or ""))


def _say(context: dg.OpExecutionContext, choice: Choice, requests: int, report: Report, table: str) -> None:
    days = sum(map(len, choice.requested.values()))
    figures = {"company_days": days, "requests": requests, "slices_logged": report.logged, "failed": len(report.failed)}
    context.add_output_metadata(figures)
    context.log.info(
        f"{days} company days requested, {requests} requests, {report.logged} slices logged, {len(report.failed)} failed{table}"
    )


def _wanted(
    context: dg.OpExecutionContext, ids: dict[str, str], today: date, tags: dict[str, str]
) -> dict[str, list[date]]:
    """Return the days of each company by its id; a company that is not known any more is named and stops no other."""
    told: dict[str, Any] = context.op_config
    keys, days = told["companies"] or sorted(ids), [date.fromisoformat(day) for day in told["days"]]
    if len(keys) > MAX_COMPANIES or len(days) > MAX_RUN_DAYS:
        raise dg.Failure(
            f"the config names more than {MAX_COMPANIES} companies or {MAX_RUN_DAYS} days; nothing was requested"
        )
    if tags[run_tags.HOURLY] == run_tags.ON:
        days = sorted({*days, today})  # a run that began late, after midnight, refreshes the day that it is now
    unknown = [key for key in keys if key not in ids]
    if unknown:
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        context.log.warning(
            f"in no row of the table companies, so nothing was requested of them, and the others were refreshed: "
            f"{', '.join(map(visible, unknown[:MAX_NAMED]))}{more}"
        )
    context.instance.add_run_tags(context.run_id, _description(keys, days, tags))
    return {ids[key]: list(days) for key in keys if key in ids}


def _description(keys: Collection[str], days: Collection[date], tags: dict[str, str]) -> dict[str, str]:
    described = {run_tags.MODE: run_tags.mode(tags, asks_sequel=True), run_tags.WHY: run_tags.why(tags)}
    return run_tags.of_slices(keys, days) | described


def _unsettled(connection: sa.Connection, days: dict[str, list[date]], today: date) -> set[tuple[str, date]]:
    """Return the slices' companies and days that are logged also where nothing changed: new ones, and those with a problem."""
    r, p = refreshes.c, problems.c
    ours = among(r.company_id, days)
    known = sa.select(r.company_id).where(ours, r.dataset == EVENT_PARTICIPANTS.name, r.day == today)
    there = set(connection.scalars(known))
    troubled = sa.select(p.company_id, p.day).where(among(p.company_id, days)).distinct()
    new = {(company_id, today) for company_id, theirs in days.items() if today in theirs and company_id not in there}
    return new | {(row.company_id, row.day) for row in connection.execute(troubled)}


def _plan(context: dg.OpExecutionContext, failed: Iterable[Outcome], names: dict[str, str], space: Namespace) -> None:
    """Plan each slice that failed: with the run that fails it turns red, and no other does. Those of an asset together."""
    slices: dict[str, list[str]] = {}
    for outcome in failed:
        if outcome.day != NO_DAY:
            slices.setdefault(outcome.dataset, []).append(str(slice_key(names[outcome.company_id], outcome.day)))
    for dataset, keys in slices.items():
        for key, batch in in_one_batch(keys):
            planned = AssetMaterializationPlannedData(space.key(dataset), partition=key)
            event = DagsterEvent.build_asset_materialization_planned_event(context.job_name, context.op.name, planned)
            context.instance.report_dagster_event(event, context.run_id, batch_metadata=batch)
