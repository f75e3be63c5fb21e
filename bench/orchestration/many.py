"""Many: what an hour of 50, 500 and 3,000 companies costs Dagster alone; Sequel and the insights are made up.

The hourly schedule is evaluated and its runs are executed in this process, as they are but for the refresher, whose outcomes are
made up. Beside it the former way in the same run: one run over the partitions of all companies, whose slices are planned and
logged every hour. In a quiet hour nothing changed; in a busy one a company in twenty had an event.
`MANY_COMPANIES=50,500` and `MANY_STORAGES=SQLite` print less.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import dagster as dg
import psycopg
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.cli.support.dagster_home import OUR_STORAGES, QUIET_INSTANCE, dagster_instance
from sequel_assets.component.instance import instance_definitions
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.partitions import COMPANY, range_tags
from sequel_assets.orchestration.reporting import materializations
from sequel_assets.refresh.core.datasets import HOURLY_NAMES, SLICED
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import companies, refreshes
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = ("storage", "companies", "way", "hour", "tick, s", "runs", "events", "runs, s", "MiB of storage")
DAY, HOUR = date(2026, 11, 3), datetime(2026, 11, 3, 15, 5, tzinfo=UTC)
BUSY_ONE_IN, FORMER_UP_TO = 20, 500
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass
class Stored:
    """Dagster's storage of one measurement: its instance, and how many bytes it has."""

    instance: dg.DagsterInstance
    size: Callable[[], int]


class MadeUpRefresher:
    """Says of each requested day of each company what a refresh would: in a busy one every slice changed."""

    busy: frozenset[str] = frozenset()

    def __init__(self, *_: Any) -> None:
        self.fatal, self.progress = None, Progress()

    def refresh(self, days: Mapping[str, Any], *, asks_sequel: bool = True) -> Generator[Outcome]:
        """Yield an outcome for every slice."""
        for company_id in days if asks_sequel else ():
            verdict = SliceStatus.DONE if company_id in self.busy else SliceStatus.UNCHANGED
            for dataset in SLICED:
                yield Outcome(company_id, dataset.name, DAY, verdict, rows=12, people=12, data_through=HOUR)


def run() -> Iterator[tuple[str, int, str, str, float, int, int, float, float]]:
    """Yield a row for each storage, size, way and kind of hour."""
    sizes = tuple(int(size) for size in os.environ.get("MANY_COMPANIES", "50,500,3000").split(","))
    for storage in os.environ.get("MANY_STORAGES", f"{SQLITE},{POSTGRESQL}").split(","):
        for companies_ in sizes:
            for way in (_former, hourly_requests):
                if way is _former and companies_ > FORMER_UP_TO:
                    continue
                for kind in ("quiet", "busy"):
                    name = "former" if way is _former else "bundles"
                    yield storage, companies_, name, kind, *_measured(storage, companies_, way, is_busy=kind == "busy")


def _measured(storage: str, number: int, way: "Way", *, is_busy: bool) -> tuple[float, int, int, float, float]:
    ids = [f"c{place:05}" for place in range(number)]
    MadeUpRefresher.busy = frozenset(ids[::BUSY_ONE_IN] if is_busy else ())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stored = stack.enter_context(stored_in(storage, folder))
        keys = make_warehouse(folder, ids)
        stored.instance.add_dynamic_partitions(COMPANY, keys)
        definitions = instance_definitions(settings.load, ALONE, with_housekeeping=False)
        for module in ("orchestration.schedules.hour_job", "orchestration.assets.slices"):
            stack.enter_context(patch(f"sequel_assets.{module}.Refresher", MadeUpRefresher))
        if way is _former:  # which logged what a run plans, and nothing that depends on it
            stack.enter_context(patch.dict(materializations._SOURCES, clear=True))
        before = stored.size()
        began = perf_counter()
        requests = way(definitions, stored.instance, keys)
        ticked = perf_counter()
        job = definitions.resolve_job_def("refresh_slices" if way is _former else "refresh_hour")
        run_ids = [execute(job, stored.instance, request) for request in requests]
        seconds = perf_counter() - ticked
        events = sum(len(stored.instance.all_logs(run_id)) for run_id in run_ids)
        return ticked - began, len(run_ids), events, seconds, (stored.size() - before) / 2**20


