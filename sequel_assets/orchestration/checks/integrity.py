"""Checks that read the warehouse and name the slices that are wrong.

Unpartitioned: they cover every company and day.
"""

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.orchestration.checks.result import Find, Findings, Names, warehouse_check, warehouse_checks
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import COMPANIES, EVENT_PARTICIPANTS
from sequel_assets.refresh.transform import checks
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.dataset import Insight

MAX_SKEW_SECONDS = 30


def control_totals_check(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the check that the facts add up to the control totals that Sequel sent with them."""

    def find(connection: sa.Connection, names: Names, _: Settings) -> Findings:
        return Findings([
            f"{names.get(m.company_id, m.company_id)} {m.day} event {m.event_id}: "
            f"{m.column} {m.found}, control total {m.expected}"
            for m in checks.unreconciled(connection)
        ])  # fmt: skip

    return warehouse_check(
        EVENT_PARTICIPANTS.name,
        "control_totals",
        "The minutes of every event and day add up to the control totals that came with them.",
        find,
        right="All slices add up to their control totals.",
        wrong="do not add up to their control totals",
        space=space,
    )


def derivation_checks(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return for each insight the check that none of its slices is behind the facts: one step for all."""
    insights = {insight.name: insight for insight in INSIGHTS}
    return warehouse_checks(
        "derivation",
        "derived_from_current_facts",
        {
            name: f"Every slice was derived from the {', '.join(insight.inputs)} as they are now."
            for name, insight in insights.items()
        },
        lambda name: _behind(insights[name]),
        right="All slices are derived from the facts as they are.",
        wrong="are behind their facts",
        space=space,
    )


def _behind(insight: Insight) -> Find:
    def find(connection: sa.Connection, names: Names, settings: Settings) -> Findings:
        companies = catalog.known_companies(connection)
        frozen_before = config.retention(settings).frozen_before(companies, settings.clock())
        behind = checks.behind_facts(connection, insight, settings.start_date, frozen_before)
        return Findings([f"{names.get(company_id, company_id)} {day}" for company_id, day in behind])

    return find


def clock_check(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the check that our clock agrees with Sequel's: with a fast one "data through 14:00" would be wrong."""

    @dg.asset_check(
        asset=space.key(COMPANIES.name),
        name="clock_agrees_with_sequel",
        description=f"The Date of Sequel's answers is within {MAX_SKEW_SECONDS} seconds of this machine's clock.",
        required_resource_keys={space.platform},
    )
    def clock_agrees_with_sequel(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = getattr(context.resources, space.platform)
        settings = platform.settings()
        if settings.now is not None:
            return dg.AssetCheckResult(passed=True, description="SEQUEL_NOW pins the clock; nothing to compare.")
        with platform.opened() as (client, _):
            client.company(settings.company_id or "")
            skew = client.stats.clock_skew_seconds
        if skew is None:
            return dg.AssetCheckResult(passed=True, description="Sequel's answers carry no Date; nothing to compare.")
        return dg.AssetCheckResult(
            passed=abs(skew) <= MAX_SKEW_SECONDS,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Sequel's clock is {skew:+.0f} seconds from ours. "
            "Set this machine's clock by NTP if it is ours that is wrong.",
            metadata={"skew_seconds": float(skew)},
        )

    return clock_agrees_with_sequel
