"""Checks that read the warehouse and name the slices that are wrong. Unpartitioned: they hold every company and day."""

from collections.abc import Callable, Sequence

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh import checks
from sequel_assets.refresh.datasets import COMPANIES, EVENT_PARTICIPANTS
from sequel_assets.settings import Settings
from sequel_assets.warehouse import catalog
from sequel_assets.warehouse.dataset import Insight

from .resources import Platform

MOST_NAMED = 20
MOST_SKEW_SECONDS = 30


def conservation_check() -> dg.AssetChecksDefinition:
    """Return the check that the facts come to the totals that Sequel promised with them."""

    @dg.asset_check(
        asset=EVENT_PARTICIPANTS.name,
        name="conservation",
        description="The minutes of every event and day are the totals that Sequel promised when they were fetched.",
        required_resource_keys={"platform"},
    )
    def conservation(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def find(connection: sa.Connection, names: dict[str, str], _: Settings) -> list[str]:
            return [
                f"{names.get(m.company_id, m.company_id)} {m.day} event {m.event_id}: {m.column} {m.found}, promised {m.promised}"
                for m in checks.not_conserved(connection)
            ]

        return _result(
            context.resources.platform,
            find,
            "All slices add up to what Sequel promised.",
            "do not add up to what Sequel promised",
        )

    return conservation


def derivation_checks() -> list[dg.AssetChecksDefinition]:
    """Return for each insight the check that none of its slices is behind the facts."""
    return [_derivation_check(insight) for insight in INSIGHTS]


def _derivation_check(insight: Insight) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=insight.name,
        name="derived_from_current_facts",
        description=f"Every slice was derived from the {insight.source_dataset} as they are now.",
        required_resource_keys={"platform"},
    )
    def derived_from_current_facts(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def find(connection: sa.Connection, names: dict[str, str], settings: Settings) -> list[str]:
            behind = checks.behind_facts(connection, insight, settings.start_date)
            return [f"{names.get(company_id, company_id)} {day}" for company_id, day in behind]

        return _result(
            context.resources.platform,
            find,
            "All slices are derived from the facts as they are.",
            "are behind their facts",
        )

    return derived_from_current_facts


def _result(
    platform: Platform,
    find: Callable[[sa.Connection, dict[str, str], Settings], Sequence[str]],
    right: str,
    wrong_ones: str,
) -> dg.AssetCheckResult:
    with platform.warehouse() as warehouse, warehouse.read() as connection:
        names = {company.company_id: company.partition_key for company in catalog.known_companies(connection)}
        wrong = find(connection, names, platform.settings())
    if not wrong:
        return dg.AssetCheckResult(passed=True, description=right, metadata={"wrong": 0})
    named = "\n".join(wrong[:MOST_NAMED])
    more = f"\nand {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
    return dg.AssetCheckResult(
        passed=False, description=f"{len(wrong)} {wrong_ones}:\n{named}{more}", metadata={"wrong": len(wrong)}
    )


def clock_check() -> dg.AssetChecksDefinition:
    """Return the check that our clock agrees with Sequel's: with a fast one "through 14:00" would be a lie."""

    @dg.asset_check(
        asset=COMPANIES.name,
        name="clock_agrees_with_sequel",
        description=f"The Date of Sequel's answers is within {MOST_SKEW_SECONDS} seconds of this machine's clock.",
        required_resource_keys={"platform"},
    )
    def clock_agrees_with_sequel(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        if settings.now is not None:
            return dg.AssetCheckResult(passed=True, description="SEQUEL_NOW pins the clock; nothing to compare.")
        with platform.opened() as (client, _):
            client.company(settings.company_id or "")
            skew = client.stats.clock_skew_seconds
        if skew is None:
            return dg.AssetCheckResult(passed=True, description="Sequel's answers carry no Date; nothing to compare.")
        return dg.AssetCheckResult(
            passed=abs(skew) <= MOST_SKEW_SECONDS,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Sequel's clock is {skew:+.0f} seconds from ours. Set this machine's clock by NTP if it is ours that is wrong.",
            metadata={"skew_seconds": float(skew)},
        )

    return clock_agrees_with_sequel
