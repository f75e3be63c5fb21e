"""Housekeeping: deletes Dagster's runs that are not needed any more, so that its storage stays bounded.

A run is deleted when it ended more than a week ago and nothing that Dagster shows depends on it. Deleting a run deletes
its events, and with them the materializations that colour the partitions. So a run is kept that holds the latest
materialization of a slice, a later attempt at it or the latest evaluation of a check, that is its job's latest, or that
belongs to a backfill under way. Of what is older than a week, the index keeps the latest of each slice.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.tags import BACKFILL_ID_TAG

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE, HOUSEKEEPING, Namespace
from sequel_assets.orchestration.resources import in_one_line
from sequel_assets.orchestration.storage.event_log import LOG, MATERIALIZED, PLANNED, batches, storage_of, thin

KEEP = timedelta(days=7)
"""How long every run is kept, counted from when it was created."""
MAX_RUNS, MAX_EVENTS = 2000, 200_000
"""Runs and superseded events deleted by one housekeeping; the next one deletes the rest."""
HOUR, MINUTE = 3, 25
FINISHED_CHECKS = ("SUCCEEDED", "FAILED")


@dataclass(frozen=True)
class HousekeepingReport:
    """What one housekeeping did."""

    deleted: int
    kept: int
    """Runs older than a week that something shown depends on."""
    left: int
    """Runs that the next housekeeping deletes."""
    thinned: int
    """Superseded events deleted from Dagster's index, of kept runs and of none."""
    bytes_before: int | None
    """Size of Dagster's files; None where its storage is not SQLite."""
    bytes_after: int | None


def tidy(instance: dg.DagsterInstance, now: datetime, limit: int = MAX_RUNS) -> HousekeepingReport:
    """Delete the runs that are not needed any more, the oldest first, at most `limit`."""
    before = size(instance)
    old = instance.get_run_ids(dg.RunsFilter(created_before=now - KEEP, statuses=FINISHED_STATUSES))
    needed = needed_runs(instance)
    unneeded = [run_id for run_id in reversed(old) if run_id not in needed]
    dropped = 0
    for run_ids in batches(unneeded[:limit]):
        for run in instance.get_runs(dg.RunsFilter(run_ids=run_ids)):
            if not _is_latest(instance, run):
                _drop(instance, run.run_id)
                dropped += 1
    left = max(0, len(unneeded) - limit)
    thinned = thin(instance, now - KEEP, MAX_EVENTS)
    return HousekeepingReport(dropped, len(old) - dropped - left, left, thinned, before, size(instance))


def needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that hold what Dagster shows of slices and checks, and those of backfills under way."""
    with storage_of(instance).index_connection() as connection:
        needed = {*_holding_slices(connection), *_holding_checks(connection)}
    under_way = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=under_way)):
        needed |= set(instance.get_run_ids(dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill.backfill_id})))
    return needed


def _holding_slices(connection: sa.Connection) -> Iterator[str]:
    """Yield the run of each partition's latest materialization, and that of a later attempt at it; asset by asset."""
    for asset in connection.scalars(sa.select(AssetKeyTable.c.asset_key)).all():
        newest = (
            sa.select(LOG.partition, LOG.dagster_event_type, sa.func.max(LOG.id).label("id"))
            .where(LOG.asset_key == asset, LOG.dagster_event_type.in_([MATERIALIZED, PLANNED]))
            .group_by(LOG.partition, LOG.dagster_event_type)
            .subquery()
        )
        n = newest.c
        rows = connection.execute(
            sa.select(n.partition, n.dagster_event_type, n.id, LOG.run_id).join(SqlEventLogStorageTable, LOG.id == n.id)
        ).all()
        materialized = {row.partition: row.id for row in rows if row.dagster_event_type == MATERIALIZED}
        yield from {row.run_id for row in rows if row.id >= materialized.get(row.partition, 0)}


def _holding_checks(connection: sa.Connection) -> Iterator[str]:
    """Yield the run of each check's latest execution, and of the latest one with a result."""
    c = AssetCheckExecutionsTable.c
    for chosen in (sa.true(), c.execution_status.in_(FINISHED_CHECKS)):
        newest = sa.select(sa.func.max(c.id)).where(chosen).group_by(c.asset_key, c.check_name, c.partition)
        yield from connection.scalars(sa.select(c.run_id).where(c.id.in_(newest)))


