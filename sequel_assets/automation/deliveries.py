"""The check on how Sequel's webhooks arrive: which ends were told late, and which were never told."""

import dagster as dg

from sequel_assets.refresh.datasets import SUBSCRIPTIONS
from sequel_assets.refresh.missed import Arrivals, arrivals
from sequel_assets.warehouse import catalog

from .findings import Names, listed
from .resources import Platform
from .subscriptions import NOT_SET

WARNS_AT, FAILS_AT = 0.05, 0.5
RELIEF = "The tables are right all the same: the hourly refresh asks for what no webhook told of."


def deliveries_check() -> dg.AssetChecksDefinition:
    """Return the check on the share of ends that were told late or not at all, over the last seven days."""

    @dg.asset_check(
        asset=SUBSCRIPTIONS.name,
        name="deliveries",
        description="Of the events that ended within seven days, the webhooks that came more than an hour late, or never: "
        "warns at 5 %, fails at 50 %.",
        required_resource_keys={"platform"},
    )
    def deliveries(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        if settings.webhook_url is None:
            return dg.AssetCheckResult(passed=True, description=f"Skipped: {NOT_SET}.")
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            told = arrivals(connection, settings.clock())
            names = {company.company_id: company.partition_key for company in catalog.known_companies(connection)}
        return result(told, names)

    return deliveries


def result(told: Arrivals, names: Names) -> dg.AssetCheckResult:
    """Return the check's result."""
    figures = {"ended": told.ended, "late": len(told.late), "missed": len(told.missed), "share": round(told.share, 4)}
    if not told.ended:
        return dg.AssetCheckResult(
            passed=True, description="Skipped: no event has ended within 7 days.", metadata=figures
        )
    lines = [
        f"{names.get(company_id, company_id)} event {event_id}: {what}"
        for what, ends in (("never told", told.missed), ("told late", told.late))
        for company_id, event_id in ends
    ]
    words = f"Of {told.ended} ends within 7 days {len(told.missed)} were never told and {len(told.late)} late"
    return dg.AssetCheckResult(
        passed=told.share < WARNS_AT,
        severity=dg.AssetCheckSeverity.ERROR if told.share >= FAILS_AT else dg.AssetCheckSeverity.WARN,
        description=f"{words}. {RELIEF}\n{listed(lines)}" if lines else f"{words}.",
        metadata=figures,
    )