Way = Callable[[dg.Definitions, dg.DagsterInstance, Sequence[str]], Sequence[dg.RunRequest]]


def _former(_: dg.Definitions, __: dg.DagsterInstance, keys: Sequence[str]) -> Sequence[dg.RunRequest]:
    """One run over the partitions of all companies, today, of what every hour refreshes."""
    tags = range_tags(keys, DAY, DAY) | {run_tags.HOURLY: run_tags.ON} | run_tags.URGENT
    return [dg.RunRequest(tags=tags, asset_selection=ALONE.keys(sorted(HOURLY_NAMES)))]


def hourly_requests(
    definitions: dg.Definitions, instance: dg.DagsterInstance, _: Sequence[str]
) -> Sequence[dg.RunRequest]:
    """What the schedule asks for."""
    schedule = definitions.resolve_schedule_def("hourly_refresh")
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=HOUR) as context:
        return schedule.evaluate_tick(context).run_requests or ()


def execute(job: dg.JobDefinition, instance: dg.DagsterInstance, request: dg.RunRequest) -> str:
    """Execute a run that was asked for, in this process; return its id."""
    result = job.execute_in_process(
        instance=instance,
        tags=dict(request.tags),
        run_config=QUIET | dict(request.run_config),
        asset_selection=list(request.asset_selection) if request.asset_selection else None,
    )
    assert result.success
    return result.run_id


def make_warehouse(folder: Path, ids: Sequence[str]) -> list[str]:
    """Make a warehouse of companies whose slices of today are those of the hour before; return their partition keys."""
    os.environ.update(
        SEQUEL_WAREHOUSE_URL=f"sqlite:///{folder / 'warehouse.db'}",
        SEQUEL_NOW=HOUR.isoformat(),
        SEQUEL_START_DATE=DAY.isoformat(),
        SEQUEL_COMPANY_ID=ids[0],
        SEQUEL_CLIENT_ID="nobody",
        SEQUEL_CLIENT_SECRET="nobody",
        SEQUEL_PERSON_KEY="k" * 32,
    )
    keys = [f"company.{place:08x}" for place in range(len(ids))]
    at = HOUR - timedelta(hours=1)
    warehouse = Warehouse(f"sqlite:///{folder / 'warehouse.db'}")
    schema.migrate(warehouse)
    seen = {"name": "A company", "depth": 1, "first_seen_at": at, "last_seen_at": at}
    known = [{"company_id": id_, "partition_key": key} | seen for id_, key in zip(ids, keys, strict=True)]
    through = {"refreshed_at": at, "data_through": at.replace(minute=0), "is_final": False, "rows": 0, "checksum": ""}
    with warehouse.write() as connection:
        connection.execute(sa.insert(companies), known)
        for dataset in SLICED:
            slices = [{"company_id": id_, "dataset": dataset.name, "day": DAY} | through for id_ in ids]
            connection.execute(sa.insert(refreshes), slices)
    warehouse.dispose()
    return keys


@contextmanager
def stored_in(storage: str, folder: Path) -> Iterator[Stored]:
    """Yield Dagster's instance in a home of its own, on SQLite files or on a PostgreSQL server."""
    before, home = dict(os.environ), folder / "dagster"
    home.mkdir()
    os.environ["DAGSTER_HOME"] = str(home)
    with ExitStack() as stack:
        stack.callback(os.environ.update, before)
        stack.callback(os.environ.clear)
        if storage == POSTGRESQL:
            server = PostgresServer.start()
            stack.callback(server.stop)
            url = server.url("postgres")
            address = url.replace("postgresql://", "postgresql+psycopg2://")
            said = f'{QUIET_INSTANCE}storage: {{postgres: {{postgres_url: "{address}"}}}}\n'
            (home / "dagster.yaml").write_text(said)
            yield Stored(stack.enter_context(dagster_instance()), lambda: _bytes_of_database(url))
        else:
            (home / "dagster.yaml").write_text(QUIET_INSTANCE + OUR_STORAGES)
            yield Stored(stack.enter_context(dagster_instance()), lambda: _bytes_of_files(home))


def _bytes_of_database(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])


def _bytes_of_files(folder: Path) -> int:
    for file in folder.rglob("*.db"):
        with sqlite3.connect(file, timeout=30) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
