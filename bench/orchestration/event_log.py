"""Event log: Dagster's storage after a month of hourly runs over 50 companies, without and with the housekeeping.

Real runs on a real instance (SQLite, the project's `dagster.yaml`) against the sandbox: for each day the hour that
closes it and one ordinary hour, each with its three jobs, and one reconciliation in all. Runs are dated by the
simulated clock. The other 22 hours of a day are extrapolated from the ordinary ones, a month from the days.
"""

import os
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import dagster as dg

from sequel_assets import settings
from sequel_assets.cli.support.dagster_home import OUR_STORAGES, dagster_instance
from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.orchestration.partitions import slice_key
from sequel_assets.orchestration.schedules.schedules import schedules
from sequel_assets.orchestration.storage.event_log import batches, report
from sequel_assets.orchestration.storage.housekeeping import KEEP, tidy
from sequel_assets.orchestration.storage.partition_view import event_of
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets.warehouse import schema

HEADINGS = ("what", "value")
COMPANIES, DAYS, MONTH, REPORTED = 50, 5, 30, 2000
FIRST = date(2026, 11, 1)
CLOSING, ORDINARY = 0, 12
REFRESH, CLOSE = "refresh of an ordinary hour", "refresh of the hour that closes a day"
KEPT = "MiB of each day that housekeeping never deletes"
MIB = 2**20
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Measured:
    """Bytes and events by kind of run."""

    bytes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def typical(self, kind: str) -> float:
        """Return the bytes of a run: the median of its kind, as databases grow by pages; of closing hours the last one.

        Only from the fourth day on does an hour that closes a day also make another day final.
        """
        return self.bytes[kind][-1] if kind == CLOSE else median(self.bytes[kind])


def reporting() -> Iterator[tuple[str, float]]:
    """Yield the milliseconds per slice of `sequel-assets repair`, with Dagster's own call and in batches."""
    with _folder() as folder:
        os.environ["DAGSTER_HOME"] = str(folder)
        found = Outcome("company", DAILY_USAGE.name, FIRST, SliceStatus.UNCHANGED, data_through=datetime.now(UTC))
        events = [
            event_of(found, str(slice_key("company.12345678", FIRST + timedelta(days=n)))) for n in range(REPORTED)
        ]
        with dagster_instance() as instance:
            began = perf_counter()
            for event in events[:100]:
                instance.report_runless_asset_event(event)
            yield "repair: ms a slice, one by one", (perf_counter() - began) / 100 * 1000
            began = perf_counter()
            for batch in batches(events):
                report(instance, batch)
            yield "repair: ms a slice, in batches", (perf_counter() - began) / REPORTED * 1000


def run() -> Iterator[tuple[str, float | int]]:
    """Yield the size of a run of each kind, of a month of them, and of what the housekeeping leaves."""
    end = datetime.combine(FIRST + timedelta(days=DAYS - 1), time(ORDINARY, 10), UTC)
    spec = WorldSpec(companies=COMPANIES, days=DAYS, events_per_day=0.3, people=5, now=end)
    clock = Clock.pinned(end)
    with _folder() as folder, Sandbox(build_world(spec), clock=clock) as sandbox:
        os.environ.update(sandbox.environment())
        os.environ.update(
            SEQUEL_PERSON_KEY="k" * 32,
            SEQUEL_START_DATE=FIRST.isoformat(),
            SEQUEL_WAREHOUSE_URL=f"sqlite:///{folder / 'warehouse.db'}",
            SEQUEL_NOW=end.isoformat(),
            DAGSTER_HOME=str(folder),
        )
        _make_warehouse()
        with dagster_instance() as instance:
            measured = _month(instance, folder, clock)
            yield from _per_run(measured)
            tidied = list(_tidied(instance, folder, end))
            yield from tidied
            yield from _month_of(measured, dict(tidied)[KEPT])
    yield from reporting()


@contextmanager
def _folder() -> Iterator[Path]:
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dagster.yaml").write_text(Path("dagster.yaml").read_text() + OUR_STORAGES)
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(before)


def _make_warehouse() -> None:
    warehouse = config.open_warehouse(settings.load())
    schema.migrate(warehouse)
    warehouse.dispose()


