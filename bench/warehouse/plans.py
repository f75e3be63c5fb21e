"""Plans: the ten heaviest statements of each database in all daily work, and the indexes that they use.

Beside a year of PLANS_COMPANIES (8) companies a small one is backfilled, refreshed for an hour and looked at by `status`;
then a year is queried, and webhooks are received and processed. `python -m bench.warehouse.plans` writes docs/query-plans.md.
"""

import os
import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bench.refresh.hour import due_days
from bench.support.filled import FIRST, LAST, NOW, analyze, fill
from bench.support.statements import StatementLog, normalized, plan
from bench.warehouse.query import KINDS, ask
from sequel_assets.cli.commands.status_records import read_status
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox, notifications, receiver_subscriptions
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import inbox as table
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets_tests.support.harness import PlatformUnderTest, failures, platform
from sequel_assets_tests.support.inboxes import deliver, notification
from sequel_assets_tests.support.postgres import PostgresServer

INTRODUCTION = """# Query plans

Generated from what was executed by `python -m bench.warehouse.plans`. The ten statements of each database that took most time in a
day's work, and by which index each reaches its tables. The work: beside a year of eight companies (160,000 facts, 135,000 entries of
activity, statistics analyzed) a small hierarchy of six companies is backfilled for three weeks and refreshed for an hour; `status` reads
everything; a year is queried in five ways, over one company and over all; 2,000 deliveries of webhooks are received and processed beside
20,000 that were handled. The times are of a shared machine with two cores: compare them with each other. A statement is known by the
hash of its text. What begins with `WITH RECURSIVE stood` is over a company with all its sub-companies: a year of the root's eight reads
nearly every fact that there is, and PostgreSQL then rightly reads the table in whole.

A test (`sequel_assets_tests/warehouse/test_query_plans.py`, with `make scenarios`) does the same work, compares these plans, and
fails for any statement, heavy or not, that reads a table of ten thousand rows in whole and is not named there with its reason.
"""
LONGEST = 600
"""Characters that the page shows of a statement."""
HEADINGS = ("database", "statement", "ms", "times", "read by")
PAGE = Path(__file__).parents[2] / "docs" / "query-plans.md"
SPEC = WorldSpec(companies=6, days=21, events_per_day=0.5, people=30)
HEAVIEST = 10
ENGINES = ("SQLite", "PostgreSQL")
HANDLED, DELIVERED, ADDRESSES = 20_000, 2_000, 200


def run() -> Iterator[tuple[str, str, float, int, str]]:
    """Yield a row for each of the heaviest statements of each engine."""
    for engine in ENGINES:
        with measured(engine) as (warehouse, log):
            for one in log.heaviest(HEAVIEST):
                yield engine, one.statement[:60], one.seconds * 1000, one.times, "; ".join(plan(warehouse, one))


def page() -> str:
    """Return docs/query-plans.md: the heaviest statements of each engine, measured now."""
    lines = [INTRODUCTION]
    for engine in ENGINES:
        with measured(engine) as (warehouse, log):
            lines += [f"## {engine}", ""]
            for one in log.heaviest(HEAVIEST):
                phases = ", ".join(f"{phase} {seconds * 1000:.0f} ms" for phase, seconds in one.by_phase.items())
                text = normalized(one.statement)
                lines += [f"### `{one.key}`: {phases}, {one.times} times", "", "```sql", _short(text), "```", ""]
                lines += [*(f"- {line}" for line in plan(warehouse, one)), ""]
    return "\n".join(lines)


def plans_on(text: str, engine: str) -> dict[str, list[str]]:
    """Return the plans of an engine that a page has, by the statement's key."""
    section = text.partition(f"\n## {engine}\n")[2].partition("\n## ")[0]
    parts = re.split(r"^### `(\w+)`.*$", section, flags=re.MULTILINE)[1:]
    return {key: re.findall(r"^- (.*)$", part, re.MULTILINE) for key, part in zip(parts[::2], parts[1::2], strict=True)}


