"""A sandbox, a client and a warehouse for a benchmark, and how long and how heavy a refresh of it is."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.outcomes import Outcome
from sequel_assets.refresh.refresh import Refresher, Rules
from sequel_assets.refresh.tree import refresh_companies
from sequel_assets.sandbox import Sandbox, World
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.engine import Warehouse

CONCURRENCY = 8


@dataclass
class Bench:
    """What a benchmark works with."""

    sandbox: Sandbox
    client: SequelClient
    warehouse: Warehouse
    now: datetime
    start: date

    def refresh(self, days: list[date], start: date | None = None) -> tuple[list[Outcome], float]:
        """Refresh all companies' days; return the outcomes and the seconds."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(CONCURRENCY) as pool:
            companies = refresh_companies(
                self.client, self.warehouse, self.sandbox.root_company_id, pool, clock=lambda: self.now, known_keys=[]
            )
        rules = Rules(start or self.start, timedelta(minutes=5), timedelta(hours=48), CONCURRENCY, "k" * 32)
        refresher = Refresher(self.client, self.warehouse, lambda: self.now, rules)
        began = time.perf_counter()
        outcomes = list(refresher.refresh({company.company_id: days for company in companies}))
        return outcomes, time.perf_counter() - began


@contextmanager
def bench(world: World, now: datetime, days: int, latency_ms: float = 20, url: str = "") -> Iterator[Bench]:
    """Yield a sandbox in a process of its own would be fairer; it shares ours, so its work counts as ours."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(world, latency_ms=latency_ms) as sandbox:
        env = sandbox.environment()
        config = SequelConfig(
            env["SEQUEL_API_URL"],
            env["SEQUEL_ANALYTICS_URL"],
            env["SEQUEL_CLIENT_ID"],
            env["SEQUEL_CLIENT_SECRET"],
            env["SEQUEL_AUDIENCE"],
            max_concurrency=CONCURRENCY,
        )
        warehouse = Warehouse(url or f"sqlite:///{Path(folder) / 'bench.db'}")
        schema.migrate(warehouse)
        with SequelClient(config) as client:
            yield Bench(sandbox, client, warehouse, now, now.date() - timedelta(days=days - 1))
        warehouse.dispose()


def days_to(now: datetime, days: int) -> list[date]:
    """Return the last days up to today."""
    return days_between(now.date() - timedelta(days=days - 1), now.date())
