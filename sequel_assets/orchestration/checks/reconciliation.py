"""The checks that read what the daily reconciliation found. They ask Sequel nothing."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.orchestration.checks.result import Findings, Names, check_result
from sequel_assets.reconciliation import checks
from sequel_assets.reconciliation.checks import DifferingTotal
from sequel_assets.reconciliation.company_totals import SCOPES
from sequel_assets.reconciliation.store import ALL_TIME, RANGE
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS
from sequel_assets.settings import Settings

WARNS_FOR = timedelta(hours=24)


def reconciliation_checks_of() -> list[dg.AssetChecksDefinition]:
    """Return the checks on what the reconciliation found, and on what it and the refreshes saw restated."""
    return [
        _check(
            "days_add_up",
            "The days kept of each event add up to the total that Sequel answers for their range.",
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
            figures = checks.figures(connection, scopes[0])
            lines = [_describe(mismatch, names) for mismatch in checks.differing(connection, *scopes)]
            if scopes != SCOPES:
                lines += [
                    f"{names.get(company_id, company_id)} event {event_id or '(all)'}: {why}"
                    for company_id, event_id, why in checks.unresolved(connection)
                ]
                lines += [
                    f"{names.get(company_id, company_id)}: the reconciliation has not run "
                    + (f"since {last:%Y-%m-%d %H:%M}" if last else "yet")
                    for company_id, last in checks.overdue_companies(connection, settings.clock())
                ]
            metadata: dict[str, Any] = {"checked": figures.events, "minutes_before_start": figures.minutes_before_start}
            if figures.oldest_checked_at is not None:
                metadata["oldest_checked_at"] = dg.MetadataValue.timestamp(figures.oldest_checked_at)
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
                f"{names.get(one.company_id, one.company_id)} {one.day} {one.key}: "
                f"{one.column} {one.was:.12g} -> {one.now:.12g}"
                for one in checks.restated_since(connection, DAILY_USAGE.name, since)
            ]
            return Findings(lines)

        right = "No final day was restated within 24 hours."
        return check_result(context.resources.platform, find, right=right, severity=dg.AssetCheckSeverity.WARN)

    return restated


def _describe(mismatch: DifferingTotal, names: Names) -> str:
    days = "all time" if mismatch.last_day is None else f"{mismatch.first_day} to {mismatch.last_day}"
    what = f"event {mismatch.event_id}" if mismatch.event_id else mismatch.scope
    company = names.get(mismatch.company_id, mismatch.company_id)
    return f"{company} {what}, {days}: {mismatch.found} minutes kept, Sequel has {mismatch.expected}"
