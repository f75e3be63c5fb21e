"""The jobs of the refresh and their hourly schedules.

In UTC: slices once Sequel's numbers have settled, checks when that should be done.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE, CATALOG_JOB_NAME, CHECKS, SLICES, Namespace
from sequel_assets.orchestration.resources import current_warehouse, in_one_line
from sequel_assets.orchestration.schedules.hourly_plan import covered, decide_hour
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import CATALOG_HOURLY, HOURLY_NAMES, SLICED
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.freshness import ALLOWANCE
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
HOUR = timedelta(hours=1)
MAX_RUNS = 1_000
"""Runs under way that a tick reads."""


def catalog_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job that each hour walks the hierarchy."""
    names = [dataset.name for dataset in CATALOG_HOURLY]
    description = "Finds companies and events; new companies get their partitions"
    return space.asset_job(CATALOG_JOB_NAME, names, description, run_tags.OF_ALL_COMPANIES)


def slices_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job of slices."""
    description = "Refreshes the slices of companies and days; a run covers one slice or a rectangle of them"
    return space.asset_job(SLICES, [dataset.name for dataset in SLICED], description)


def checks_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job of the checks of our assets."""
    return dg.define_asset_job(
        space.name(CHECKS),
        selection=dg.AssetSelection.checks_for_assets(*space.keys(space.specs)),
        description="Runs every check over every slice",
        tags=run_tags.URGENT | run_tags.OF_EVERYTHING,
        executor_def=dg.in_process_executor,
    )


def schedules(settings: Settings, space: Namespace = ALONE) -> list[dg.ScheduleDefinition]:
    """Return the hourly schedules: catalog, refresh, checks."""

    @dg.schedule(
        name=space.name("hourly_refresh"),
        job_name=space.name(SLICES),
        cron_schedule=f"{settings.settle_minutes} * * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Refreshes what is due: in one run today for every company, days that close, days that turn final; "
        "older days beside it",
    )
    @in_one_line()
    def hourly_refresh(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        companies = list(context.instance.get_dynamic_partitions(space.partitions_name))
        hour = context.scheduled_execution_time.astimezone(UTC)
        now = settings.now or max(hour, settings.clock())
        try:
            due = due_days(settings, now)
        except (SettingsError, WarehouseError) as error:
            return dg.SkipReason(str(error))
        runs = context.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=MAX_RUNS)
        under_way = list(covered(filter(space.is_ours, runs), companies))
        return decide_hour(
            companies,
            due,
            hour_under_way(context.instance, space=space),
            under_way,
            hour,
            now.astimezone(UTC).date(),
            space.keys(sorted(HOURLY_NAMES)),
        )

    after = (settings.settle_minutes + ALLOWANCE.seconds // 60) % 60
    hourly_checks = dg.ScheduleDefinition(
        name=space.name("hourly_checks"),
        tags=run_tags.because("schedule hourly_checks"),
        job_name=space.name(CHECKS),
        cron_schedule=f"{after} * * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Runs every check over every slice, whether or not the refresh has run",
    )
    hourly_catalog = dg.ScheduleDefinition(
        name=space.name("hourly_catalog"),
        tags=run_tags.because("schedule hourly_catalog"),
        job_name=space.name(CATALOG_JOB_NAME),
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Walks the company hierarchy and lists every event",
    )
    return [hourly_catalog, hourly_refresh, hourly_checks]


def hour_under_way(instance: dg.DagsterInstance, at: datetime | None = None, space: Namespace = ALONE) -> str | None:
    """Return the run of an hour that has not ended.

    One that is older than an hour was lost (power cut) or is about to end.
    """
    since = (at or datetime.now(UTC)) - HOUR
    tags = {run_tags.HOURLY: run_tags.ON}
    ours = dg.RunsFilter(job_name=space.name(SLICES), tags=tags, statuses=UNDER_WAY, created_after=since)
    return next((run.run_id for run in instance.get_runs(ours, limit=1)), None)


def due_days(settings: Settings, now: datetime) -> dict[str, list[date]]:
    """Return, by partition key, the days of each company that are due this hour."""
    settle, window = timedelta(minutes=settings.settle_minutes), timedelta(hours=settings.late_window_hours)
    with current_warehouse(settings) as warehouse:
        there = warehouse.ask(catalog.present_companies)
        kept_days = warehouse.ask(lambda connection: landed_days(connection, [one.company_id for one in there]))
    frozen_before = config.retention(settings).frozen_before(there, now)
    return {
        company.partition_key: [
            day
            for day in due_this_hour(
                kept_days[company.company_id],
                now,
                settle=settle,
                late_window=window,
                frozen_before=frozen_before.get(company.company_id, NONE_FROZEN),
            )
            if day >= settings.start_date
        ]
        for company in there
    }
