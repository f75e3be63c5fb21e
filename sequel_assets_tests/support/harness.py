"""A sandbox, a client and a warehouse, put together as the platform puts them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.retention import Retention
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sandbox import Attendance, Company, Event, Person, Sandbox, World
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import problems
from sequel_assets_tests.support.in_process import InProcessTransport
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, expected_tables, read_tables

START = date(2026, 3, 1)
LAST = date(2026, 3, 8)
DAYS = days_between(START, LAST)
NOW = datetime(2026, 3, 8, 14, 20, tzinfo=UTC)


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return a time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def day(number: int) -> date:
    """Return a day of March 2026."""
    return date(2026, 3, number)


ADA, BO, CY = Person("Ada", "ada@example.org"), Person("Bo", "bo@example.org"), Person("Cy", "cy@example.org")


def event(
    event_id: str, company_id: str, starts: datetime, attendance: Iterable[Attendance] = (), **more: Any
) -> Event:
    """Return an event of an hour."""
    ends = more.pop("ends_at", starts + timedelta(hours=1))
    return Event(event_id, company_id, f"The event {event_id}", starts, ends, attendance=tuple(attendance), **more)


def world_of(*events: Event, companies: Sequence[Company] = (), now: datetime = NOW) -> World:
    """Return a world of a root with a kid (or the given companies) and these events."""
    return World(companies or [Company("root", "Root"), Company("kid", "Kid", "root")], events, now=now)


@dataclass
class PlatformUnderTest:
    """What a test works with. `refresh` walks the tree, then refreshes; outcomes are returned."""

    world: World
    sandbox: Sandbox
    client: SequelClient
    warehouse: Warehouse
    start: date = START
    retention: Retention = field(default_factory=Retention)

    def clock(self) -> datetime:
        """Return the sandbox's time, so that both sides agree on the hour."""
        return self.sandbox.clock.now()

    def walk(self) -> list[str]:
        """Store the tree and return the ids of the companies that are not gone."""
        with ThreadPoolExecutor(2) as pool:
            found = refresh_companies(
                self.client, self.warehouse, self.world.root.id, pool, clock=self.clock, known_keys=[]
            )
        return [company.company_id for company in found]

    def refresher(self, threads: int = 4, *, anew: bool = False, accepts_loss: bool = False) -> Refresher:
        """Return a refresher with the tests' rules."""
        rules = RefreshConfig(self.start, timedelta(minutes=5), timedelta(hours=48), threads, KEY, self.retention)
        return Refresher(
            self.client, self.warehouse, self.clock, rules, RefreshOptions("run", accepts_loss, force=anew)
        )

    def refresh(
        self, days: Sequence[date] = DAYS, companies: Sequence[str] | None = None, *, walk: bool = True
    ) -> list[Outcome]:
        """Refresh days of companies (default: all)."""
        known = self.walk() if walk else []
        return list(self.refresher().refresh(dict.fromkeys(known if companies is None else companies, days)))

    def assert_true(self, days: Sequence[date] = DAYS, *, but: Sequence[str] = (), **more: Any) -> None:
        """Fail unless the tables are what the reference says."""
        expected = expected_tables(self.world, days, start=self.start, now=self.clock(), **more)
        assert_equal_tables(read_tables(self.warehouse), expected, but=but)

    def problems(self) -> list[tuple[str, str, date, str, str]]:
        """Return every problem that stands."""
        return problems_of(self.warehouse)


def problems_of(warehouse: Warehouse) -> list[tuple[str, str, date, str, str]]:
    """Return (company, dataset, day, event, reason) of every problem."""
    c = problems.c
    with warehouse.read() as connection:
        query = sa.select(c.company_id, c.dataset, c.day, c.event_id, c.reason)
        return sorted(tuple(row) for row in connection.execute(query))


@contextmanager
def platform(
    world: World, warehouse: Warehouse, *, start: date = START, quick: bool = False, **sandbox: Any
) -> Iterator[PlatformUnderTest]:
    """Yield a platform; with `quick` the client hardly retries and never sleeps."""
    with Sandbox(world, **sandbox) as server, client_of(server, quick=quick) as client:
        yield PlatformUnderTest(world, server, client, warehouse, start)


def client_of(server: Sandbox, *, quick: bool = False, sleep: Callable[[float], None] | None = None) -> SequelClient:
    """Return a client for a sandbox."""
    told = server.environment()
    config = SequelConfig(
        api_url=told["SEQUEL_API_URL"],
        analytics_url=told["SEQUEL_ANALYTICS_URL"],
        client_id=told["SEQUEL_CLIENT_ID"],
        client_secret=told["SEQUEL_CLIENT_SECRET"],
        audience=told["SEQUEL_AUDIENCE"],
    )
    if quick:
        config = replace(
            config, max_attempts=2, retry_budget_seconds=2, read_timeout_seconds=3, max_body_bytes=4_000_000
        )
    sleep = sleep or ((lambda _: None) if quick else time.sleep)
    return SequelClient(config, transport=InProcessTransport(server, 2 * config.max_concurrency), sleep=sleep)


def failures(outcomes: Iterable[Outcome]) -> list[tuple[str, str, date, str]]:
    """Return (company, dataset, day, reason) of what is not good."""
    return [(o.company_id, o.dataset, o.day, o.reason) for o in outcomes if not o.is_good]
