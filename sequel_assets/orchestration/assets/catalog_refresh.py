"""Finds companies and their events, for the catalog's assets, the schedules and the command line."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.run_context import RunContext, RunInfo
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.details.lists import due_events, refresh_lists
from sequel_assets.refresh.discovery.companies import WalkFinding, look, store
from sequel_assets.refresh.discovery.company_selection import selection_of
from sequel_assets.refresh.discovery.events import refresh_events
from sequel_assets.sequel import SequelClient
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany


def find_companies(
    platform: Platform,
    client: SequelClient,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    partitions_name: str = COMPANY,
) -> list[KnownCompany]:
    """Walk the hierarchy, store it, and add the partitions that Dagster lacks; return the companies that are there."""
    known = warehouse.ask(catalog.known_companies)
    settings = platform.settings()
    found = look_for_companies(settings, client, known, instance.get_dynamic_partitions(partitions_name))
    return store_companies(settings, warehouse, instance, found, partitions_name)


def look_for_companies(
    settings: Settings, client: SequelClient, known: Sequence[KnownCompany], keys: Sequence[str]
) -> WalkFinding:
    """Walk the hierarchy and compare it with the known companies and their keys in Dagster; store nothing."""
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        return look(client, known, settings.company_id or "", pool, keys, selection_of(settings))


def store_companies(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    found: WalkFinding,
    partitions_name: str = COMPANY,
) -> list[KnownCompany]:
    """Store what was found, and add the partitions that Dagster lacks; return the companies that are there."""
    there = store(warehouse, found, at=settings.clock())
    keys = set(instance.get_dynamic_partitions(partitions_name))
    new = [company.partition_key for company in there if company.partition_key not in keys]
    if new:
        instance.add_dynamic_partitions(partitions_name, new)
    return there


def find_events(
    platform: Platform, client: SequelClient, warehouse: Warehouse, companies: list[KnownCompany], run_id: str | None
) -> dict[str, str]:
    """List and store the events of companies; return by partition key the reason of each that failed."""
    settings = platform.settings()
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        context = _context(settings, client, warehouse, pool, run_id)
        failed = refresh_events(context, [company.company_id for company in companies])
    keys = {company.company_id: company.partition_key for company in companies}
    return {keys[company_id]: str(error) for company_id, error in failed.items()}


def find_registrants(platform: Platform, client: SequelClient, warehouse: Warehouse, run_id: str | None) -> list[str]:
    """Fetch the lists of events that are upcoming, under way or lately ended, and of their hubs.

    Return a line per failure.
    """
    settings = platform.settings()
    companies, events = warehouse.ask(_present)
    failed: list[str] = []
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        context = _context(settings, client, warehouse, pool, run_id)
        now = context.run_info.at
        days: dict[date, DayCoverage] = {now.date(): DayCoverage.FULL}
        for company in companies:
            there = [event for event in events[company.company_id].values() if event.vanished_at is None]
            due = [event.event_id for event in due_events(there, days, now)]
            found = refresh_lists(context, company.company_id, due, is_full=True)
            failed += [f"{company.partition_key} {one.dataset} event {one.event_id}: {one.reason}" for one in found]
    return failed


def _present(connection: sa.Connection) -> tuple[list[KnownCompany], dict[str, dict[str, catalog.KnownEvent]]]:
    companies = catalog.present_companies(connection)
    return companies, {one.company_id: catalog.known_events(connection, one.company_id) for one in companies}


def _context(
    settings: Settings, client: SequelClient, warehouse: Warehouse, pool: Executor, run_id: str | None
) -> RunContext:
    now, rules = settings.clock(), config.rules(settings)
    run_info = RunInfo(now, data_through(now, rules.settle), rules.late_window, run_id)
    return RunContext(client, warehouse, pool, settings.clock, rules, run_info)
