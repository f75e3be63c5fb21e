"""The check on Sequel's webhooks: which ends were reported late or never, and which notifications are stuck."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from sequel_assets.orchestration.assets.subscriptions import NOT_SET
from sequel_assets.orchestration.checks.result import Names, listed
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.warehouse.stores import catalog, notifications
from sequel_assets.warehouse.stores.notifications import Stuck
from sequel_assets.webhooks.processing.sweep import Arrivals, arrivals

WARNS_AT, FAILS_AT = 0.05, 0.5
TOO_LONG = timedelta(days=1)
"""A notification that waits for longer is stuck."""
RELIEF = "The tables are right all the same: the hourly refresh fetches what no webhook reported."


def deliveries_check(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the check on ends reported late or never within seven days, and on notifications that are stuck."""

    @dg.asset_check(
        asset=space.key(SUBSCRIPTIONS.name),
        name="deliveries",
        description="Of the events that ended within seven days, the webhooks that came more than an hour late, "
        "or never: warns at 5 %, fails at 50 %. Warns too of notifications that have waited in the inbox for more than a day.",
        required_resource_keys={space.platform},
    )
    def deliveries(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = getattr(context.resources, space.platform)
        settings = platform.settings()
        if settings.webhook_url is None:
            return dg.AssetCheckResult(passed=True, description=f"Skipped: {NOT_SET}.")
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            now = settings.clock()
            found, stuck = arrivals(connection, now), notifications.stuck(connection, now - TOO_LONG)
            names = catalog.partition_keys(connection)
        return result(found, names, stuck)

    return deliveries


def result(found: Arrivals, names: Names, stuck: Sequence[Stuck] = ()) -> dg.AssetCheckResult:
    """Return the check's result."""
    lines = [_of_ends(found, names)] if found.ended else []
    lines += [_of_stuck(stuck, names)] if stuck else []
    figures = {
        "ended": found.ended,
        "late": len(found.late),
        "undelivered": len(found.undelivered),
        "share": round(found.share, 4),
    }
    return dg.AssetCheckResult(
        passed=found.share < WARNS_AT and not stuck,
        severity=dg.AssetCheckSeverity.ERROR if found.share >= FAILS_AT else dg.AssetCheckSeverity.WARN,
        description="\n".join(lines) or "Skipped: no event has ended within 7 days.",
        metadata=figures | {"stuck": len(stuck)},
    )


def _of_ends(found: Arrivals, names: Names) -> str:
    lines = [
        f"{names.get(company_id, company_id)} event {event_id}: {what}"
        for what, ends in (("never reported", found.undelivered), ("reported late", found.late))
        for company_id, event_id in ends
    ]
    summary = (
        f"Of {found.ended} ends within 7 days {len(found.undelivered)} were never reported and {len(found.late)} late"
    )
    return f"{summary}. {RELIEF}\n{listed(lines)}" if lines else f"{summary}."


def _of_stuck(stuck: Sequence[Stuck], names: Names) -> str:
    lines = [
        f"{names.get(one.company_id, one.company_id)} event {one.event_id}: "
        f"{one.event_type}, since {one.since:%Y-%m-%d %H:%M}"
        for one in stuck
    ]
    text = "have waited for more than a day (sequel-assets inbox --waiting says for what)"
    return f"The notifications about {len(stuck)} events {text}:\n{listed(lines)}"
