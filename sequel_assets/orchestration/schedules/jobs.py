"""The jobs of the refresh: what a run can do. When they run is in `schedules.py` and in the room `sensors`."""

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.refresh.core.datasets import CATALOG_HOURLY, SLICED

CATALOG_JOB = dg.define_asset_job(
    "refresh_catalog",
    selection=dg.AssetSelection.assets(*(dataset.name for dataset in CATALOG_HOURLY)).without_checks(),
    description="Finds companies and events; new companies get their partitions",
)


SLICES_JOB = dg.define_asset_job(
    "refresh_slices",
    selection=dg.AssetSelection.assets(*(dataset.name for dataset in SLICED)).without_checks(),
    description="Refreshes the slices of companies and days; a run covers one slice or a rectangle of them",
)

CHECKS_JOB = dg.define_asset_job(
    "run_checks",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Runs every check over every slice",
    tags=run_tags.URGENT,
)
