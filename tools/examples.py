"""An example row of each dataset for docs/datasets.md, from a backfill of the same synthetic world every time.

It works in a temporary folder and never touches a real account or warehouse.
"""

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse

WORLD = WorldSpec(seed=7, companies=2, days=8, events_per_day=1.5, people=8, days_ahead=1)
PERSON_KEY = "the key of the examples, 32 characters"


def example_rows(tables: Iterable[sa.Table]) -> dict[str, Mapping[str, Any]]:
    """Return the fullest row of each table that has rows: the one with the fewest nulls, then the fewest zeros."""
    now = WORLD.now
    days = days_between(WORLD.first_day, WORLD.last_day)
    with tempfile.TemporaryDirectory() as folder, Sandbox(build_world(WORLD), clock=Clock.pinned(now)) as sandbox:
        account = sandbox.environment()
        config = SequelConfig(
            api_url=account["SEQUEL_API_URL"],
            analytics_url=account["SEQUEL_ANALYTICS_URL"],
            client_id=account["SEQUEL_CLIENT_ID"],
            client_secret=account["SEQUEL_CLIENT_SECRET"],
            audience=account["SEQUEL_AUDIENCE"],
        )
        warehouse = Warehouse(f"sqlite:///{Path(folder) / 'examples.db'}")
        try:
            schema.migrate(warehouse)
            with SequelClient(config) as client:
                with ThreadPoolExecutor(4) as pool:
                    root = account["SEQUEL_COMPANY_ID"]
                    found = refresh_companies(client, warehouse, root, pool, clock=lambda: now, known_keys=[])
                rules = RefreshConfig(WORLD.first_day, timedelta(minutes=5), timedelta(hours=48), 4, PERSON_KEY)
                refresher = Refresher(client, warehouse, lambda: now, rules)
                for _ in refresher.refresh({company.company_id: days for company in found}):
                    pass
            with warehouse.read() as connection:
                return {table.name: row for table in tables if (row := _fullest(connection, table))}
        finally:
            warehouse.dispose()


def _fullest(connection: sa.Connection, table: sa.Table) -> Mapping[str, Any]:
    rows = [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()]
    return max(rows, key=lambda row: sum(2 * (value is not None) + bool(value) for value in row.values()), default={})
