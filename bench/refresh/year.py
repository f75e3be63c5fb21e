"""Year: `sequel-assets backfill` of 365 days x 50 sub-companies: time until tables and Dagster are complete, memory.

YEAR_DAYS and YEAR_COMPANIES make it smaller (YEAR_DAYS=60 YEAR_COMPANIES=6), YEAR_WORKERS sets the worker processes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa

from bench.support.truth import differences
from bench.support.world import LATENCY_MS, PERSON_KEY, in_a_process
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import refreshes

HEADINGS = ("what", "value")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
EVENTS_PER_DAY, PEOPLE = 2 / 7, 40
SHOWN = """
import dagster as dg
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value as status
from sequel_assets.orchestration.partitions import slice_partitions
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.settings import load
parts = slice_partitions(load())
with dg.DagsterInstance.get() as instance:
    for dataset in SLICED:
        value = status(instance, dg.AssetKey(dataset.name), parts)
        good = value.deserialize_materialized_partition_subsets(parts)
        bad = value.deserialize_failed_partition_subsets(parts)
        print(len(good), len(bad))
"""


def run() -> Iterator[tuple[str, float | int]]:
    """Yield times and memory of all processes but the sandbox's, and the differences from the truth."""
    days, companies = int(os.environ.get("YEAR_DAYS", "365")), int(os.environ.get("YEAR_COMPANIES", "50"))
    first = NOW.date() - timedelta(days=days - 1)
    options = ["--companies", str(companies + 1), "--days", str(days), "--events-per-day", str(EVENTS_PER_DAY)]
    options += ["--people", str(PEOPLE), "--latency-ms", str(LATENCY_MS), "--now", NOW.isoformat()]
    folder = Path(tempfile.mkdtemp())
    shutil.copy("dagster.yaml", folder)
    try:
        with in_a_process(*options) as account:
            own = {"SEQUEL_PERSON_KEY": PERSON_KEY, "SEQUEL_START_DATE": first.isoformat(), "DAGSTER_HOME": str(folder)}
            own["SEQUEL_WAREHOUSE_URL"] = f"sqlite:///{folder / 'warehouse.db'}"
            environment = {**os.environ, **account, **own, "PYTHONPATH": os.getcwd()}
            workers = ["--workers", os.environ["YEAR_WORKERS"]] if "YEAR_WORKERS" in os.environ else []
            watched = _Watched(
                ["backfill", "--from", str(first), "--to", str(NOW.date()), *workers], folder, environment
            )
            slices = days * (companies + 1) * len(SLICED)
            watched.until_done(slices)
            program = [sys.executable, "-c", SHOWN]
            printed = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - watched.began
            shown = [[int(number) for number in line.split()] for line in printed.stdout.splitlines()]
        yield "sub-companies x days", companies * days
        yield "slices (the root's included)", slices
        yield "until the tables are right, seconds", watched.right_after
        yield "until the command has ended, seconds", watched.ended_after
        yield "until Dagster's partition view shows it too, seconds", seconds
        yield "slices that it shows as materialized", sum(good for good, _ in shown)
        yield "slices that it shows as failed", sum(bad for _, bad in shown)
        yield "peak memory of all its processes (unique), MiB", watched.peak_bytes / 2**20
        yield "most processes at once", watched.most_processes
        yield "warehouse, MiB", (folder / "warehouse.db").stat().st_size / 2**20
        yield (
            "Dagster's home, MiB",
            sum(f.stat().st_size for f in folder.rglob("*.db") if f.name != "warehouse.db") / 2**20,
        )
        spec = WorldSpec(companies=companies + 1, days=days, events_per_day=EVENTS_PER_DAY, people=PEOPLE, now=NOW)
        compared, wrong = differences(build_world(spec), Warehouse(own["SEQUEL_WAREHOUSE_URL"]), first, NOW)
        yield "(event, day) and (company, day) compared with the sandbox's truth", compared
        yield "of them wrong", wrong
    finally:
        shutil.rmtree(folder)


class _Watched:
    """Measures the command: time until every slice is there, time until it ends, memory of its processes."""

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.began = time.perf_counter()
        self._url = environment["SEQUEL_WAREHOUSE_URL"]
        command = [sys.executable, "-m", "sequel_assets.cli", *arguments]
        self._log = (folder / "backfill.log").open("w")
        self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=self._log, stderr=self._log)
        self.right_after = self.ended_after = float("nan")
        self.peak_bytes = self.most_processes = 0

    def until_done(self, slices: int) -> None:
        """Wait for the end; a backfill that failed ends the benchmark with the tail of its log."""
        done = threading.Event()
        watchers = [
            threading.Thread(target=self._count, args=(slices, done)),
            threading.Thread(target=self._weigh, args=(done,)),
        ]
        for watcher in watchers:
            watcher.start()
        code = self._process.wait()
        self.ended_after = time.perf_counter() - self.began
        done.set()
        for watcher in watchers:
            watcher.join()
        self._log.close()
        if code or self.right_after != self.right_after:
            sys.exit(f"the backfill ended with {code}: {Path(self._log.name).read_text()[-2000:]}")

    def _count(self, slices: int, done: threading.Event) -> None:
        """Poll `refreshes` until every slice is there; the last one is an insight, derived after all its facts."""
        warehouse = Warehouse(self._url)
        names = [dataset.name for dataset in SLICED]
        query = sa.select(sa.func.count()).where(refreshes.c.dataset.in_(names))
        while True:
            is_last = done.wait(1.0)
            try:
                with warehouse.read() as connection:
                    there = connection.scalar(query) or 0
            except Exception:  # noqa: BLE001 - not migrated yet
                there = 0
            if there >= slices:
                self.right_after = min(time.perf_counter() - self.began, self.ended_after if is_last else float("inf"))
            if there >= slices or is_last:
                warehouse.dispose()
                return

    def _weigh(self, done: threading.Event) -> None:
        """Sum the unique memory of each process; shared pages would count several times."""
        root = psutil.Process(self._process.pid)
        while not done.wait(0.5):
            weight = number = 0
            try:
                processes = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in processes:
                try:
                    weight, number = weight + process.memory_full_info().uss, number + 1
                except psutil.Error:
                    continue
            self.peak_bytes, self.most_processes = max(self.peak_bytes, weight), max(self.most_processes, number)
