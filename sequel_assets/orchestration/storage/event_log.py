"""Dagster's event log beyond its public methods: many events at once, and slices that are no longer materialized.

Dagster reports events without a run one by one, and cannot wipe a partition of an asset in a SQL database. Both are
done here; its tables are the same in every SQL database.
"""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import AssetEventTagsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._daemon.auto_run_reexecution.event_log_consumer import DAGSTER_EVENT_TYPES, _create_cursor_key
from dagster._serdes import serialize_value

BATCH = 500
"""Events per transaction."""
MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
LOG = SqlEventLogStorageTable.c
T = TypeVar("T")


def storage_of(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """Return the storage of an instance's events; one that is no SQL database is refused."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise NotImplementedError(f"Dagster's event log is kept by {type(storage).__name__}, which is no SQL database")
    return storage


def report(instance: dg.DagsterInstance, materializations: Sequence[dg.AssetMaterialization]) -> None:
    """Store materializations of one asset that belong to no run, together where the event log can do that."""
    instance.event_log_storage.store_event_batch([_entry(materialization) for materialization in materializations])


def begin_at_newest_event(instance: dg.DagsterInstance) -> None:
    """Have the daemon that retries runs begin at the newest event, where it has not begun: it would do so with a warning."""
    keys = {_create_cursor_key(event_type) for event_type in DAGSTER_EVENT_TYPES}
    missing = keys - instance.daemon_cursor_storage.get_cursor_values(keys).keys()
    newest = str(instance.event_log_storage.get_maximum_record_id() or 0)
    if missing:
        instance.daemon_cursor_storage.set_cursor_values(dict.fromkeys(missing, newest))


def _entry(materialization: dg.AssetMaterialization) -> EventLogEntry:
    event = DagsterEvent(
        event_type_value=MATERIALIZED,
        event_specific_data=StepMaterializationData(materialization),
        job_name=RUNLESS_JOB_NAME,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=logging.INFO,
        user_message="",
        run_id=RUNLESS_RUN_ID,
        timestamp=time.time(),
        job_name=RUNLESS_JOB_NAME,
        dagster_event=event,
    )


def forget(instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Collection[str]) -> None:
    """Delete the materializations of an asset's partitions from Dagster's index, with the events that planned them.

    What was planned after the last of them stays, so that a partition that failed since still shows as failed. The logs
    of the runs stay as they are.
    """
    key, storage = asset, storage_of(instance)
    for chunk in batches(partitions):
        with storage.index_transaction() as connection:
            _forget(connection, key.to_string(), chunk)
    newest = next(iter(instance.fetch_materializations(key, limit=1).records), None)
    latest = None if newest is None else serialize_value(newest)
    with storage.index_transaction() as connection:
        connection.execute(
            sa.update(AssetKeyTable)
            .where(AssetKeyTable.c.asset_key == key.to_string())
            .values(last_materialization=latest)
        )


def _forget(connection: sa.Connection, asset: str, partitions: Sequence[str]) -> None:
    chosen = sa.select(LOG.id).where(
        LOG.asset_key == asset,
        LOG.partition.in_(partitions),
        LOG.dagster_event_type.in_([MATERIALIZED, PLANNED]),
        _followed(or_itself=True),
    )
    _delete(connection, list(connection.scalars(chosen)))


def thin(instance: dg.DagsterInstance, before: datetime, limit: int) -> int:
    """Delete events that are older and were followed by another materialization of their slice; return how many.

    The latest materialization of every slice stays, as does a later attempt at it.
    """
    storage = storage_of(instance)
    chosen = sa.select(LOG.id).where(
        LOG.dagster_event_type.in_([MATERIALIZED, PLANNED]),
        LOG.partition.is_not(None),
        LOG.timestamp < before.astimezone(UTC).replace(tzinfo=None),
        _followed(or_itself=False),
    )
    with storage.index_connection() as connection:
        superseded = list(connection.scalars(chosen.limit(limit)))
    for numbers in batches(superseded):
        with storage.index_transaction() as connection:
            _delete(connection, numbers)
    return len(superseded)


def _followed(*, or_itself: bool) -> "sa.ColumnElement[bool]":
    """Whether a materialization of the event's partition came after the event (or is the event itself)."""
    later = SqlEventLogStorageTable.alias()
    return (
        sa.select(later.c.id)
        .where(
            later.c.asset_key == LOG.asset_key,
            later.c.dagster_event_type == MATERIALIZED,
            later.c.partition == LOG.partition,
            later.c.id >= LOG.id if or_itself else later.c.id > LOG.id,
        )
        .exists()
    )


def _delete(connection: sa.Connection, events: Sequence[int]) -> None:
    for numbers in batches(events):
        connection.execute(sa.delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(numbers)))
        connection.execute(sa.delete(SqlEventLogStorageTable).where(LOG.id.in_(numbers)))


def batches(items: Collection[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
