"""The checks that read what the daily reconciliation found. They ask Sequel nothing."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.orchestration.checks.result import Findings, Names, warehouse_check
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.reconciliation import checks
from sequel_assets.reconciliation.company_totals import SCOPES
from sequel_assets.reconciliation.store import ALL_TIME, RANGE
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS
from sequel_assets.settings import Settings

WARNS_FOR = timedelta(hours=24)


def reconciliation_checks_of(space: Namespace = ALONE) -> list[dg.AssetChecksDefinition]:
    """Return the checks on what the reconciliation found, and on what it and the refreshes saw restated."""
    return [
        _check(
            space,
            "days_add_up",
            "The days kept of each event add up to the total that Sequel answers for their range.",
            (RANGE,),
            "Every event's days add up.",
        ),
        _check(
            space,
            "history_complete",
            "All that is kept of each event is all that Sequel holds, but for days before the history.",
            (ALL_TIME,),
            "Every event's history is complete.",
        ),
        _check(
            space,
            "named_totals_agree",
            "The totals of companies that Sequel's reference only names agree, where they answer.",
            SCOPES,
            "The named totals agree where they answer.",
        ),
        _restated_check(space),
    ]


def _check(
    space: Namespace, name: str, description: str, scopes: Sequence[str], right: str
) -> dg.AssetChecksDefinition:
    def find(connection: sa.Connection, names: Names, settings: Settings) -> Findings:
        count, oldest = checks.checked(connection, scopes[0])
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
        metadata: dict[str, Any] = {"checked": count, "minutes_before_start": checks.minutes_before_start(connection)}
        if oldest is not None:
            metadata["oldest_checked_at"] = dg.MetadataValue.timestamp(oldest)
        if scopes == SCOPES:
            metadata["skipped"] = checks.skipped(connection, *scopes)
        return Findings(lines, metadata)

    return warehouse_check(EVENT_PARTICIPANTS.name, name, description, find, right=right, space=space)


def _restated_check(space: Namespace) -> dg.AssetChecksDefinition:
    def find(connection: sa.Connection, names: Names, settings: Settings) -> Findings:
        return Findings([
            f"{names.get(one.company_id, one.company_id)} {one.day} {one.key}: "
            f"{one.column_name} {one.from_value:.12g} -> {one.to_value:.12g}"
            for one in checks.restated_since(connection, DAILY_USAGE.name, settings.clock() - WARNS_FOR)
        ])  # fmt: skip

    return warehouse_check(
        DAILY_USAGE.name,
        "restated",
        "Warns for a day after Sequel has changed a number of a day that was final.",
        find,
        right="No final day was restated within 24 hours.",
        severity=dg.AssetCheckSeverity.WARN,
        space=space,
    )


def _describe(mismatch: sa.Row[Any], names: Names) -> str:
    days = "all time" if mismatch.last_day is None else f"{mismatch.first_day} to {mismatch.last_day}"
    what = f"event {mismatch.event_id}" if mismatch.event_id else mismatch.scope
    company = names.get(mismatch.company_id, mismatch.company_id)
    return f"{company} {what}, {days}: {mismatch.found_minutes} minutes kept, Sequel has {mismatch.promised_minutes}"
