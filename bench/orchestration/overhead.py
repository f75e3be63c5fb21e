"""Overhead: Dagster's share of the wall time: a refresh without it and as real runs, one process, sandbox at 20 ms."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from bench.support.world import CONCURRENCY, LATENCY_MS, PERSON_KEY, bench, days_to, in_a_process
from sequel_assets.cli.support.dagster_home import dagster_instance

HEADINGS = ("what", "value")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
COMPANIES, DAYS = 3, 120
OPTIONS = ("--companies", str(COMPANIES), "--days", str(DAYS), "--events-per-day", "0.2857", "--now", NOW.isoformat())


def run() -> Iterator[tuple[str, float | int]]:
    """Yield the wall time of both, company after company, and Dagster's share of it."""
    days = days_to(NOW, DAYS)
    with in_a_process(*OPTIONS, "--latency-ms", str(LATENCY_MS)) as account:
        with bench(account, NOW, DAYS) as b:
            companies = [company.partition_key for company in b.walk()]
            refresher = b.refresher()
            began = time.perf_counter()
            slices = sum(len(list(refresher.refresh({c.company_id: days}))) for c in b.walk())
            plain = time.perf_counter() - began
        dagster = _as_runs(account, companies)
    yield "slices", slices
    yield "wall without Dagster, seconds", plain
    yield "wall as Dagster runs, seconds", dagster
    yield "ratio", dagster / plain
    yield "Dagster's share of the wall, %", 100 * (1 - plain / dagster)
    yield "Dagster's own milliseconds per slice", 1000 * (dagster - plain) / slices


def _as_runs(account: dict[str, str], companies: list[str]) -> float:
    """Execute a run per company in this process; the start of the process, the same for any size, is left out."""
    before, folder = dict(os.environ), tempfile.mkdtemp()
    shutil.copy("dagster.yaml", folder)
    own = {"SEQUEL_PERSON_KEY": PERSON_KEY, "SEQUEL_START_DATE": days_to(NOW, DAYS)[0].isoformat()}
    own |= {"SEQUEL_MAX_CONCURRENCY": str(CONCURRENCY), "SEQUEL_WAREHOUSE_URL": f"sqlite:///{Path(folder) / 'w.db'}"}
    os.environ.update(account | own | {"DAGSTER_HOME": folder})
    try:
        from sequel_assets.definitions import defs
        from sequel_assets.orchestration.partitions import range_tags

        definitions = defs()

        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        with dagster_instance() as instance:
            _migrate(own["SEQUEL_WAREHOUSE_URL"])
            _run(definitions, "refresh_catalog", instance, {}, quiet)
            seconds = 0.0
            for key in companies:
                tags = range_tags([key], days_to(NOW, DAYS)[0], NOW.date())
                seconds += _run(definitions, "refresh_slices", instance, tags, quiet)
        return seconds
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder)


def _run(
    defs: dg.Definitions, job: str, instance: dg.DagsterInstance, tags: dict[str, str], config: dict[str, Any]
) -> float:
    resolved = defs.resolve_job_def(job)
    began = time.perf_counter()
    done = resolved.execute_in_process(instance=instance, tags=tags, run_config=config, raise_on_error=True)
    assert done.success
    return time.perf_counter() - began


def _migrate(url: str) -> None:
    from sequel_assets.warehouse import schema
    from sequel_assets.warehouse.database.engine import Warehouse

    warehouse = Warehouse(url)
    schema.migrate(warehouse)
    warehouse.dispose()