def _is_latest(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether a run is the latest of its job: the job's page and the alerts depend on it."""
    filters = dg.RunsFilter(job_name=run.job_name, statuses=FINISHED_STATUSES)
    return list(instance.get_run_ids(filters, limit=1)) == [run.run_id]


def _drop(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events, evaluations, files and logs; its record last, so that a stop leaves none behind."""
    storage = storage_of(instance)
    storage.delete_events(run_id)
    with storage.index_transaction() as connection:
        connection.execute(sa.delete(AssetCheckExecutionsTable).where(AssetCheckExecutionsTable.c.run_id == run_id))
    if isinstance(storage, SqliteEventLogStorage):
        for file in _files(storage, run_id):
            with suppress(FileNotFoundError):
                file.unlink()
    with suppress(NotImplementedError):  # logs that are kept elsewhere are cleaned up there
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.run_storage.delete_run(run_id)


def _files(storage: SqliteEventLogStorage, run_id: str) -> list[Path]:
    """Return the files that Dagster's SQLite storage keeps for one run; deleting its events leaves them there."""
    file = Path(storage.path_for_shard(run_id))
    return [file.with_name(f"{file.name}{suffix}") for suffix in ("", "-wal", "-shm")]


def size(instance: dg.DagsterInstance) -> int | None:
    """Return the bytes of Dagster's files: events, runs, logs; None where its storage is not SQLite."""
    storage = storage_of(instance)
    if not isinstance(storage, SqliteEventLogStorage):
        return None
    folders = [Path(storage.path_for_shard("index")).parent.parent]
    if isinstance(instance.compute_log_manager, LocalComputeLogManager):
        folders.append(Path(instance.storage_directory()))
    return sum(bytes_of(files_in(folders)))


def files_in(folders: Collection[Path]) -> Iterator[Path]:
    """Yield the files in some folders and all their subfolders."""
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def bytes_of(files: Iterator[Path]) -> Iterator[int]:
    """Yield the size of each file that is still there."""
    for file in files:
        with suppress(FileNotFoundError):
            yield file.stat().st_size


def _tidy(context: dg.OpExecutionContext) -> None:
    """Delete the runs that are not needed any more, and report how many."""
    with in_one_line():
        done = tidy(context.instance, datetime.now(UTC))
    metadata: dict[str, dg.MetadataValue] = {
        "runs_deleted": dg.MetadataValue.int(done.deleted),
        "old_runs_kept": dg.MetadataValue.int(done.kept),
        "runs_left_for_tomorrow": dg.MetadataValue.int(done.left),
        "superseded_events_deleted": dg.MetadataValue.int(done.thinned),
    }
    if done.bytes_before is not None and done.bytes_after is not None:
        metadata["mib_before"] = dg.MetadataValue.float(round(done.bytes_before / 2**20, 1))
        metadata["mib_after"] = dg.MetadataValue.float(round(done.bytes_after / 2**20, 1))
    context.log.info(f"{done.deleted} runs deleted, {done.kept} old ones kept, {done.left} left for tomorrow")
    context.add_output_metadata(metadata)


def housekeeping_job(space: Namespace = ALONE) -> dg.JobDefinition:
    """Return the job that deletes what is not needed any more, of the whole of Dagster's storage."""

    @dg.op(name=space.name("tidy_runs"))
    def tidy_runs(context: dg.OpExecutionContext) -> None:
        _tidy(context)

    @dg.job(
        name=space.name(HOUSEKEEPING),
        description="Deletes runs older than a week that nothing shown in Dagster depends on",
        tags=run_tags.because(run_tags.LAUNCHED_BY_HAND) | run_tags.LONG,
        executor_def=dg.in_process_executor,
    )
    def housekeeping() -> None:
        tidy_runs()

    return housekeeping


def housekeeping_schedule(space: Namespace = ALONE) -> dg.ScheduleDefinition:
    """Return the schedule of the housekeeping: once a day, between two hourly refreshes."""
    return dg.ScheduleDefinition(
        name=space.name("daily_housekeeping"),
        tags=run_tags.because("schedule daily_housekeeping"),
        job_name=space.name(HOUSEKEEPING),
        cron_schedule=f"{MINUTE} {HOUR} * * *",
        execution_timezone="UTC",
        default_status=space.schedule_status(),
        description="Keeps Dagster's storage bounded: deletes runs older than a week that nothing depends on",
    )
