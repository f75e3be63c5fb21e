"""Finds companies and their events, for the catalog's assets, the schedules and the command line."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.run_info import RunInfo
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.details.load_rosters import due_events, refresh_registrants
from sequel_assets.refresh.discovery.companies import WalkFinding, look, store
from sequel_assets.refresh.discovery.events import refresh_events
from sequel_assets.refresh.usage.event_worker import Context
from sequel_assets.sequel import SequelClient
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany


def find_companies(
    platform: Platform, client: SequelClient, warehouse: Warehouse, instance: dg.DagsterInstance
) -> list[KnownCompany]:
    """Walk the hierarchy, store it, and add the partitions that Dagster lacks; return the companies that are there."""
    known = warehouse.ask(catalog.known_companies)
    settings = platform.settings()
    found = look_for_companies(settings, client, known, instance.get_dynamic_partitions(COMPANY))
    return store_companies(settings, warehouse, instance, found)


def look_for_companies(
    settings: Settings, client: SequelClient, known: Sequence[KnownCompany], keys: Sequence[str]
) -> WalkFinding:
    """Walk the hierarchy and compare it with the known companies and their keys in Dagster; store nothing."""
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        return look(client, known, settings.company_id or "", pool, keys)


def store_companies(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, found: WalkFinding
) -> list[KnownCompany]:
    """Store what was found, and add the partitions that Dagster lacks; return the companies that are there."""
    there = store(warehouse, found, at=settings.clock())
    keys = set(instance.get_dynamic_partitions(COMPANY))
    new = [company.partition_key for company in there if company.partition_key not in keys]
    if new:
        instance.add_dynamic_partitions(COMPANY, new)
    return there


def find_events(
    platform: Platform, client: SequelClient, warehouse: Warehouse, companies: list[KnownCompany], run_id: str | None
) -> dict[str, str]:
    """List and store the events of companies; return by partition key the reason of each that failed."""
    settings = platform.settings()
    run_info = _run_info(settings, run_id)
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        _, failed = refresh_events(client, warehouse, [company.company_id for company in companies], pool, run_info)
    keys = {company.company_id: company.partition_key for company in companies}
    return {keys[company_id]: str(error) for company_id, error in failed.items()}


def find_registrants(platform: Platform, client: SequelClient, warehouse: Warehouse, run_id: str | None) -> list[str]:
    """Fetch the lists of events that are upcoming, under way or lately ended, and of their hubs.

    Return a line per failure.
    """
    settings = platform.settings()
    run_info = _run_info(settings, run_id)
    companies, events = warehouse.ask(_present)
    context = Context(client, settings.clock, timedelta(minutes=settings.settle_minutes))
    days: dict[date, DayCoverage] = {run_info.at.date(): DayCoverage.FULL}
    failed: list[str] = []
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        for company in companies:
            there = [event for event in events[company.company_id].values() if event.vanished_at is None]
            due = [event.event_id for event in due_events(there, days, run_info.at)]
            about = (context, warehouse, company.company_id, due, pool)
            found = refresh_registrants(*about, run_info, config.rules(settings).person_key, is_full=True)
            failed += [f"{company.partition_key} {one.dataset} event {one.event_id}: {one.reason}" for one in found]
    return failed


def _present(connection: sa.Connection) -> tuple[list[KnownCompany], dict[str, dict[str, catalog.KnownEvent]]]:
    companies = catalog.present_companies(connection)
    return companies, {one.company_id: catalog.known_events(connection, one.company_id) for one in companies}


def _run_info(settings: Settings, run_id: str | None) -> RunInfo:
    now = settings.clock()
    through = data_through(now, timedelta(minutes=settings.settle_minutes))
    return RunInfo(now, through, timedelta(hours=settings.late_window_hours), run_id)
