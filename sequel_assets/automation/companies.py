"""Finding companies and their events: what the catalog's assets, the schedules and the command line have in common."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dagster as dg

from sequel_assets.refresh.events import Moment, refresh_events
from sequel_assets.refresh.hours import data_through
from sequel_assets.refresh.tree import refresh_companies
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.engine import Warehouse

from .partitions import COMPANY
from .resources import Platform


def find_companies(
    platform: Platform, client: SequelClient, warehouse: Warehouse, instance: dg.DagsterInstance
) -> list[KnownCompany]:
    """Walk the tree, store it, and add the partitions that Dagster lacks; return the companies that are there."""
    settings = platform.settings()
    keys = instance.get_dynamic_partitions(COMPANY)
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        found = refresh_companies(
            client, warehouse, settings.company_id or "", pool, clock=settings.clock, known_keys=keys
        )
    new = [company.partition_key for company in found if company.partition_key not in set(keys)]
    if new:
        instance.add_dynamic_partitions(COMPANY, new)
    return found


def find_events(
    platform: Platform, client: SequelClient, warehouse: Warehouse, companies: list[KnownCompany], run_id: str | None
) -> dict[str, str]:
    """List and store the events of companies; return by partition key the reason of each that failed."""
    settings = platform.settings()
    now = settings.clock()
    moment = Moment(
        now,
        data_through(now, timedelta(minutes=settings.settle_minutes)),
        timedelta(hours=settings.late_window_hours),
        run_id,
    )
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        _, failed = refresh_events(client, warehouse, [company.company_id for company in companies], pool, moment)
    keys = {company.company_id: company.partition_key for company in companies}
    return {keys[company_id]: str(error) for company_id, error in failed.items()}
