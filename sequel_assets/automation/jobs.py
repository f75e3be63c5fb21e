"""The jobs and when they run: every hour, once Sequel has settled."""

from datetime import UTC

import dagster as dg

from sequel_assets.refresh.datasets import CATALOG, SLICED
from sequel_assets.settings import Settings

from .partitions import COMPANY, range_tags

CATALOG_JOB = dg.define_asset_job(
    "refresh_catalog",
    selection=dg.AssetSelection.assets(*(dataset.name for dataset in CATALOG)).without_checks(),
    description="Finds companies and events; new companies get their partitions",
)


SLICES_JOB = dg.define_asset_job(
    "refresh_slices",
    selection=dg.AssetSelection.assets(*(dataset.name for dataset in SLICED)).without_checks(),
    description="Refreshes the slices of companies and days; a run covers one slice or a rectangle of them",
)

CHECKS_JOB = dg.define_asset_job(
    "run_checks", selection=dg.AssetSelection.all_asset_checks(), description="Holds every slice against its checks"
)


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the schedules, all in UTC: the catalog at the top of the hour, today's slices `settle` minutes later, then the checks."""

    @dg.schedule(
        name="hourly_refresh",
        job=SLICES_JOB,
        cron_schedule=f"{settings.settle_minutes} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refreshes today for every company, in one run",
    )
    def hourly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        companies = list(context.instance.get_dynamic_partitions(COMPANY))
        if not companies:
            return dg.SkipReason("no company is known yet; the job refresh_catalog finds them")
        hour = context.scheduled_execution_time.astimezone(UTC)
        today = settings.clock().date() if settings.now else hour.date()
        return dg.RunRequest(run_key=f"hour-{hour:%Y%m%d%H}", tags=range_tags(companies, today, today))

    running = dg.DefaultScheduleStatus.RUNNING
    after = (settings.settle_minutes + 15) % 60
    return [
        dg.ScheduleDefinition(
            name="hourly_catalog",
            job=CATALOG_JOB,
            cron_schedule="0 * * * *",
            execution_timezone="UTC",
            default_status=running,
        ),
        hourly_refresh,
        dg.ScheduleDefinition(
            name="hourly_checks",
            job=CHECKS_JOB,
            cron_schedule=f"{after} * * * *",
            execution_timezone="UTC",
            default_status=running,
        ),
    ]
