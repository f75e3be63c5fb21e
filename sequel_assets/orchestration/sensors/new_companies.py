"""The sensor that finds new companies, adds their partitions and requests their first refreshes."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE, SLICES, Namespace
from sequel_assets.orchestration.partitions import RANGE_START, range_tags
from sequel_assets.orchestration.resources import current_warehouse, in_one_line
from sequel_assets.orchestration.schedules.schedules import UNDER_WAY
from sequel_assets.refresh.core import config
from sequel_assets.refresh.coverage.slice_coverage import landed_companies
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.discovery.company_selection import selection_of
from sequel_assets.sequel import SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores.catalog import KnownCompany

WALK_SECONDS = 600
"""How often the company hierarchy is walked."""
PATIENCE_SECONDS = 15.0
"""How long a walk of this sensor retries a company that fails: Dagster ends a tick after 60 seconds."""
NAME = "new_companies"
OF_THIS_SENSOR = "dagster/sensor_name"
"""The tag that Dagster gives to the runs of a sensor."""
RUN_KEY = "dagster/run_key"
"""The tag that Dagster gives to a run that was requested with a key."""
RUNS_AT_ONCE = 1000
"""Runs that are read together; all of them are."""
MAX_UNDER_WAY = 100
"""First refreshes that are queued or running at once: the queue stays short enough for the hour's run."""


@dataclass(frozen=True)
class Attempt:
    """A company's latest first refresh."""

    state: dg.DagsterRunStatus
    hour: str
    """The hour in which it was requested, as `hour_of` writes it."""


def hour_of(now: datetime) -> str:
    """Return the hour as a run's key holds it; of two the earlier one is the lesser text."""
    return f"{now:%Y%m%d%H}"


def arrivals(
    found: Sequence[KnownCompany],
    partitions: Collection[str],
    refreshed: Collection[str],
    tried: Mapping[str, Attempt],
    hour: str,
) -> tuple[list[str], list[str]]:
    """Return the new partitions, and the partition keys of companies whose whole history is requested. Pure.

    `refreshed` are the ids of those with any slice, `tried` the latest first refresh by partition key. A company has
    its first refresh requested if it has no slice, or if its first refresh failed and left days undone; not while one
    is under way, once an hour, and only as many as there is room for: first those never tried, then as they were
    tried.
    """
    known = frozenset(partitions)

    def is_owed(company: KnownCompany, attempt: Attempt | None) -> bool:
        if attempt is not None and (attempt.state in UNDER_WAY or attempt.hour == hour):
            return False
        has_failed = attempt is not None and attempt.state == dg.DagsterRunStatus.FAILURE
        return has_failed or company.company_id not in refreshed

    attempts = [(company, tried.get(company.partition_key)) for company in found]
    wanted = [
        (attempt.hour if attempt else "", company.partition_key)
        for company, attempt in attempts
        if is_owed(company, attempt)
    ]
    room = max(0, MAX_UNDER_WAY - sum(attempt.state in UNDER_WAY for attempt in tried.values()))
    first = [key for _, key in sorted(wanted, key=lambda one: one[0])[:room]]
    return [company.partition_key for company in found if company.partition_key not in known], first


def new_companies_sensor(settings: Settings, space: Namespace = ALONE) -> dg.SensorDefinition:
    """Return the sensor that walks the company tree: new companies get a partition and their first refresh."""

    @dg.sensor(
        name=space.name(NAME),
        job_name=space.name(SLICES),
        minimum_interval_seconds=WALK_SECONDS,
        default_status=space.sensor_status(),
        description="Walks the company hierarchy; new companies appear with all their history requested, "
        "others are kept up to date",
    )
    @in_one_line()
    def new_companies(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        partitions = context.instance.get_dynamic_partitions(space.partitions_name)
        try:
            found, refreshed = _walk(settings, partitions)
        except (SettingsError, WarehouseError, SequelError) as error:
            return dg.SkipReason(str(error))
        now = settings.clock()
        tried = attempts_in(context.instance, space.name(NAME))
        new_partitions, first_refreshes = arrivals(found, partitions, refreshed, tried, hour_of(now))
        if not new_partitions and not first_refreshes:
            under_way = sum(attempt.state in UNDER_WAY for attempt in tried.values())
            waiting = f"; {under_way} first refreshes are under way" if under_way else ""
            return dg.SkipReason(f"{len(found)} companies, none of them new{waiting}")
        frozen_before = config.retention(settings).frozen_before(found, now)
        first_seen = {company.partition_key: company.company_id for company in found}
        return dg.SensorResult(
            run_requests=[
                _first_refresh(
                    key, max(settings.start_date, frozen_before.get(first_seen[key], settings.start_date)), now
                )
                for key in first_refreshes
                if key in first_seen
            ],
            dynamic_partitions_requests=[space.companies.build_add_request(new_partitions)] if new_partitions else [],
        )

    return new_companies


def _first_refresh(key: str, first: date, now: datetime) -> dg.RunRequest:
    # the hour is part of the run's key: a first refresh that failed is requested once an hour, not every tick
    tags = range_tags([key], first, now.date()) | {run_tags.FIRST_REFRESH: run_tags.ON}
    return dg.RunRequest(run_key=f"first-{key}-{hour_of(now)}", tags=tags)


def attempts_in(instance: dg.DagsterInstance, sensor: str = NAME) -> dict[str, Attempt]:
    """Return the latest first refresh of each company that the sensor has requested, by partition key."""
    tried: dict[str, Attempt] = {}
    cursor = None
    while runs := instance.get_runs(dg.RunsFilter(tags={OF_THIS_SENSOR: sensor}), cursor, RUNS_AT_ONCE):  # newest first
        for run in runs:
            key = run.tags.get(RANGE_START, "").partition("|")[0]
            tried.setdefault(key, Attempt(run.status, run.tags.get(RUN_KEY, "").rpartition("-")[2]))
        cursor = runs[-1].run_id
    return tried


def _walk(settings: Settings, partitions: Sequence[str]) -> tuple[list[KnownCompany], frozenset[str]]:
    settings.require("company_id")
    short_budget = {"retry_budget_seconds": min(settings.retry_budget_seconds, PATIENCE_SECONDS)}
    with current_warehouse(settings, may_create=True) as warehouse:
        warehouse.ensure_writable()
        with (
            closing(config.open_client(settings.model_copy(update=short_budget))) as client,
            ThreadPoolExecutor(settings.max_concurrency) as pool,
        ):
            found = refresh_companies(
                client,
                warehouse,
                settings.company_id or "",
                pool,
                clock=settings.clock,
                known_keys=partitions,
                selection=selection_of(settings),
            )
        return found, warehouse.ask(landed_companies)
