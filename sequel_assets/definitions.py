"""The map: every asset, check, job, schedule, sensor and resource. It only lists, and opens nothing."""

import dagster as dg

from sequel_assets import settings
from sequel_assets.orchestration.alerts.sensor import alerts_sensor
from sequel_assets.orchestration.assets.catalog import companies_asset, events_asset, registrants_asset
from sequel_assets.orchestration.assets.slices import refresh_asset
from sequel_assets.orchestration.assets.subscriptions import subscriptions_asset, subscriptions_check
from sequel_assets.orchestration.checks.availability import availability_checks, completeness_check
from sequel_assets.orchestration.checks.freshness import freshness_checks
from sequel_assets.orchestration.checks.integrity import clock_check, control_totals_check, derivation_checks
from sequel_assets.orchestration.checks.reconciliation import reconciliation_checks_of
from sequel_assets.orchestration.checks.webhook_deliveries import deliveries_check
from sequel_assets.orchestration.partitions import slice_partitions
from sequel_assets.orchestration.resources import Platform, no_observer
from sequel_assets.orchestration.schedules.reconciliation import reconciliation_job, reconciliation_schedule
from sequel_assets.orchestration.schedules.schedules import CATALOG_JOB, CHECKS_JOB, SLICES_JOB, schedules
from sequel_assets.orchestration.schedules.subscriptions import SUBSCRIPTIONS_JOB, subscription_schedules
from sequel_assets.orchestration.sensors.checks_after_refresh import checks_after_refresh_sensor
from sequel_assets.orchestration.sensors.new_companies import new_companies_sensor
from sequel_assets.orchestration.sensors.webhooks import webhook_sensors, webhooks_job
from sequel_assets.orchestration.storage.housekeeping import housekeeping_job, housekeeping_schedule

_settings = settings.load()

defs = dg.Definitions(
    assets=[
        companies_asset(),
        events_asset(),
        registrants_asset(),
        refresh_asset(slice_partitions(_settings)),
        subscriptions_asset(),
    ],
    asset_checks=[
        clock_check(),
        control_totals_check(),
        completeness_check(),
        availability_checks(),
        derivation_checks(),
        freshness_checks(),
        *reconciliation_checks_of(),
        subscriptions_check(),
        deliveries_check(),
    ],
    jobs=[CATALOG_JOB, SLICES_JOB, CHECKS_JOB, reconciliation_job, housekeeping_job, SUBSCRIPTIONS_JOB, webhooks_job],
    schedules=[
        *schedules(_settings),
        reconciliation_schedule(_settings),
        housekeeping_schedule(),
        *subscription_schedules(_settings),
    ],
    sensors=[
        new_companies_sensor(_settings),
        checks_after_refresh_sensor(_settings),
        alerts_sensor(),
        *webhook_sensors(_settings),
    ],
    resources={"platform": Platform(), "observer": no_observer},
    executor=dg.in_process_executor,
)
