"""The check on Sequel's webhooks: which ends were told late or never, and which hints nothing comes of."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from sequel_assets.orchestration.assets.subscriptions import NOT_SET
from sequel_assets.orchestration.checks.result import Names, listed
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.warehouse.stores import catalog, notifications
from sequel_assets.warehouse.stores.notifications import Stuck
from sequel_assets.webhooks.processing.sweep import Arrivals, arrivals

WARNS_AT, FAILS_AT = 0.05, 0.5
TOO_LONG = timedelta(days=1)
"""A hint that waits for longer has something in its way."""
RELIEF = "The tables are right all the same: the hourly refresh asks for what no webhook told of."


def deliveries_check() -> dg.AssetChecksDefinition:
    """Return the check on the share of ends told late or not at all over the last seven days, and on hints that are stuck."""

    @dg.asset_check(
        asset=SUBSCRIPTIONS.name,
        name="deliveries",
        description="Of the events that ended within seven days, the webhooks that came more than an hour late, or never: "
        "warns at 5 %, fails at 50 %. Warns too of hints that have waited in the inbox for more than a day.",
        required_resource_keys={"platform"},
    )
    def deliveries(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        if settings.webhook_url is None:
            return dg.AssetCheckResult(passed=True, description=f"Skipped: {NOT_SET}.")
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            now = settings.clock()
            told, stuck = arrivals(connection, now), notifications.stuck(connection, now - TOO_LONG)
            names = catalog.partition_keys(connection)
        return result(told, names, stuck)

    return deliveries


def result(told: Arrivals, names: Names, stuck: Sequence[Stuck] = ()) -> dg.AssetCheckResult:
    """Return the check's result."""
    words = [_of_ends(told, names)] if told.ended else []
    words += [_of_stuck(stuck, names)] if stuck else []
    figures = {"ended": told.ended, "late": len(told.late), "missed": len(told.missed), "share": round(told.share, 4)}
    return dg.AssetCheckResult(
        passed=told.share < WARNS_AT and not stuck,
        severity=dg.AssetCheckSeverity.ERROR if told.share >= FAILS_AT else dg.AssetCheckSeverity.WARN,
        description="\n".join(words) or "Skipped: no event has ended within 7 days.",
        metadata=figures | {"stuck": len(stuck)},
    )


def _of_ends(told: Arrivals, names: Names) -> str:
    lines = [
        f"{names.get(company_id, company_id)} event {event_id}: {what}"
        for what, ends in (("never told", told.missed), ("told late", told.late))
        for company_id, event_id in ends
    ]
    words = f"Of {told.ended} ends within 7 days {len(told.missed)} were never told and {len(told.late)} late"
    return f"{words}. {RELIEF}\n{listed(lines)}" if lines else f"{words}."


def _of_stuck(stuck: Sequence[Stuck], names: Names) -> str:
    lines = [
        f"{names.get(one.company_id, one.company_id)} event {one.event_id}: {one.event_type}, since {one.since:%Y-%m-%d %H:%M}"
        for one in stuck
    ]
    words = "have waited for more than a day (sequel-assets inbox --waiting says for what)"
    return f"The hints about {len(stuck)} events {words}:\n{listed(lines)}"
