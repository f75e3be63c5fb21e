"""The webhook subscriptions at Sequel as an asset, and the check that they are in order. It decides nothing itself."""

from datetime import timedelta

import dagster as dg

from sequel_assets.orchestration.checks.result import listed
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.reporting.provenance import STORED
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.safety.visible import as_line
from sequel_assets.warehouse.stores import catalog
from sequel_assets.webhooks.subscriptions import reconciler
from sequel_assets.webhooks.subscriptions.status import read_states

NOT_SET = "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md)"


def subscriptions_asset(space: Namespace = ALONE) -> dg.AssetsDefinition:
    """Return the asset of the webhook subscriptions: materializing it reconciles them with Sequel."""

    @dg.multi_asset(
        name=space.name("reconcile_subscriptions"),
        specs=[space.spec(SUBSCRIPTIONS)],
        required_resource_keys={space.platform},
    )
    def reconcile_subscriptions(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        platform: Platform = getattr(context.resources, space.platform)
        settings = platform.settings()
        if settings.webhook_url is None or settings.webhook_secret_key is None:
            raise dg.Failure("SEQUEL_WEBHOOK_URL and SEQUEL_WEBHOOK_SECRET_KEY are needed for it (docs/webhooks.md)")
        with platform.opened() as (client, warehouse):
            with warehouse.read() as connection:
                wanted = reconciler.desired_by_settings(settings, connection)
                names = catalog.partition_keys(connection)
            report = reconciler.reconcile(reconciler.context_of(settings, client, warehouse), wanted)
        for step in report.steps:
            company = names.get(step.desired.company_id, step.desired.company_id)
            context.log.info(as_line(f"{company} {step.desired.event_type}: {step.do} ({step.why})"))
        if report.failures:
            lines = [
                f"{names.get(f.desired.company_id, f.desired.company_id)} {f.desired.event_type}: {f.reason}"
                if f.desired
                else f.reason
                for f in report.failures
            ]
            raise dg.Failure(f"{len(lines)} could not be brought into order, the others are:\n{listed(lines)}")
        return dg.MaterializeResult(
            asset_key=space.key(SUBSCRIPTIONS.name),
            metadata={"dagster/row_count": len(wanted), "steps": len(report.steps)},
            data_version=STORED,
        )

    return reconcile_subscriptions


def subscriptions_check(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the check that every subscription that is wanted is there, readable, and far from lapsing."""

    @dg.asset_check(
        asset=space.key(SUBSCRIPTIONS.name),
        name="subscribed",
        description="Every webhook that is wanted is subscribed to, its key can be read, and it is not about to lapse.",
        required_resource_keys={space.platform},
    )
    def subscribed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = getattr(context.resources, space.platform)
        settings = platform.settings()
        if settings.webhook_url is None:
            return dg.AssetCheckResult(passed=True, description=f"{NOT_SET}.")
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            names = catalog.partition_keys(connection)
            wanted, length = (
                reconciler.desired_by_settings(settings, connection),
                timedelta(days=settings.webhook_length_days),
            )
            states = read_states(connection, wanted, settings.seal(), settings.clock(), length)
        wrong = [
            f"{names.get(one.desired.company_id, one.desired.company_id)} {one.desired.event_type}: {one.description}"
            for one in states
            if one.is_wrong
        ]
        failures = f"{len(wrong)} webhook subscriptions are not in order:\n{listed(wrong)}"
        return dg.AssetCheckResult(
            passed=not wrong,
            description=failures if wrong else "Every webhook that is wanted is subscribed to.",
            metadata={"wanted": len(wanted), "wrong": len(wrong)},
        )

    return subscribed
