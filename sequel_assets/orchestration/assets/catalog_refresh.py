"""Finding companies and their events: what the catalog's assets, the schedules and the command line have in common."""

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
from sequel_assets.refresh.details.lists import due_events, refresh_lists
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
    """Walk the tree, store it, and add the partitions that Dagster lacks; return the companies that are there."""
    known = warehouse.ask(catalog.known_companies)
    settings = platform.settings()
    found = look_for_companies(settings, client, known, instance.get_dynamic_partitions(COMPANY))
    return keep_companies(settings, warehouse, instance, found)


def look_for_companies(
    settings: Settings, client: SequelClient, known: Sequence[KnownCompany], keys: Sequence[str]
) -> WalkFinding:
    """Walk the tree and hold it against the companies that are known, and Dagster's keys of them; store nothing."""
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        return look(client, known, settings.company_id or "", pool, keys)


def keep_companies(
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
    moment = _moment(settings, run_id)
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        _, failed = refresh_events(client, warehouse, [company.company_id for company in companies], pool, moment)
    keys = {company.company_id: company.partition_key for company in companies}
    return {keys[company_id]: str(error) for company_id, error in failed.items()}


def find_registrants(platform: Platform, client: SequelClient, warehouse: Warehouse, run_id: str | None) -> list[str]:
    """Ask for the lists of the events that are upcoming, under way or lately ended, and of their hubs; return a line for each that failed."""
    settings = platform.settings()
    moment = _moment(settings, run_id)
    companies, events = warehouse.ask(_present)
    context = Context(client, settings.clock, timedelta(minutes=settings.settle_minutes))
    days: dict[date, DayCoverage] = {moment.at.date(): DayCoverage.FULL}
    failed: list[str] = []
    with ThreadPoolExecutor(settings.max_concurrency) as pool:
        for company in companies:
            there = [event for event in events[company.company_id].values() if event.vanished_at is None]
            due = [event.event_id for event in due_events(there, days, moment.at)]
            about = (context, warehouse, company.company_id, due, pool)
            found = refresh_lists(*about, moment, config.rules(settings).person_key, is_full=True)
            failed += [f"{company.partition_key} {one.dataset} event {one.event_id}: {one.reason}" for one in found]
    return failed


def _present(connection: sa.Connection) -> tuple[list[KnownCompany], dict[str, dict[str, catalog.KnownEvent]]]:
    companies = catalog.present_companies(connection)
    return companies, {one.company_id: catalog.known_events(connection, one.company_id) for one in companies}


def _moment(settings: Settings, run_id: str | None) -> RunInfo:
    now = settings.clock()
    through = data_through(now, timedelta(minutes=settings.settle_minutes))
    return RunInfo(now, through, timedelta(hours=settings.late_window_hours), run_id)
