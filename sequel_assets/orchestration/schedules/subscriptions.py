"""When the webhook subscriptions are reconciled: every four hours, and sooner where one of them is in doubt."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.assets.subscriptions import NOT_SET
from sequel_assets.orchestration.namespace import ALONE, SUBSCRIBING, Namespace
from sequel_assets.orchestration.resources import Platform, in_one_line
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.settings import Settings
from sequel_assets.webhooks.subscriptions import reconciler

HOURS_BETWEEN, MINUTE = 4, 50
SOONER_MINUTES = "10,30"
"""With MINUTE every 20 minutes."""
NOTHING_IN_DOUBT = f"no subscription is in doubt; all are looked at every {HOURS_BETWEEN} hours"


def subscriptions_job(space: Namespace = ALONE) -> UnresolvedAssetJobDefinition:
    """Return the job of the subscription reconciler."""
    description = "Makes, extends, renews and replaces the webhook subscriptions at Sequel"
    return space.asset_job(SUBSCRIBING, [SUBSCRIPTIONS.name], description, run_tags.OF_ALL_COMPANIES | run_tags.BOUNDED)


def subscription_schedules(
    settings: Settings, platform: Platform | None = None, space: Namespace = ALONE
) -> list[dg.ScheduleDefinition]:
    """Return both schedules; they ask for nothing until a public address is set."""
    return [_all(settings, space), _in_doubt(settings, platform or Platform(), space)]


def _all(settings: Settings, space: Namespace) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=space.name("webhook_subscriptions"),
        job_name=space.name(SUBSCRIBING),
        cron_schedule=f"{MINUTE} */{HOURS_BETWEEN} * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Keeps the webhook subscriptions at Sequel in order",
    )
    def webhook_subscriptions() -> dg.RunRequest | dg.SkipReason:
        why = run_tags.because("schedule webhook_subscriptions")
        return dg.SkipReason(NOT_SET) if settings.webhook_url is None else dg.RunRequest(tags=why)

    return webhook_subscriptions


def _in_doubt(settings: Settings, platform: Platform, space: Namespace) -> dg.ScheduleDefinition:
    """Return the schedule that looks at the table alone, in all thirds of an hour that the other one leaves out.

    While a key is in doubt, deliveries with a key that is not known are answered with 429. Sequel repeats them for a
    limited time only, so four hours would lose them.
    """
    others = ",".join(str(hour) for hour in range(24) if hour % HOURS_BETWEEN)

    @dg.schedule(
        name=space.name("webhook_subscriptions_in_doubt"),
        job_name=space.name(SUBSCRIBING),
        cron_schedule=[f"{SOONER_MINUTES} * * * *", f"{MINUTE} {others} * * *"],
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Reconciles the webhook subscriptions at once where a creation or a renewal was given up",
    )
    @in_one_line()
    def webhook_subscriptions_in_doubt() -> dg.RunRequest | dg.SkipReason:
        if settings.webhook_url is None:
            return dg.SkipReason(NOT_SET)
        with platform.warehouse() as warehouse:
            is_in_doubt = warehouse.ask(lambda connection: reconciler.is_in_doubt(connection, settings.clock()))
        why = run_tags.because("schedule webhook_subscriptions_in_doubt")
        return dg.RunRequest(tags=why) if is_in_doubt else dg.SkipReason(NOTHING_IN_DOUBT)

    return webhook_subscriptions_in_doubt
