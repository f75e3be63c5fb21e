"""When the webhook subscriptions are reconciled: every four hours, and sooner where one of them is in doubt."""

import dagster as dg

from sequel_assets.orchestration.assets.subscriptions import NOT_SET
from sequel_assets.orchestration.resources import Platform, in_one_line
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.settings import Settings
from sequel_assets.webhooks.subscriptions import reconciler

HOURS_BETWEEN, MINUTE = 4, 50
SOONER_MINUTES = "10,30"
"""With MINUTE every 20 minutes."""
NOTHING_IN_DOUBT = f"no subscription is in doubt; all are looked at every {HOURS_BETWEEN} hours"

SUBSCRIPTIONS_JOB = dg.define_asset_job(
    "keep_subscriptions",
    selection=dg.AssetSelection.assets(SUBSCRIPTIONS.name).without_checks(),
    description="Makes, extends, renews and replaces the webhook subscriptions at Sequel",
)


def subscription_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return both schedules; they ask for nothing until a public address is set."""
    return [_all(settings), _in_doubt(settings)]


def _all(settings: Settings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="webhook_subscriptions",
        job=SUBSCRIPTIONS_JOB,
        cron_schedule=f"{MINUTE} */{HOURS_BETWEEN} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Keeps the webhook subscriptions at Sequel in order",
    )
    def webhook_subscriptions() -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(NOT_SET) if settings.webhook_url is None else dg.RunRequest()

    return webhook_subscriptions


def _in_doubt(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule that looks at the table alone, in all thirds of an hour that the other one leaves out.

    While a key is in doubt, deliveries with a key that is not known are answered with 429. Sequel repeats them for a
    limited time only, so four hours would lose them.
    """
    others = ",".join(str(hour) for hour in range(24) if hour % HOURS_BETWEEN)

    @dg.schedule(
        name="webhook_subscriptions_in_doubt",
        job=SUBSCRIPTIONS_JOB,
        cron_schedule=[f"{SOONER_MINUTES} * * * *", f"{MINUTE} {others} * * *"],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reconciles the webhook subscriptions at once where a creation or a renewal was given up",
        required_resource_keys={"platform"},
    )
    @in_one_line()
    def webhook_subscriptions_in_doubt(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if settings.webhook_url is None:
            return dg.SkipReason(NOT_SET)
        platform: Platform = context.resources.platform
        with platform.warehouse() as warehouse:
            is_in_doubt = warehouse.ask(lambda connection: reconciler.is_in_doubt(connection, settings.clock()))
        return dg.RunRequest() if is_in_doubt else dg.SkipReason(NOTHING_IN_DOUBT)

    return webhook_subscriptions_in_doubt
