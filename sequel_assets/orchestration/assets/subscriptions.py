"""The guardian as an asset with its schedule, and the check on the subscriptions that it keeps."""

from datetime import UTC, timedelta

import dagster as dg

from sequel_assets.orchestration.checks.result import listed
from sequel_assets.orchestration.reporting.specs import spec_of
from sequel_assets.orchestration.resources import Platform, in_one_line
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.safety.visible import as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.webhooks.subscriptions import reconciler
from sequel_assets.webhooks.subscriptions.status import read_states

HOURS_BETWEEN_LOOKS = 4
LOOK_MINUTE = 50
NOT_SET = "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md)"
NOTHING_IN_DOUBT = f"no subscription is in doubt; all are looked at every {HOURS_BETWEEN_LOOKS} hours"

SUBSCRIPTIONS_JOB = dg.define_asset_job(
    "keep_subscriptions",
    selection=dg.AssetSelection.assets(SUBSCRIPTIONS.name).without_checks(),
    description="Makes, extends, renews and replaces the webhook subscriptions at Sequel",
)


def subscriptions_asset() -> dg.AssetsDefinition:
    """Return the asset of the webhook subscriptions: materializing it brings them into order."""

    @dg.multi_asset(name="guard_subscriptions", specs=[spec_of(SUBSCRIPTIONS)], required_resource_keys={"platform"})
    def guard_subscriptions(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        if settings.webhook_url is None or settings.webhook_secret_key is None:
            raise dg.Failure("SEQUEL_WEBHOOK_URL and SEQUEL_WEBHOOK_SECRET_KEY are needed for it (docs/webhooks.md)")
        with platform.opened() as (client, warehouse):
            with warehouse.read() as connection:
                wanted = reconciler.wanted(settings, connection)
                names = catalog.partition_keys(connection)
            report = reconciler.keep(reconciler.tools_of(settings, client, warehouse), wanted)
        for step in report.steps:
            company = names.get(step.slot.company_id, step.slot.company_id)
            context.log.info(as_line(f"{company} {step.slot.event_type}: {step.do} ({step.why})"))
        if report.failures:
            lines = [
                f"{names.get(f.slot.company_id, f.slot.company_id)} {f.slot.event_type}: {f.reason}"
                if f.slot
                else f.reason
                for f in report.failures
            ]
            raise dg.Failure(f"{len(lines)} could not be brought into order, the others are:\n{listed(lines)}")
        return dg.MaterializeResult(
            asset_key=SUBSCRIPTIONS.name, metadata={"dagster/row_count": len(wanted), "steps": len(report.steps)}
        )

    return guard_subscriptions


def subscriptions_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the guardian's schedule: every four hours, once a public address is set; at once where a key is in doubt.

    While it is, deliveries with a key that is not known are told to come again, which they do for so long only.
    """

    @dg.schedule(
        name="webhook_guardian",
        job=SUBSCRIPTIONS_JOB,
        cron_schedule=f"10,30,{LOOK_MINUTE} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Keeps the webhook subscriptions at Sequel in order",
        required_resource_keys={"platform"},
    )
    @in_one_line()
    def webhook_guardian(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if settings.webhook_url is None:
            return dg.SkipReason(NOT_SET)
        at = context.scheduled_execution_time.astimezone(UTC)
        if at.minute == LOOK_MINUTE and at.hour % HOURS_BETWEEN_LOOKS == 0:
            return dg.RunRequest()
        platform: Platform = context.resources.platform
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            is_in_doubt = reconciler.is_in_doubt(connection, settings.clock())
        return dg.RunRequest() if is_in_doubt else dg.SkipReason(NOTHING_IN_DOUBT)

    return webhook_guardian


def subscriptions_check() -> dg.AssetChecksDefinition:
    """Return the check that every subscription that is wanted is there, readable, and far from lapsing."""

    @dg.asset_check(
        asset=SUBSCRIPTIONS.name,
        name="subscribed",
        description="Every webhook that is wanted is subscribed to, its key can be read, and it is not about to lapse.",
        required_resource_keys={"platform"},
    )
    def subscribed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        if settings.webhook_url is None:
            return dg.AssetCheckResult(passed=True, description=f"{NOT_SET}.")
        with platform.warehouse() as warehouse, warehouse.read() as connection:
            names = catalog.partition_keys(connection)
            wanted, length = reconciler.wanted(settings, connection), timedelta(days=settings.webhook_length_days)
            states = read_states(connection, wanted, settings.seal(), settings.clock(), length)
        wrong = [
            f"{names.get(state.slot.company_id, state.slot.company_id)} {state.slot.event_type}: {state.words}"
            for state in states
            if state.is_wrong
        ]
        told = f"{len(wrong)} webhook subscriptions are not in order:\n{listed(wrong)}"
        return dg.AssetCheckResult(
            passed=not wrong,
            description=told if wrong else "Every webhook that is wanted is subscribed to.",
            metadata={"wanted": len(wanted), "wrong": len(wrong)},
        )

    return subscribed
