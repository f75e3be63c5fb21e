"""Dagster's SQLite storage for tests that are about something else: the same files and statements in less time.

Dagster makes an engine, opens a file and closes it again for every event. Each close folds the journal into the file,
each new engine compiles its statements again, and each new file is made by Alembic. Here a file has one engine with
pooled connections, new files are copies of one that Dagster made, and Alembic's scripts are read once. Tests of the
storage itself must not use it.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

_MODULES = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)
_make_shard = SqliteEventLogStorage._initdb
_read_revisions = sqlite_event_log.check_alembic_revision
_heads: dict[str | None, str | None] = {}


@contextmanager
def pooled_storage() -> Iterator[None]:
    """Have Dagster's SQLite storages of this process share an engine per file until the end."""
    engines: dict[str, sa.Engine] = {}
    closing: list[Callable[[], None]] = []

    def create_engine(url: str, **_: Any) -> sa.Engine:
        if url not in engines:
            engine = engines[url] = sa.create_engine(url, connect_args={"timeout": 30}, max_overflow=-1)
            closing.append(engine.dispose)
            engine.dispose = lambda *_, **__: None  # type: ignore[method-assign]  # Dagster would after each statement
        return engines[url]

    with ExitStack() as stack:
        for module in _MODULES:
            stack.enter_context(patch.object(module, "create_engine", create_engine))
            stack.enter_context(patch.object(module, "check_alembic_revision", _revisions))
        stack.enter_context(patch.object(SqliteEventLogStorage, "_initdb", _copy_shard))
        try:
            yield
        finally:
            for close in closing:
                close()


def _revisions(config: Config, connection: sa.Connection) -> tuple[str | None, str | None]:
    """Return a database's revision and the newest, which is looked up once per kind of storage."""
    place = config.get_main_option("script_location")
    if place not in _heads:
        _heads[place] = _read_revisions(config, connection)[1]
    return MigrationContext.configure(connection).get_current_revision(), _heads[place]


def _copy_shard(storage: SqliteEventLogStorage, engine: sa.Engine, for_index_shard: bool = False) -> None:
    """Make a new database of events as a copy of one that Dagster made; an old one is left to Dagster."""
    place = Path(str(engine.url.database))
    if place.exists():
        _make_shard(storage, engine, for_index_shard)
        return
    copy = place.with_suffix(f".{os.getpid()}")
    copy.write_bytes(shard(for_index_shard=for_index_shard))
    with suppress(FileExistsError):  # another process was first
        os.link(copy, place)
    copy.unlink()


@functools.cache
def shard(*, for_index_shard: bool) -> bytes:
    """Return a database of events as Dagster makes it: of a run, or the index of all runs."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "shard.db"
        engine = sa.create_engine(f"sqlite:///{place}", poolclass=sa.NullPool)
        _make_shard(cast(SqliteEventLogStorage, None), engine, for_index_shard)  # which needs no storage for it
        return place.read_bytes()
