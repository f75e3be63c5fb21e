"""Webhooks: from a stored delivery to its slice with a real daemon; 10,000 deliveries of 50 companies at once."""

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from cryptography.fernet import Fernet

from bench.support.world import PERSON_KEY, Bench, bench, days_to, in_a_process
from sequel_assets.orchestration.namespace import AFTER_WEBHOOKS
from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.sandbox import HUB
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox
from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.tables.core import events
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import inbox as table
from sequel_assets_tests.support.commands.calls import clean_environment

HEADINGS = ("what", "value")
SAMPLES, BURST, COMPANIES = 50, 10_000, 50
PROJECT = Path(__file__).parents[2]


@dataclass
class At:
    """When one notification reached each stage, in seconds since it was stored."""

    created: float
    started: float
    materialized: float


def run() -> Iterator[tuple[str, float | int | str]]:
    """Yield the times of single deliveries, then those of a burst."""
    samples = int(os.environ.get("SAMPLES", SAMPLES))
    with _served(companies=2, events_per_day=100) as (b, instance):
        found = [_one(b, instance, event) for event in _events(b)[: samples + 1]][1:]  # the first warms the code server
    for what, seconds in (
        ("run created", [at.created for at in found]),
        ("run began", [at.started for at in found]),
        ("slice materialized (goal: p95 < 10)", [at.materialized for at in found]),
    ):
        cuts = statistics.quantiles(seconds, n=20)
        yield (
            f"stored -> {what}: p50 / p95 / max of {len(seconds)}, seconds",
            f"{cuts[9]:.1f} / {cuts[18]:.1f} / {max(seconds):.1f}",
        )
    with _served(companies=COMPANIES, events_per_day=2) as (b, instance):
        yield from _burst(b, instance)


def _burst(b: Bench, instance: dg.DagsterInstance) -> Iterator[tuple[str, float | int]]:
    known = _events(b)
    dice = random.Random(1)
    notifications = [_notification(*known[n % len(known)], n) for n in range(BURST)]
    dice.shuffle(notifications)
    began = time.monotonic()
    for first in range(0, BURST, 500):
        with b.warehouse.write() as connection:
            inbox.store(connection, notifications[first : first + 500])
    stored = time.monotonic() - began
    while _unserved(b.warehouse):
        time.sleep(0.2)
        if time.monotonic() - began > 600:
            raise SystemExit("the burst was not processed within 10 minutes")
    yield f"burst of {BURST} deliveries, {COMPANIES} companies, {len(known)} events: stored in, seconds", stored
    yield "until each event was refreshed, seconds", time.monotonic() - began
    yield f"runs (goal: {COMPANIES} at most, one per company and day)", instance.get_runs_count(_ours())


def _one(b: Bench, instance: dg.DagsterInstance, event: tuple[str, str]) -> At:
    """Store a notification at a random time of the daemon's interval, and wait for its slice."""
    time.sleep(random.uniform(0, 5))
    before = set(instance.get_run_ids(_ours()))
    stored = time.time()
    with b.warehouse.write() as connection:
        inbox.store(connection, [_notification(*event, 0)])
    while True:
        time.sleep(0.1)
        if time.time() - stored > 120:
            raise SystemExit(f"a notification was not processed within two minutes: {_last(b.warehouse)}")
        for record in instance.get_run_records(_ours(), limit=1):
            run = record.dagster_run
            if run.run_id not in before and run.is_finished:
                if not run.is_success:
                    raise SystemExit(f"run {run.run_id} failed")
                of_slices = dg.DagsterEventType.ASSET_MATERIALIZATION
                records = instance.get_records_for_run(run.run_id, of_type=of_slices).records
                last = max(one.timestamp for one in records)
                created, began = record.create_timestamp.timestamp(), record.start_time or 0.0
                return At(created - stored, began - stored, last - stored)


def _last(warehouse: Warehouse) -> object:
    with warehouse.read() as connection:
        return connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(1)).first()


def _ours() -> dg.RunsFilter:
    return dg.RunsFilter(job_name=AFTER_WEBHOOKS)


def _notification(company_id: str, event_id: str, number: int) -> Notification:
    now = datetime.now(UTC)
    key = f"{event_id}/{number}/{now.isoformat()}"
    none = dict.fromkeys(("subscription_id", "invocation_id", "correlation_id", "page", "pages"))
    return Notification(
        **none,
        company_id=company_id,
        received_at=now,
        capability_hash="c" * 64,
        delivery_key=key,
        event_type=WebhookType.ENDED,
        event_id=event_id,
        sent_at=now,
        body_sha256="0" * 64,
        verdict="accepted",
    )


def _events(b: Bench) -> list[tuple[str, str]]:
    """Return the stage events of the last 24 hours, as (company, event)."""
    e = events.c
    lately = e.starts_at.between(b.now - timedelta(days=1), b.now)
    query = sa.select(e.company_id, e.event_id).where(e.event_type != HUB, lately).order_by(e.event_id)
    with b.warehouse.read() as connection:
        return [(company_id, event_id) for company_id, event_id in connection.execute(query)]


def _unserved(warehouse: Warehouse) -> int:
    """Return how many events have notifications of which none has led to a refresh."""
    i = table.c
    served = sa.func.max(sa.case((sa.or_(i.refreshed_at.is_not(None), i.handled_at.is_not(None)), 1), else_=0))
    open_ones = sa.select(i.event_id).group_by(i.company_id, i.event_id).having(served == 0).subquery()
    with warehouse.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(open_ones)) or 0


@contextmanager
def _served(companies: int, events_per_day: float) -> Iterator[tuple[Bench, dg.DagsterInstance]]:
    """Serve a backfilled world of today, with Dagster's daemon on it and the project's own settings."""
    options = ("--companies", str(companies), "--days", "2", "--events-per-day", str(events_per_day), "--people", "10")
    now = datetime.now(UTC)
    with (
        in_a_process(*options, "--speed", "1", "--now", now.isoformat(), ends_with="SEQUEL_COMPANY_ID") as account,
        tempfile.TemporaryDirectory() as folder,
        bench(account, now, 2, f"sqlite:///{folder}/warehouse.db") as b,
    ):
        b.refresh(days_to(now, 2))
        home = Path(folder) / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
        variables = {
            **account,
            "SEQUEL_PERSON_KEY": PERSON_KEY,
            "SEQUEL_START_DATE": b.start.isoformat(),
            "SEQUEL_WAREHOUSE_URL": str(b.warehouse.url),
            "SEQUEL_WEBHOOK_URL": "http://127.0.0.1:1/sequel",
            "SEQUEL_WEBHOOK_SECRET_KEY": Fernet.generate_key().decode(),
            "DAGSTER_HOME": str(home),
        }
        os.environ["DAGSTER_HOME"] = str(home)
        with dg.DagsterInstance.get() as instance:
            keys = [company.partition_key for company in b.walk()]
            instance.add_dynamic_partitions(COMPANY, keys)
            command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "sequel_assets.definitions"]
            env = clean_environment(**{name: value for name, value in variables.items() if name != "SEQUEL_NOW"})
            with (Path(folder) / "daemon.log").open("wb") as log:
                daemon = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True)
            try:
                yield b, instance
            finally:
                os.killpg(daemon.pid, signal.SIGTERM)
                if kept := os.environ.get("DAEMON_LOG"):
                    Path(kept).write_bytes((Path(folder) / "daemon.log").read_bytes())
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(daemon.pid, signal.SIGKILL)
