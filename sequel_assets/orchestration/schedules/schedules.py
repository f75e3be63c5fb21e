"""The jobs of the refresh and their hourly schedules.

In UTC: slices once Sequel's numbers have settled, checks when that should be done.
"""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE, CATALOG_JOB_NAME, CHECKS, HOUR, SLICES, Namespace
from sequel_assets.orchestration.resources import in_one_line
from sequel_assets.orchestration.schedules.hour_job import hour_op_name
from sequel_assets.orchestration.schedules.hourly_due import due_days
from sequel_assets.orchestration.schedules.hourly_plan import decide_hour, works
from sequel_assets.refresh.core.datasets import CATALOG_HOURLY, SLICED
from sequel_assets.refresh.coverage.freshness import ALLOWANCE
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.database.errors import WarehouseError

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
UNBOUNDED_SECONDS = 14_400
"""For how long a run counts as under way where neither it nor the instance has a bound."""
MAX_RUNS = 5_000
"""Runs under way that a tick reads."""


def catalog_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job that each hour walks the hierarchy."""
    names = [dataset.name for dataset in CATALOG_HOURLY]
    description = "Finds companies and events; new companies get their partitions"
    return space.asset_job(CATALOG_JOB_NAME, names, description, run_tags.OF_ALL_COMPANIES | run_tags.BOUNDED)


def slices_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job of slices."""
    description = "Refreshes the slices of companies and days; a run covers one slice or a rectangle of them"
    return space.asset_job(SLICES, [dataset.name for dataset in SLICED], description, run_tags.LONG)


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
        job_name=space.name(HOUR),
        cron_schedule=f"{settings.settle_minutes} * * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Refreshes what is due, in a run for each bundle of companies: today, days that close, days that turn "
        "final; older days beside them",
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
        runs = filter(space.is_ours, runs_under_way(context.instance))
        under_way = list(works(runs, hour_op_name(space), companies))
        today = now.astimezone(UTC).date()
        decided = decide_hour(companies, due, under_way, hour, today, settings.companies_per_run)
        if isinstance(decided, dg.SkipReason):
            return decided
        op = hour_op_name(space)
        return [
            dg.RunRequest(
                run_key=work.run_key(hour), run_config={"ops": {op: {"config": work.config()}}}, tags=work.tags()
            )
            for work in decided
        ]

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


def runs_under_way(instance: dg.DagsterInstance, at: datetime | None = None) -> list[dg.DagsterRun]:
    """Return the runs that have not ended, the lost ones left out.

    One that waits in the queue will do its work, however long it waits. One that is said to be starting or under way
    longer than it may be has lost its process (power cut): run monitoring ends it, and nothing waits for that. It is
    counted from its start, or from when it left the queue: it may have waited there for a night.
    """
    now = (at or datetime.now(UTC)).timestamp()
    unbounded = instance.run_monitoring_max_runtime_seconds or UNBOUNDED_SECONDS
    records = instance.get_run_records(dg.RunsFilter(statuses=UNDER_WAY), limit=MAX_RUNS)
    return [
        record.dagster_run
        for record in records
        if record.dagster_run.status is dg.DagsterRunStatus.QUEUED
        or now - (record.start_time or record.update_timestamp.timestamp()) < _bound(record.dagster_run, unbounded)
    ]


def _bound(run: dg.DagsterRun, unbounded: float) -> float:
    """Return the seconds that a run may take; of one that names no bound, such as one of the UI, the instance's."""
    seconds = run.tags.get(run_tags.MAX_RUNTIME, "")
    return int(seconds) if seconds.isdecimal() else unbounded


def hour_under_way(instance: dg.DagsterInstance, at: datetime | None = None, space: Namespace = ALONE) -> str | None:
    """Return a run of an hour that has not ended."""
    ours = (run for run in runs_under_way(instance, at) if run.job_name == space.name(HOUR))
    return next((run.run_id for run in ours if run.tags.get(run_tags.HOURLY) == run_tags.ON), None)
