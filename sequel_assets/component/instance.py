"""The map: every asset, check, job, schedule, sensor and resource of one instance. It only lists, and opens nothing."""

from collections.abc import Callable

import dagster as dg

from sequel_assets.orchestration.alerts.sensor import alerts_sensor
from sequel_assets.orchestration.assets.catalog import companies_asset, events_asset, registrants_asset
from sequel_assets.orchestration.assets.slices import Execute, refresh_asset
from sequel_assets.orchestration.assets.subscriptions import subscriptions_asset, subscriptions_check
from sequel_assets.orchestration.checks.availability import availability_checks, completeness_check
from sequel_assets.orchestration.checks.freshness import freshness_checks
from sequel_assets.orchestration.checks.integrity import clock_check, control_totals_check, derivation_checks
from sequel_assets.orchestration.checks.reconciliation import reconciliation_checks_of
from sequel_assets.orchestration.checks.webhook_deliveries import deliveries_check
from sequel_assets.orchestration.namespace import Namespace
from sequel_assets.orchestration.partitions import slice_partitions
from sequel_assets.orchestration.resources import Platform, no_observer
from sequel_assets.orchestration.schedules.hour_job import hour_job
from sequel_assets.orchestration.schedules.reconciliation import reconciliation_job, reconciliation_schedule
from sequel_assets.orchestration.schedules.schedules import catalog_job, checks_job, schedules, slices_job
from sequel_assets.orchestration.schedules.subscriptions import subscription_schedules, subscriptions_job
from sequel_assets.orchestration.sensors.checks_after_refresh import checks_after_refresh_sensor
from sequel_assets.orchestration.sensors.new_companies import new_companies_sensor
from sequel_assets.orchestration.sensors.webhook_job import webhooks_job
from sequel_assets.orchestration.sensors.webhooks import webhook_sensors
from sequel_assets.orchestration.storage.housekeeping import housekeeping_job, housekeeping_schedule
from sequel_assets.settings import Settings


def instance_definitions(
    load: Callable[[], Settings], space: Namespace, execute: Execute | None = None, *, with_housekeeping: bool
) -> dg.Definitions:
    """Return the definitions of an instance by the settings that `load` returns, under the names of `space`."""
    settings, platform = load(), Platform(load=load)
    return dg.Definitions(
        assets=[
            companies_asset(space),
            events_asset(space),
            registrants_asset(space),
            refresh_asset(slice_partitions(settings, space.partitions_name), space, execute),
            subscriptions_asset(space),
        ],
        asset_checks=[
            clock_check(space),
            control_totals_check(space),
            completeness_check(space),
            availability_checks(space),
            derivation_checks(space),
            freshness_checks(space),
            *reconciliation_checks_of(space),
            subscriptions_check(space),
            deliveries_check(space),
        ],
        jobs=[
            catalog_job(space),
            slices_job(space),
            hour_job(space, execute),
            checks_job(space),
            reconciliation_job(space),
            *([housekeeping_job(space)] if with_housekeeping else []),
            subscriptions_job(space),
            webhooks_job(space),
        ],
        schedules=[
            *schedules(settings, space),
            reconciliation_schedule(settings, space),
            *([housekeeping_schedule(space)] if with_housekeeping else []),
            *subscription_schedules(settings, platform, space),
        ],
        sensors=[
            new_companies_sensor(settings, space),
            checks_after_refresh_sensor(settings, space),
            alerts_sensor(load=load, space=space),
            *webhook_sensors(settings, space),
        ],
        resources={space.platform: platform, space.observer: no_observer},
    )
