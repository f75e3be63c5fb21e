"""Sensors: companies find themselves."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import dagster as dg

from sequel_assets.refresh import connect
from sequel_assets.refresh.ledger import landed_days
from sequel_assets.refresh.tree import refresh_companies
from sequel_assets.sequel import SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.errors import WarehouseError

from .jobs import SLICES_JOB
from .partitions import COMPANY, COMPANY_PARTITIONS, range_tags

WALK_SECONDS = 600
"""How often the tree is walked."""


@dataclass(frozen=True)
class Arrivals:
    """What a walk of the tree asks of Dagster."""

    new_partitions: tuple[str, ...]
    first_refreshes: tuple[str, ...]
    """Partition keys of the companies that have never been refreshed."""


def arrivals(found: Sequence[KnownCompany], partitions: Collection[str], refreshed: Collection[str]) -> Arrivals:
    """Decide, from the companies that are there, Dagster's partitions and the companies with any slice. Pure."""
    keys = [company.partition_key for company in found]
    return Arrivals(
        tuple(key for key in keys if key not in partitions),
        tuple(company.partition_key for company in found if company.company_id not in refreshed),
    )


def new_companies_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that walks the company tree: new companies get a partition and their first refresh."""

    @dg.sensor(
        name="new_companies",
        job=SLICES_JOB,
        minimum_interval_seconds=WALK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Walks the company tree; new companies appear with their whole history requested, others are kept up to date",
    )
    def new_companies(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        partitions = context.instance.get_dynamic_partitions(COMPANY)
        try:
            found, refreshed = _walk(settings, partitions)
        except (SettingsError, WarehouseError, SequelError) as error:
            return dg.SkipReason(str(error))
        decided = arrivals(found, partitions, refreshed)
        if not decided.new_partitions and not decided.first_refreshes:
            return dg.SkipReason(f"{len(found)} companies, none of them new")
        today = settings.clock().date()
        first_seen = {company.partition_key: company.company_id for company in found}
        return dg.SensorResult(
            run_requests=[
                _first_refresh(key, settings.start_date, today) for key in decided.first_refreshes if key in first_seen
            ],
            dynamic_partitions_requests=[COMPANY_PARTITIONS.build_add_request(list(decided.new_partitions))]
            if decided.new_partitions
            else [],
        )

    return new_companies


def _first_refresh(key: str, first: date, today: date) -> dg.RunRequest:
    # the day is part of the run's key: a first refresh that failed is asked for again on the next day, not every tick
    return dg.RunRequest(run_key=f"first-{key}-{today}", tags=range_tags([key], first, today))


def _walk(settings: Settings, partitions: Sequence[str]) -> tuple[list[KnownCompany], frozenset[str]]:
    settings.require("company_id")
    warehouse = connect.open_warehouse(settings)
    try:
        schema.create_if_empty(warehouse)
        with closing(connect.open_client(settings)) as client, ThreadPoolExecutor(settings.max_concurrency) as pool:
            found = refresh_companies(
                client, warehouse, settings.company_id or "", pool, clock=settings.clock, known_keys=partitions
            )
        with warehouse.read() as connection:
            held = landed_days(connection, [company.company_id for company in found])
        return found, frozenset(company_id for company_id, days in held.items() if days)
    finally:
        warehouse.dispose()
