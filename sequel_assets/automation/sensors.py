"""Sensors: companies find themselves."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from sequel_assets.refresh import connect
from sequel_assets.refresh.ledger import landed_companies
from sequel_assets.refresh.tree import refresh_companies
from sequel_assets.sequel import SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.errors import WarehouseError

from .jobs import SLICES_JOB
from .partitions import COMPANY, COMPANY_PARTITIONS, RANGE_START, range_tags
from .schedules import UNDER_WAY

WALK_SECONDS = 600
"""How often the tree is walked."""
PATIENCE_SECONDS = 15.0
"""How long a walk of this sensor asks again after one company that fails: Dagster gives a tick 60 seconds."""
NAME = "new_companies"
OF_THIS_SENSOR = "dagster/sensor_name"
"""The tag that Dagster gives to the runs of a sensor."""
MOST_RUNS = 1000


@dataclass(frozen=True)
class Arrivals:
    """What a walk of the tree asks of Dagster."""

    new_partitions: tuple[str, ...]
    first_refreshes: tuple[str, ...]
    """Partition keys of the companies whose whole history is requested."""


def arrivals(
    found: Sequence[KnownCompany],
    partitions: Collection[str],
    refreshed: Collection[str],
    tried: Mapping[str, dg.DagsterRunStatus],
) -> Arrivals:
    """Decide from the companies that are there. Pure.

    `refreshed` are the ids of those with any slice, `tried` the state of the latest first refresh, by partition key. A
    company has its first refresh requested if it has no slice, or if its first refresh failed and left days undone; not
    while one is under way.
    """
    known = frozenset(partitions)
    wanted = [
        company.partition_key
        for company in found
        for state in [tried.get(company.partition_key)]
        if (company.company_id not in refreshed or state == dg.DagsterRunStatus.FAILURE) and state not in UNDER_WAY
    ]
    return Arrivals(tuple(c.partition_key for c in found if c.partition_key not in known), tuple(wanted))


def new_companies_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that walks the company tree: new companies get a partition and their first refresh."""

    @dg.sensor(
        name=NAME,
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
        decided = arrivals(found, partitions, refreshed, _tried(context.instance))
        if not decided.new_partitions and not decided.first_refreshes:
            return dg.SkipReason(f"{len(found)} companies, none of them new")
        now = settings.clock()
        frozen_before = connect.retention(settings).frozen_before(found, now)
        first_seen = {company.partition_key: company.company_id for company in found}
        return dg.SensorResult(
            run_requests=[
                _first_refresh(
                    key, max(settings.start_date, frozen_before.get(first_seen[key], settings.start_date)), now
                )
                for key in decided.first_refreshes
                if key in first_seen
            ],
            dynamic_partitions_requests=[COMPANY_PARTITIONS.build_add_request(list(decided.new_partitions))]
            if decided.new_partitions
            else [],
        )

    return new_companies


def _first_refresh(key: str, first: date, now: datetime) -> dg.RunRequest:
    # the hour is part of the run's key: a first refresh that failed is asked for again once an hour, not every tick
    return dg.RunRequest(run_key=f"first-{key}-{now:%Y%m%d%H}", tags=range_tags([key], first, now.date()))


def _tried(instance: dg.DagsterInstance) -> dict[str, dg.DagsterRunStatus]:
    """Return the state of the latest first refresh of each company that this sensor has asked for, by partition key."""
    tried: dict[str, dg.DagsterRunStatus] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={OF_THIS_SENSOR: NAME}), limit=MOST_RUNS):  # the newest first
        tried.setdefault(run.tags.get(RANGE_START, "").partition("|")[0], run.status)
    return tried


def _walk(settings: Settings, partitions: Sequence[str]) -> tuple[list[KnownCompany], frozenset[str]]:
    settings.require("company_id")
    hasty = {"retry_budget_seconds": min(settings.retry_budget_seconds, PATIENCE_SECONDS)}
    warehouse = connect.open_warehouse(settings)
    try:
        schema.create_if_empty(warehouse)
        with (
            closing(connect.open_client(settings.model_copy(update=hasty))) as client,
            ThreadPoolExecutor(settings.max_concurrency) as pool,
        ):
            found = refresh_companies(
                client, warehouse, settings.company_id or "", pool, clock=settings.clock, known_keys=partitions
            )
        with warehouse.read() as connection:
            return found, landed_companies(connection)
    finally:
        warehouse.dispose()
