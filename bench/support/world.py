"""A sandbox, a client and a warehouse for a benchmark, and a timed refresh over them."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.run.refresher import Days, Refresher
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import KnownCompany

CONCURRENCY, LATENCY_MS = 8, 20
PERSON_KEY = "k" * 32
SETTLE, LATE_WINDOW = timedelta(minutes=5), timedelta(hours=48)


@dataclass
class Bench:
    """What a benchmark works with: a client of the sandbox, a warehouse, and the simulated time."""

    root_id: str
    client: SequelClient
    warehouse: Warehouse
    now: datetime
    start: date

    @property
    def requests(self) -> int:
        """Requests made so far."""
        return self.client.stats.requests

    def walk(self, known_keys: Sequence[str] = ()) -> list[KnownCompany]:
        """Walk the company hierarchy and store it."""
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return refresh_companies(
                self.client, self.warehouse, self.root_id, pool, clock=lambda: self.now, known_keys=known_keys
            )

    def refresher(self, start: date | None = None) -> Refresher:
        """Return a refresher of this benchmark's client and warehouse."""
        rules = RefreshConfig(start or self.start, SETTLE, LATE_WINDOW, CONCURRENCY, PERSON_KEY)
        return Refresher(self.client, self.warehouse, lambda: self.now, rules)

    def refresh(self, days: Days, start: date | None = None) -> tuple[list[Outcome], float]:
        """Refresh all companies' days; return the outcomes and the seconds."""
        companies = self.walk()
        refresher = self.refresher(start)
        began = time.perf_counter()
        outcomes = list(refresher.refresh({company.company_id: days for company in companies}))
        return outcomes, time.perf_counter() - began


@contextmanager
def in_a_process(*options: str, ends_with: str = "SEQUEL_NOW") -> Iterator[dict[str, str]]:
    """Serve a sandbox in its own process, so that its work is not measured; yield the variables to reach it."""
    command = [sys.executable, "-m", "sequel_assets.cli", "sandbox", "--port", "0", "--speed", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found: dict[str, str] = {}
            for line in process.stdout or ():
                if line.startswith("export "):
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    found[name] = value.strip("'")
                if ends_with in found:
                    break
            yield found
        finally:
            process.terminate()


def move(account: dict[str, str], now: datetime) -> None:
    """Set a sandbox's clock."""
    httpx.post(f"{account['SEQUEL_API_URL']}/sandbox/clock", json={"set": now.isoformat()}).raise_for_status()


def client_of(account: dict[str, str], concurrency: int = CONCURRENCY) -> SequelClient:
    """Return a client of a sandbox."""
    config = SequelConfig(
        account["SEQUEL_API_URL"],
        account["SEQUEL_ANALYTICS_URL"],
        account["SEQUEL_CLIENT_ID"],
        account["SEQUEL_CLIENT_SECRET"],
        account["SEQUEL_AUDIENCE"],
        max_concurrency=concurrency,
    )
    return SequelClient(config)


@contextmanager
def bench(
    account: dict[str, str], now: datetime, days: int, url: str = "", concurrency: int = CONCURRENCY
) -> Iterator[Bench]:
    """Yield a client and an empty warehouse (SQLite in a temporary folder unless a URL is given)."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(url or f"sqlite:///{Path(folder) / 'bench.db'}")
        schema.migrate(warehouse)
        with client_of(account, concurrency) as client:
            yield Bench(account["SEQUEL_COMPANY_ID"], client, warehouse, now, now.date() - timedelta(days=days - 1))
        warehouse.dispose()


def days_to(now: datetime, days: int) -> list[date]:
    """Return the last days up to today."""
    return days_between(now.date() - timedelta(days=days - 1), now.date())