def _month(instance: dg.DagsterInstance, folder: Path, clock: Clock) -> Measured:
    """Execute the jobs of two hours of each day, and one reconciliation."""
    from sequel_assets.definitions import defs

    definitions, measured = defs(), Measured()

    def execute(kind: str, job: str, at: datetime, requests: Sequence[dg.RunRequest] = ()) -> None:
        before, events = _stored_bytes(folder), 0
        for request in requests or [dg.RunRequest()]:
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                tags=dict(request.tags),
                run_config=QUIET | dict(request.run_config),
                raise_on_error=False,
            )
            if not result.success:
                raise RuntimeError(f"{kind} at {at} failed: {[e.message for e in result.all_events if e.is_failure]}")
            events += len(instance.all_logs(result.run_id))
            _date(folder, result.run_id, at)
        measured.bytes[kind].append(_stored_bytes(folder) - before)
        measured.events[kind].append(events)

    for number in range(DAYS):
        for hour in (CLOSING, ORDINARY):
            at = datetime.combine(FIRST + timedelta(days=number), time(hour, 10), UTC)
            clock.set(at)
            os.environ["SEQUEL_NOW"] = at.isoformat()
            execute("catalog", "refresh_catalog", at)
            execute(CLOSE if hour == CLOSING and number else REFRESH, "refresh_hour", at, _hourly(instance, at))
            execute("checks", "run_checks", at)
        if number == 0:
            execute("reconciliation", "reconciliation", at)
    return measured


def _hourly(instance: dg.DagsterInstance, at: datetime) -> Sequence[dg.RunRequest]:
    """Return the runs that the schedule asks for."""
    (hourly,) = [schedule for schedule in schedules(settings.load()) if schedule.name == "hourly_refresh"]
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at.replace(minute=5))
    return hourly.evaluate_tick(context).run_requests or ()


def _stored_bytes(folder: Path) -> int:
    """Return the bytes of Dagster's files after a checkpoint of their WALs."""
    for file in folder.rglob("*.db"):
        if file.name != "warehouse.db":
            with sqlite3.connect(file, timeout=30) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.name.startswith("warehouse"))


def _date(folder: Path, run_id: str, at: datetime) -> None:
    """Date a run and its events in the index by the simulated clock, which Dagster does not know."""
    timestamp = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    for file, table, column in (("runs.db", "runs", "create_timestamp"), ("runs/index.db", "event_logs", "timestamp")):
        with sqlite3.connect(folder / "history" / file, timeout=30) as connection:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE run_id = ?", (timestamp, run_id))
        connection.close()


def _per_run(measured: Measured) -> Iterator[tuple[str, float | int]]:
    for kind in (REFRESH, CLOSE, "catalog", "checks", "reconciliation"):
        yield f"{kind}: runs measured", len(measured.bytes[kind])
        yield f"{kind}: events each", int(median(measured.events[kind]))
        yield f"{kind}: KiB each", measured.typical(kind) / 1024


def _tidied(instance: dg.DagsterInstance, folder: Path, end: datetime) -> Iterator[tuple[str, float | int]]:
    """Tidy when all days but the last are old enough, then when all of them are: what is left then stays for good."""
    before = _stored_bytes(folder)
    done = tidy(instance, end + KEEP - timedelta(days=1))
    after = _stored_bytes(folder)
    with sqlite3.connect(folder / "history" / "runs" / "index.db") as index:
        (pages,), (free,) = (index.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "freelist_count"))
    yield f"the {DAYS} measured days: runs before", done.deleted + len(instance.get_run_ids())
    yield "housekeeping when all but the last day are older than a week: runs deleted", done.deleted
    yield "runs older than a week kept", done.kept
    yield "superseded events deleted beside them", done.thinned
    yield "MiB before", before / MIB
    yield "MiB after", after / MIB
    yield "of these free for new events within the index", pages * free / MIB
    tidy(instance, end + KEEP + timedelta(days=1))
    for file in ("runs.db", "runs/index.db"):
        with sqlite3.connect(folder / "history" / file) as connection:
            connection.execute("VACUUM")
        connection.close()
    yield KEPT, _stored_bytes(folder) / DAYS / MIB


def _month_of(measured: Measured, kept: float) -> Iterator[tuple[str, float | int]]:
    both = measured.typical("catalog") + measured.typical("checks")
    day = 23 * measured.typical(REFRESH) + measured.typical(CLOSE) + 24 * both + measured.typical("reconciliation")
    yield "a day of all runs, MiB (extrapolated)", day / MIB
    yield f"{MONTH} days without housekeeping, MiB (extrapolated)", MONTH * day / MIB
    yield f"{MONTH} days with it, MiB (extrapolated)", KEEP.days * day / MIB + (MONTH - KEEP.days) * kept
    yield "each further month with it, MiB (extrapolated)", MONTH * kept
