"""The map: every asset, check, job, schedule, sensor and resource. It only lists, and opens nothing."""

import dagster as dg

from sequel_assets import settings
from sequel_assets.assets.catalog import companies_asset, events_asset
from sequel_assets.assets.slices import refresh_asset
from sequel_assets.automation.alerts import alerts_sensor
from sequel_assets.automation.checks import clock_check, conservation_check, derivation_checks
from sequel_assets.automation.freshness import freshness_checks
from sequel_assets.automation.jobs import CATALOG_JOB, CHECKS_JOB, SLICES_JOB
from sequel_assets.automation.partitions import slice_partitions
from sequel_assets.automation.patrol import patrol_checks_of, patrol_job, patrol_schedule
from sequel_assets.automation.resources import Platform, silent_observer
from sequel_assets.automation.schedules import schedules
from sequel_assets.automation.sensors import new_companies_sensor

_settings = settings.load()

defs = dg.Definitions(
    assets=[companies_asset(), events_asset(), refresh_asset(slice_partitions(_settings))],
    asset_checks=[clock_check(), conservation_check(), *derivation_checks(), *freshness_checks(), *patrol_checks_of()],
    jobs=[CATALOG_JOB, SLICES_JOB, CHECKS_JOB, patrol_job],
    schedules=[*schedules(_settings), patrol_schedule(_settings)],
    sensors=[new_companies_sensor(_settings), alerts_sensor()],
    resources={"platform": Platform(), "observer": silent_observer},
    executor=dg.in_process_executor,
)
