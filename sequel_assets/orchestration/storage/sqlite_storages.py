"""Dagster's SQLite storages of runs and of schedules, for our own home: the same files and statements, at less cost.

Dagster makes an instance for every tick of a sensor and every run, and each instance reads some 90 migrations to compare
them with the files: 0.15 s of CPU for a look at an empty inbox. Here a process compares each file once, as long as it stays
the same file. What is stored is exactly what Dagster's own storages would have stored. `batched_event_log` is the third.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._serdes import ConfigurableClassData

from sequel_assets.orchestration.storage.sqlite_engines import ENGINES, Identity, identity

HOME: Mapping[str, Any] = {"home": dg.StringSource}
"""What `dagster.yaml` says of each of them: Dagster's home."""
_PREFIX = "sqlite:///"
_compared: dict[Path, Identity] = {}
"""The files of this process whose schema is Dagster's."""
Storage = TypeVar("Storage")


def compare_once(path: Path, compare: Callable[[], Storage], trust: Callable[[], Storage]) -> Storage:
    """Return a storage: by `compare`, which makes or compares the file's schema, or by `trust` where that was done here."""
    if _compared.get(path) is not None and _compared[path] == identity(path):
        return trust()
    made = compare()
    _compared[path] = identity(path)
    return made


@contextmanager
def _transaction(url: str) -> Iterator[sa.Connection]:
    with ENGINES.of(Path(url.removeprefix(_PREFIX)), keeps_connections=True).begin() as connection:
        yield connection


class _InHome:
    """A storage of Dagster's in a folder of DAGSTER_HOME; the storage that it goes before keeps what is stored."""

    FOLDER: ClassVar[str]
    DATABASE: ClassVar[str]
    """The file's name, without its ending."""
    _conn_string: str

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """Return the fields of the configuration."""
        return HOME

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make it from dagster.yaml."""
        folder, storage = str(Path(config_value["home"]) / cls.FOLDER), cast(Any, cls)
        url = create_db_conn_string(folder, cls.DATABASE)
        path = Path(url.removeprefix(_PREFIX))
        return cast(
            Self, compare_once(path, lambda: storage.from_local(folder, inst_data), lambda: storage(url, inst_data))
        )

    def connect(self) -> Any:
        """Return a transaction."""
        return _transaction(self._conn_string)


class RunStorage(_InHome, SqliteRunStorage):
    """Keeps the runs where Dagster's default does, in DAGSTER_HOME."""

    FOLDER, DATABASE = "history", "runs"


class ScheduleStorage(_InHome, SqliteScheduleStorage):
    """Keeps schedules, sensors and their ticks where Dagster's default does, in DAGSTER_HOME."""

    FOLDER, DATABASE = "schedules", "schedules"
