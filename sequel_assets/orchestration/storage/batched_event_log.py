"""Dagster's SQLite event log, made to store many materializations in one transaction.

Dagster's own event log opens two databases and commits twice for every single event, some 8 to 11 ms each; a year of
fifty companies is 180,000 events. It also makes an engine for each statement and compares each file with its migrations
for each instance (`sqlite_storages`). The `dagster.yaml` of our own home names this class. Dagster passes batches to it where
`DAGSTER_EVENT_BATCH_SIZE` is set: the planned slices of a run, and what `orchestration/reporting/materializations.py`
logs together. What is stored must be exactly what Dagster's own event log would have stored one by one. PostgreSQL's
event log supports batches by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

from sequel_assets.orchestration.storage.errors import hide_stored_values
from sequel_assets.orchestration.storage.sqlite_engines import ENGINES
from sequel_assets.orchestration.storage.sqlite_storages import HOME, compare_once

hide_stored_values()  # in every process that uses this event log
BATCH_SIZE, EVENTS_AT_ONCE = "DAGSTER_EVENT_BATCH_SIZE", "500"
"""Dagster's variable, and what the commands set it to."""
TOGETHER = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED}


class BatchedEventLog(SqliteEventLogStorage):
    """Keeps the events where Dagster's default does, in DAGSTER_HOME."""

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """Return the fields of the configuration."""
        return HOME

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedEventLog:
        """Make it from dagster.yaml."""
        folder = Path(config_value["home"]) / "history" / "runs"

        def make() -> BatchedEventLog:
            return cls(str(folder), inst_data)

        def compared() -> BatchedEventLog:
            made = make()
            with made.index_connection():
                return made

        def trusted() -> BatchedEventLog:
            made = make()
            made._initialized_dbs.add(INDEX_SHARD_NAME)
            return made

        return compare_once(folder.absolute() / f"{INDEX_SHARD_NAME}.db", compared, trusted)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction; that of a run's file is closed afterwards, which is what Dagster's pages watch."""
        with self._db_lock:
            is_index = shard == INDEX_SHARD_NAME
            engine = ENGINES.of(Path(self.path_for_shard(shard)), keeps_connections=is_index)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction of their run's database and one of the index; other kinds one by one."""
        runs = {event.run_id for event in events}
        if len(runs) != 1 or any(event.get_dagster_event().event_type not in TOGETHER for event in events):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(*runs) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            numbered = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
            ids = list(connection.execute(numbered, rows).scalars())
            self._store_asset_event_tags(connection, events, ids)
            for place in _newest(events):
                self._store_asset_event(connection, events[place], ids[place])


def _newest(events: Sequence[EventLogEntry]) -> list[int]:
    """Return the places of the last event of each asset and kind: an asset's own row holds only its latest."""
    found = [event.get_dagster_event() for event in events]
    return sorted({(event.asset_key, event.event_type): place for place, event in enumerate(found)}.values())
