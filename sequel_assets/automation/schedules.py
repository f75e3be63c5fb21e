"""When things run, all in UTC: slices once Sequel has settled, checks when the refresh should be done."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from sequel_assets.refresh import connect
from sequel_assets.refresh.datasets import HOURLY_NAMES
from sequel_assets.refresh.due import due_this_hour
from sequel_assets.refresh.freshness import ALLOWANCE, Held
from sequel_assets.refresh.ledger import landed_days
from sequel_assets.refresh.retention import NONE_FROZEN
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import catalog, schema
from sequel_assets.warehouse.errors import WarehouseError

from . import modes
from .jobs import CATALOG_JOB, CHECKS_JOB, SLICES_JOB
from .partitions import COMPANY, range_tags

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
ON = dg.DefaultScheduleStatus.RUNNING
HOURLY_ASSETS = [dg.AssetKey(name) for name in sorted(HOURLY_NAMES)]
"""What a run over open days alone plans; Dagster stores two events for each slice that is planned and materialized."""


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the hourly schedules: catalog, refresh, checks."""

    @dg.schedule(
        name="hourly_refresh",
        job=SLICES_JOB,
        cron_schedule=f"{settings.settle_minutes} * * * *",
        execution_timezone="UTC",
        default_status=ON,
        description="Refreshes what is due: today for every company, days that close, days that turn final; in one run",
    )
    def hourly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        companies = list(context.instance.get_dynamic_partitions(COMPANY))
        under_way = context.instance.get_runs(dg.RunsFilter(tags={modes.HOURLY: "true"}, statuses=UNDER_WAY), limit=1)
        hour = context.scheduled_execution_time.astimezone(UTC)
        try:
            held, frozen_before = _held(settings)
        except (SettingsError, WarehouseError) as error:
            return dg.SkipReason(str(error))
        now = settings.now or max(hour, settings.clock())
        return decide_hour(
            companies, held, under_way[0].run_id if under_way else None, hour, now, settings, frozen_before
        )

    after = (settings.settle_minutes + ALLOWANCE.seconds // 60) % 60
    hourly_checks = dg.ScheduleDefinition(
        name="hourly_checks",
        job=CHECKS_JOB,
        cron_schedule=f"{after} * * * *",
        execution_timezone="UTC",
        default_status=ON,
        description="Holds every slice against its checks, whether or not the refresh has run",
    )
    hourly_catalog = dg.ScheduleDefinition(
        name="hourly_catalog",
        job=CATALOG_JOB,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=ON,
        description="Walks the company tree and lists every event",
    )
    return [hourly_catalog, hourly_refresh, hourly_checks]


def decide_hour(
    companies: Sequence[str],
    held: Mapping[str, Mapping[date, Held]],
    under_way: str | None,
    hour: datetime,
    now: datetime,
    settings: Settings,
    frozen_before: Mapping[str, date],
) -> dg.RunRequest | dg.SkipReason:
    """Return the run of an hour: one over all companies, from the oldest day that is due anywhere to today. Pure.

    `companies` are Dagster's partitions in their order, `held` what each company's days cover, `under_way` a run of an
    earlier hour that has not ended, `frozen_before` the first day that Sequel still holds where it forgets.
    """
    if not companies:
        return dg.SkipReason("no company is known yet; the sensor new_companies finds them")
    if under_way is not None:
        return dg.SkipReason(
            f"the refresh of an earlier hour is still under way (run {under_way}); the next hour makes good what is due"
        )
    settle, window = timedelta(minutes=settings.settle_minutes), timedelta(hours=settings.late_window_hours)
    due = {
        day
        for company_id, slices in held.items()
        for day in due_this_hour(
            slices,
            now,
            settle=settle,
            late_window=window,
            frozen_before=frozen_before.get(company_id, NONE_FROZEN),
        )
    }
    if not due:
        return dg.SkipReason(f"every company has this hour already, through {hour:%Y-%m-%d %H:%M} UTC")
    first, last = max(min(due), settings.start_date), now.astimezone(UTC).date()
    tags = range_tags(companies, first, last) | {modes.HOURLY: "true"}
    owed = HOURLY_ASSETS if first == last else None  # an open day owes nobody what is derived at its close
    return dg.RunRequest(run_key=f"hour-{hour:%Y%m%d%H}", tags=tags, asset_selection=owed)


def _held(settings: Settings) -> tuple[dict[str, dict[date, Held]], dict[str, date]]:
    warehouse = connect.open_warehouse(settings)
    try:
        schema.ensure_current(warehouse)
        with warehouse.read() as connection:
            there = catalog.present_companies(connection)
            held = landed_days(connection, [company.company_id for company in there], from_the_first=True)
        return held, connect.retention(settings).frozen_before(there, settings.clock())
    finally:
        warehouse.dispose()
