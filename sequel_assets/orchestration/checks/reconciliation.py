"""The daily patrol as a job with its schedule, and the checks that read what it found."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.orchestration.checks.result import Findings, Names, check_result, listed
from sequel_assets.orchestration.reporting.materializations import materialization
from sequel_assets.orchestration.resources import Platform
from sequel_assets.reconciliation import checks
from sequel_assets.reconciliation.checks import Wrong
from sequel_assets.reconciliation.company_totals import SCOPES
from sequel_assets.reconciliation.run import Reconciliation, ReconciliationReport
from sequel_assets.reconciliation.store import ALL_TIME, RANGE
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS
from sequel_assets.safety.visible import as_line, visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog

HOUR = 4
"""The hour (UTC) of the patrol."""
MINUTES_AFTER_SETTLE = 10
WARNS_FOR = timedelta(hours=24)


@dg.op(name="patrol_events", required_resource_keys={"platform"})
def reconciliation_op(context: dg.OpExecutionContext) -> None:
    """Compare every event's totals at Sequel with what is kept, refresh the days that moved, write the verdicts."""
    platform: Platform = context.resources.platform
    with platform.opened() as (client, warehouse):
        settings = platform.settings()
        patrol = Reconciliation(client, warehouse, settings.clock, config.rules(settings), context.run_id)
        report = patrol.run()
        with warehouse.read() as connection:
            names = catalog.partition_keys(connection)
    for outcome in report.mended:
        context.log_event(materialization(outcome, names[outcome.company_id]))
    for company_id, event_id, day in report.repaired:
        context.log.info(f"{names[company_id]} {day} event {visible(event_id)} had moved and was refreshed")
    for scope, why in report.skipped.items():
        context.log.info(as_line(f"{scope} was not compared: {why}"))
    context.add_output_metadata(_metadata(report))
    if report.fatal is not None:
        raise dg.Failure(f"{report.fatal}; what was patrolled before is kept; run it again when that is mended")
    if report.failures:
        lines = [f"{names[f.company_id]} event {f.event_id or '(all)'}: {f.reason}" for f in report.failures]
        raise dg.Failure(f"{len(lines)} could not be patrolled; the others were:\n{listed(lines)}")


@dg.job(name="patrol", description="Holds every event's totals at Sequel against what is kept, and mends what moved")
def reconciliation_job() -> None:
    """Run the patrol."""
    reconciliation_op()


def reconciliation_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the patrol's schedule: once a day, shortly after an hourly refresh."""
    minutes = settings.settle_minutes + MINUTES_AFTER_SETTLE
    return dg.ScheduleDefinition(
        name="daily_patrol",
        job=reconciliation_job,
        cron_schedule=f"{minutes % 60} {HOUR + minutes // 60} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Holds what is kept against what Sequel tells now, once a day",
    )


def reconciliation_checks_of() -> list[dg.AssetChecksDefinition]:
    """Return the checks on what the patrol found, and on what it and the refreshes saw restated."""
    return [
        _check(
            "days_add_up",
            "The days kept of each event add up to the total that Sequel tells of their range.",
            (RANGE,),
            "Every event's days add up.",
        ),
        _check(
            "history_complete",
            "All that is kept of each event is all that Sequel holds, but for days before the history.",
            (ALL_TIME,),
            "Every event's history is complete.",
        ),
        _check(
            "named_totals_agree",
            "The totals of companies that Sequel's reference only names agree, where they answer.",
            SCOPES,
            "The named totals agree where they answer.",
        ),
        _restated_check(),
    ]


def _check(name: str, description: str, scopes: Sequence[str], right: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=EVENT_PARTICIPANTS.name, name=name, description=description, required_resource_keys={"platform"}
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def find(connection: sa.Connection, names: Names, settings: Settings) -> Findings:
            told = checks.figures(connection, scopes[0])
            lines = [_in_words(wrong, names) for wrong in checks.differing(connection, *scopes)]
            if scopes != SCOPES:
                lines += [
                    f"{names.get(company_id, company_id)} event {event_id or '(all)'}: {why}"
                    for company_id, event_id, why in checks.not_asked(connection)
                ]
                lines += [
                    f"{names.get(company_id, company_id)}: the patrol has not run "
                    + (f"since {last:%Y-%m-%d %H:%M}" if last else "yet")
                    for company_id, last in checks.not_patrolled(connection, settings.clock())
                ]
            metadata: dict[str, Any] = {"checked": told.events, "minutes_before_start": told.minutes_before_start}
            if told.oldest_checked_at is not None:
                metadata["oldest_checked_at"] = dg.MetadataValue.timestamp(told.oldest_checked_at)
            if scopes == SCOPES:
                metadata["skipped"] = checks.skipped(connection, *scopes)
            return Findings(lines, metadata)

        return check_result(context.resources.platform, find, right=right)

    return check


def _restated_check() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=DAILY_USAGE.name,
        name="restated",
        description="Warns for a day after Sequel has changed a number of a day that was final.",
        required_resource_keys={"platform"},
    )
    def restated(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def find(connection: sa.Connection, names: Names, settings: Settings) -> Findings:
            since = settings.clock() - WARNS_FOR
            lines = [
                f"{names.get(one.company_id, one.company_id)} {one.day} {one.key}: {one.column} {one.was:.12g} -> {one.now:.12g}"
                for one in checks.restated_since(connection, DAILY_USAGE.name, since)
            ]
            return Findings(lines)

        right = "No final day was restated within 24 hours."
        return check_result(context.resources.platform, find, right=right, severity=dg.AssetCheckSeverity.WARN)

    return restated


def _in_words(wrong: Wrong, names: Names) -> str:
    days = "all time" if wrong.last_day is None else f"{wrong.first_day} to {wrong.last_day}"
    what = f"event {wrong.event_id}" if wrong.event_id else wrong.scope
    company = names.get(wrong.company_id, wrong.company_id)
    return f"{company} {what}, {days}: {wrong.found} minutes kept, Sequel tells {wrong.promised}"


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
