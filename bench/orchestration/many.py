"""Many: what an hour of 50, 500 and 3,000 companies costs Dagster alone; its slices are made up, Sequel is not asked.

The former way (one run over partitions, each slice planned and logged) beside the present one (bundles without partitions, what
changed is logged), a quiet hour and one in which a company in twenty had an event.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter

import dagster as dg

from sequel_assets.cli.support.dagster_home import dagster_instance
from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.partitions import COMPANY, range_tags, slice_partitions
from sequel_assets.orchestration.reporting.materializations import log_together, materialization
from sequel_assets.orchestration.schedules.hourly_plan import Work, bundles
from sequel_assets.refresh.core.datasets import HOURLY_NAMES, SLICED, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.settings import Settings

HEADINGS = ("companies", "way", "hour", "runs", "events", "seconds", "MiB of storage")
DAY, HOUR = date(2026, 11, 3), datetime(2026, 11, 3, 15, 5, tzinfo=UTC)
SIZES = tuple(int(size) for size in os.environ.get("MANY_COMPANIES", "50,500,3000").split(","))
BUSY_ONE_IN, FORMER_UP_TO, BUNDLE = 20, 500, 50
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run() -> Iterator[tuple[int, str, str, int, int, float, float]]:
    """Yield a row for each size, way and kind of hour."""
    for companies in SIZES:
        keys = [f"company-{number:04}.{number:08x}" for number in range(companies)]
        for way, hour in (("former", _former), ("bundles", _bundles)):
            if way == "former" and companies > FORMER_UP_TO:
                continue
            for kind in ("quiet", "busy"):
                yield companies, way, kind, *_measured(keys, hour, is_busy=kind == "busy")


def _measured(
    keys: Sequence[str], hour: Callable[[dg.DagsterInstance, Sequence[str], Sequence[str]], int], *, is_busy: bool
) -> tuple[int, int, float, float]:
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder
        try:
            with dagster_instance() as instance:
                instance.add_dynamic_partitions(COMPANY, list(keys))
                start = _stored_bytes(Path(folder))
                began = perf_counter()
                runs = hour(instance, keys, keys[::BUSY_ONE_IN] if is_busy else [])
                seconds = perf_counter() - began
                events = sum(len(instance.all_logs(run_id)) for run_id in instance.get_run_ids())
                return runs, events, seconds, (_stored_bytes(Path(folder)) - start) / 2**20
        finally:
            os.environ.clear()
            os.environ.update(before)


def _outcomes(keys: Sequence[str], names: frozenset[str], verdict: SliceStatus) -> list[tuple[Outcome, str]]:
    made = (
        (Outcome(key, dataset.name, DAY, verdict, rows=12, engaged_minutes=340, people=12, data_through=HOUR), key)
        for key in keys
        for dataset in SLICED
        if dataset.name in names
    )
    return list(made)


def _former(instance: dg.DagsterInstance, keys: Sequence[str], busy: Sequence[str]) -> int:
    """One run over the partitions of all companies: the six slices of each are planned and logged."""
    partitions = slice_partitions(Settings(_env_file=None, start_date=DAY))

    @dg.multi_asset(
        name="refresh",
        specs=[ALONE.spec(dataset, partitions) for dataset in SLICED if dataset.name in HOURLY_NAMES],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def refresh(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        found = _outcomes(keys, HOURLY_NAMES, SliceStatus.UNCHANGED)
        found += _outcomes(busy, SLICED_NAMES - HOURLY_NAMES, SliceStatus.DONE)
        log_together(context, [materialization(outcome, key) for outcome, key in found])
        yield from ()

    definitions = dg.Definitions(assets=[refresh], jobs=[dg.define_asset_job("hour", selection="*")])
    result = definitions.resolve_job_def("hour").execute_in_process(
        instance=instance, tags=range_tags(keys, DAY, DAY), run_config=QUIET
    )
    assert result.success
    return 1


def _bundles(instance: dg.DagsterInstance, keys: Sequence[str], busy: Sequence[str]) -> int:
    """A run for each bundle: the slices of those that had an event are logged."""
    changed = frozenset(busy)

    @dg.op(config_schema={"companies": [str], "days": [str]}, out=dg.Out(dg.Nothing))
    def refresh(context: dg.OpExecutionContext) -> None:
        mine = [key for key in context.op_config["companies"] if key in changed]
        found = _outcomes(mine, SLICED_NAMES, SliceStatus.DONE)
        log_together(context, [materialization(outcome, key) for outcome, key in found])

    @dg.job(executor_def=dg.in_process_executor)
    def hour() -> None:
        refresh()

    runs = 0
    for bundle in bundles(keys, BUNDLE):
        work = Work(tuple(bundle), (DAY,))
        config = {"ops": {"refresh": {"config": work.config()}}} | QUIET
        assert hour.execute_in_process(instance=instance, tags=work.tags(), run_config=config).success
        runs += 1
    return runs


def _stored_bytes(folder: Path) -> int:
    for file in folder.rglob("*.db"):
        with sqlite3.connect(file, timeout=30) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
