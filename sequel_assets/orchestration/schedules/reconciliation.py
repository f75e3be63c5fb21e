"""The daily reconciliation as a job, and when it runs. It compares and repairs; what it found is read by the checks."""

from typing import Any

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.checks.result import listed
from sequel_assets.orchestration.namespace import ALONE, RECONCILIATION, Namespace
from sequel_assets.orchestration.reporting.materializations import materialization
from sequel_assets.orchestration.resources import Platform
from sequel_assets.reconciliation.client import ReconciliationReport
from sequel_assets.reconciliation.run import reconcile
from sequel_assets.refresh.core import config
from sequel_assets.safety.visible import as_line, visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog

HOUR = 4
"""The hour (UTC) of the reconciliation."""
MINUTES_AFTER_SETTLE = 10


def _reconcile(context: dg.OpExecutionContext, space: Namespace) -> None:
    """Compare every event's totals at Sequel with what is kept, refresh the days that moved, write the results."""
    platform: Platform = getattr(context.resources, space.platform)
    with platform.opened() as (client, warehouse):
        settings = platform.settings()
        report = reconcile(client, warehouse, settings.clock, config.rules(settings), context.run_id)
        names = warehouse.ask(catalog.partition_keys)
    for outcome in report.repaired_slices:
        context.log_event(space.event(materialization(outcome, names[outcome.company_id])))
    for company_id, event_id, day in report.repaired:
        context.log.info(f"{names[company_id]} {day} event {visible(event_id)} had moved and was refreshed")
    for scope, why in report.skipped.items():
        context.log.info(as_line(f"{scope} was not compared: {why}"))
    context.add_output_metadata(_metadata(report))
    if report.fatal is not None:
        raise dg.Failure(f"{report.fatal}; what was reconciled before is kept; run it again when that is fixed")
    if report.failures:
        lines = [f"{names[f.company_id]} event {f.event_id or '(all)'}: {f.reason}" for f in report.failures]
        raise dg.Failure(f"{len(lines)} could not be reconciled; the others were:\n{listed(lines)}")


def reconciliation_job(space: Namespace = ALONE) -> dg.JobDefinition:
    """Return the job of the reconciliation."""

    @dg.op(name=space.name("reconcile_events"), required_resource_keys={space.platform})
    def reconcile_events(context: dg.OpExecutionContext) -> None:
        _reconcile(context, space)

    @dg.job(
        name=space.name(RECONCILIATION),
        description="Compares every event's totals at Sequel with what is kept, and refreshes what moved",
        tags=run_tags.OF_EVERYTHING | run_tags.LONG,
        executor_def=dg.in_process_executor,
    )
    def reconciliation() -> None:
        reconcile_events()

    return reconciliation


def reconciliation_schedule(settings: Settings, space: Namespace = ALONE) -> dg.ScheduleDefinition:
    """Return the schedule: once a day, shortly after an hourly refresh."""
    minutes = settings.settle_minutes + MINUTES_AFTER_SETTLE
    return dg.ScheduleDefinition(
        name=space.name("daily_reconciliation"),
        tags=run_tags.because("schedule daily_reconciliation"),
        job_name=space.name(RECONCILIATION),
        cron_schedule=f"{minutes % 60} {HOUR + minutes // 60} * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Compares what is kept with what Sequel answers now, once a day",
    )


def _metadata(report: ReconciliationReport) -> dict[str, Any]:
    return {
        "companies": report.companies,
        "events": report.events,
        "requests": report.requests,
        "repaired": len(report.repaired),
        "differing": report.differing,
        "hidden_events": len(report.hidden),
        "failed": len(report.failures),
    }
