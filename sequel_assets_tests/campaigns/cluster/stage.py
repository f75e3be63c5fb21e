"""The cluster: Sequel's sandbox on this machine, the servers and the platform on hosts of their own, and a clock for all."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from sequel_assets.refresh.core.datasets import HOURLY_NAMES
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets_tests.campaigns.cluster import services
from sequel_assets_tests.campaigns.cluster.network import Network
from sequel_assets_tests.campaigns.cluster.servers import DatabasePair, RedisServer
from sequel_assets_tests.campaigns.cluster.world import START, TODAY, YESTERDAY, ClusterSize, world_of
from sequel_assets_tests.campaigns.soak.fast_clock import compile_clock
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, expected_tables, read_tables

BEFORE_TICK = timedelta(minutes=6, seconds=50)
"""After the hour: when the clock is set, so that the schedule's tick at minute 7 comes soon."""
SECOND = 1_000_000_000
CONCURRENCY = 2
WORKERS = ("alpha", "beta")


class Cluster:
    """Everything that it takes; a context manager."""

    def __init__(self, folder: Path, size: ClusterSize) -> None:
        self.folder, self.size = folder, size
        self._stack = ExitStack()
        self._zero = time.time_ns()
        self._secret_key = Fernet.generate_key().decode()

    def __enter__(self) -> Cluster:
        """Start the servers and the processes, and load the history."""
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End everything."""
        self._stack.close()

    def _begin(self) -> None:
        stack, size = self._stack, self.size
        self.network = stack.enter_context(Network())
        self.database = DatabasePair(self.network.host("database"), self.network.host("replica"))
        stack.callback(lambda: self.database.stop())
        control = self.network.host("control")
        self.redis = RedisServer(control, self.folder / "redis")
        stack.callback(lambda: self.redis.kill())
        self.jump_file = self.folder / "jump"
        self.jump_file.write_bytes(struct.pack("q", 0))
        self.library = None if size.is_small else compile_clock(self.folder)
        self.clock = Clock.pinned(START) if size.is_small else Clock(START)
        self.world = world_of(size)
        self.sandbox = stack.enter_context(
            Sandbox(self.world, clock=self.clock, host=self.network.address, latency_ms=size.latency_ms)
        )
        self.database.primary.run("CREATE DATABASE sequel")
        self.database.primary.run("CREATE DATABASE dagster")
        self.warehouse = Warehouse(self.database.primary.url("sequel"))
        stack.callback(lambda: self.warehouse.dispose())
        migrate(self.warehouse)
        self.control = services.control_services(control, self._folder("control"), self.environment("control"))
        self.workers = {name: self._worker(name) for name in WORKERS}
        stack.callback(self._stop_services)
        if size.is_small:
            self.control = {name: self.control[name] for name in ("code", "daemon")}
        else:
            self._history()
        for name in self.control:
            self.control[name].start()
            if name == "code":
                time.sleep(8)
        for worker in self.workers.values():
            worker.start()
        if size.is_small:
            return
        services.wait_until_answering(self.control["webserver"], f"http://{control.address}:{services.UI}/server_info")
        services.wait_until_answering(
            self.control["receiver"], f"http://{control.address}:{services.RECEIVER}/health/ready"
        )

    def environment(self, host: str, skew: timedelta = timedelta()) -> dict[str, str]:
        """Return the variables of a host, whose clock is off by `skew`."""
        folder = self._folder(host)
        return {
            **self.sandbox.environment(),
            "SEQUEL_PERSON_KEY": KEY,
            "SEQUEL_START_DATE": YESTERDAY.isoformat(),
            "SEQUEL_WAREHOUSE_URL": self.database.url("sequel"),
            "SEQUEL_ALLOW_PLAIN_HTTP": "true",
            "SEQUEL_WEBHOOK_SECRET_KEY": self._secret_key,
            "SEQUEL_RETRY_BUDGET_SECONDS": "60",
            "DAGSTER_HOME": str(services.dagster_home(folder, concurrency=CONCURRENCY * len(WORKERS), lost_seconds=self.size.lost_seconds)),
            "DAGSTER_PG_URL": self.database.url("dagster", "postgresql+psycopg2"),
            "DAGSTER_CELERY_BROKER_URL": self.redis.url(0),
            "DAGSTER_CELERY_BACKEND_URL": self.redis.url(1),
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": "1800",
            "PYTHONPATH": str(services.PROJECT),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "TZ": "UTC",
            **self._clock_of(skew),
        }  # fmt: skip

    def _clock_of(self, skew: timedelta) -> dict[str, str]:
        """Return the variables by which a process lives by the cluster's clock, off by `skew`."""
        if self.library is None:
            return {}
        began = int((START + skew).timestamp()) * SECOND
        return {
            "LD_PRELOAD": str(self.library),
            "FAST_CLOCK": f"{self._zero} {began} 1",
            "CLOCK_JUMP": str(self.jump_file),
        }

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Execute `sequel-assets ...` on the host of the daemon."""
        control = self.control["daemon"]
        return services.call(control.host, control.folder, control.environment, *arguments)

    def _folder(self, host: str) -> Path:
        folder = self.folder / host
        if not folder.exists():
            folder.mkdir()
            if host in WORKERS:  # a disk of its own, small enough to be filled
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(folder)], check=True)
                self._stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
        return folder

    def _worker(self, name: str, skew: timedelta = timedelta()) -> services.HostProcess:
        host = self.network.host(name)
        return services.worker_service(host, self._folder(name), self.environment(name, skew), concurrency=CONCURRENCY)

    def restart_worker(self, name: str, skew: timedelta = timedelta()) -> None:
        """Start a worker again, its clock off by `skew`."""
        self.workers[name].kill()
        self.workers[name] = self._worker(name, skew)
        self.workers[name].start()

    def _history(self) -> None:
        """Load both days as of now by the command, which executes its runs itself where no workers are named."""
        folder = self._folder("control")
        own = self._folder("loader") / "home"
        own.mkdir()
        storage = "storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}\ntelemetry: {enabled: false}\n"
        (own / "dagster.yaml").write_text(storage)
        environment = self.environment("control") | {"DAGSTER_HOME": str(own)}
        done = services.call(
            self.network.host("control"), folder, environment, "backfill", "--from", str(YESTERDAY), "--to", str(TODAY), "--workers", "2"
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout[-1500:], done.stderr[-3000:])

    def jump_to(self, moment: datetime) -> None:
        """Set every clock."""
        own = START + timedelta(microseconds=(time.time_ns() - self._zero) // 1000)
        offset = int((moment - own) / timedelta(microseconds=1)) * 1000
        with self.jump_file.open("r+b") as file:
            file.write(struct.pack("q", offset))
        self.clock.set(moment)

    def next_hour(self) -> datetime:
        """Set the clocks to shortly before the next hour's tick, and return the hour."""
        top = self.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.jump_to(top + BEFORE_TICK)
        return top

    def behind(self, top: datetime) -> int:
        """How many slices of today do not cover the hour."""
        names = sorted(HOURLY_NAMES)
        query = "SELECT count(*) FROM refreshes WHERE day = %s AND dataset = ANY(%s) AND data_through >= %s"
        with psycopg.connect(self.database.primary.url("sequel"), autocommit=True) as connection:
            row = connection.execute(query, (TODAY, names, top)).fetchone()
        assert row is not None
        return len(names) * len(self.world.companies) - int(row[0])

    def wait_until_made_good(self, top: datetime, seconds: float) -> bool:
        """Wait until every slice of today covers the hour; return whether it came to that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.behind(top) <= 0:
                    return True
                time.sleep(1)
            except psycopg.OperationalError:  # the database is away, as the fault has it
                time.sleep(1)
        return False

    def difference(self, top: datetime) -> str:
        """Return how the tables differ from Sequel's truth at an hour, or nothing."""
        warehouse = Warehouse(self.database.primary.url("sequel"))
        try:
            expected = expected_tables(self.world, days_between(YESTERDAY, TODAY), start=YESTERDAY, now=top)
            assert_equal_tables(read_tables(warehouse), expected)
        except AssertionError as error:
            return str(error)[:2000]
        finally:
            warehouse.dispose()
        return ""

    def runs(self) -> dict[str, tuple[str, Any]]:
        """Return the runs of slices by id: status and tags' text."""
        query = "SELECT run_id, status, pipeline_name FROM runs"
        with psycopg.connect(self.database.primary.url("dagster"), autocommit=True) as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

    def counts(self, before: dict[str, tuple[str, Any]]) -> Counter[tuple[str, str]]:
        """Return how many runs there were since, by job and status."""
        return Counter((name, status) for run_id, (status, name) in self.runs().items() if run_id not in before)

    def fill_disk(self, host: str) -> None:
        """Leave nothing free on a host's disk."""
        with suppress(OSError):
            (self.folder / host / "filling").write_bytes(b"x" * (shutil.disk_usage(self.folder / host).free + 1))

    def free_disk(self, host: str) -> None:
        """Take that away."""
        (self.folder / host / "filling").unlink()

    def restore(self) -> None:
        """Bring everything back to where a fault found it: two databases, every process."""
        if self.database.is_alone:
            self.database.rejoin()
        for name, worker in self.workers.items():
            if not worker.is_running:
                self.restart_worker(name)
        ended = [service.name for service in self.control.values() if not service.is_running]
        assert not ended, f"{ended} ended; see {self.folder}"

    def _stop_services(self) -> None:
        for service in (*self.workers.values(), *reversed(self.control.values())):
            service.kill()