def _short(text: str) -> str:
    """Return a statement's beginning and end, without the columns in between."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


@contextmanager
def measured(engine: str) -> Iterator[tuple[Warehouse, StatementLog]]:
    """Yield a filled warehouse, its statistics up to date, and the statements of all work on it."""
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer.start() if engine == "PostgreSQL" else None
        warehouse = Warehouse(server.url("postgres") if server else f"sqlite:///{Path(folder) / 'plans.db'}")
        try:
            yield warehouse, work(warehouse)
        finally:
            warehouse.dispose()
            if server:
                server.stop()


def work(warehouse: Warehouse) -> StatementLog:
    """Fill an empty warehouse, do all kinds of daily work on it and return the statements of the work."""
    schema.migrate(warehouse)
    chance, log = random.Random(5), StatementLog()
    for n in range(int(os.environ.get("PLANS_COMPANIES", "8"))):
        fill(warehouse, f"c{n}", chance)
    _fill_inbox(warehouse)
    analyze(warehouse)
    world = build_world(SPEC)
    with platform(world, warehouse, start=SPEC.first_day) as it:
        it.sandbox.clock.advance(hours=-1)
        with log.phase("backfill"):
            _refresh(it)
        analyze(warehouse)
        it.sandbox.clock.advance(hours=1)
        with log.phase("hour"):
            _refresh(it, hourly=True)
        with log.phase("status"):
            read_status(
                Settings(
                    _env_file=None,
                    warehouse_url=warehouse.url.render_as_string(hide_password=False),
                    company_id=world.root.id,
                    start_date=SPEC.first_day,
                    now=it.clock(),
                )
            )
    with log.phase("query"):
        for with_descendants, select in KINDS.values():
            for last in (LAST, LAST - timedelta(days=30)):
                company = "c0" if with_descendants else "c3"
                ask(warehouse, Scope(company, Days(FIRST, last), with_descendants), select)
    with log.phase("webhooks"):
        _receive(warehouse)
    analyze(warehouse)
    return log


def _refresh(it: PlatformUnderTest, *, hourly: bool = False) -> None:
    companies = it.walk()
    days = due_days(it.warehouse, it.clock(), companies) if hourly else None
    whole = dict.fromkeys(companies, days_between(SPEC.first_day, SPEC.last_day))
    assert failures(it.refresher().refresh(days or whole)) == []


def _fill_inbox(warehouse: Warehouse) -> None:
    """Store deliveries that were handled, and the addresses that deliveries come by."""
    deliver(warehouse, *(notification("c1", f"e{n % 100}", NOW - timedelta(days=1)) for n in range(HANDLED)))
    with warehouse.write() as connection:
        connection.execute(table.update().values(handled_at=NOW, outcome="done"))
        connection.execute(
            subscriptions.insert(),
            [
                {
                    "company_id": f"c{n % 8}",
                    "capability_hash": f"{n:064x}",
                    "event_type": WebhookType.ENDED,
                    "created_at": NOW,
                }
                for n in range(ADDRESSES)
            ],
        )


def _receive(warehouse: Warehouse) -> None:
    """Take in deliveries as the receiver does, then process them."""
    for first in range(0, DELIVERED, 100):
        with warehouse.read() as connection:
            assert receiver_subscriptions.receiving(connection, f"{first % ADDRESSES:064x}", NOW) is not None
            assert inbox.lineage(connection, "c1") == frozenset(("c0", "c1"))
        deliver(warehouse, *(notification("c1", f"e{n % 100}", NOW) for n in range(first, first + 100)))
    with warehouse.read() as connection:
        waiting = [one for page in notifications.waiting(connection, [WebhookType.ENDED]) for one in page]
        assert notifications.backlog(connection)[0] == DELIVERED
        assert notifications.stuck(connection, NOW - timedelta(hours=2)) == []
        notifications.notified_since(connection, "c1", [WebhookType.ENDED], NOW - timedelta(hours=2))
    with warehouse.write() as connection:
        for one in notifications.claim(connection, waiting, run_id="run", at=NOW):
            notifications.mark_refreshed(connection, "run", "c1", [one.event_id], at=NOW)
    inbox.purge(warehouse, NOW - timedelta(days=30))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
