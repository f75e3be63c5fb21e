"""Dagster's home and instance for commands: DAGSTER_HOME, or a folder of ours in the working directory.

A home that DAGSTER_HOME names belongs to the user: its `dagster.yaml` is never overwritten.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sequel_assets.cli.support.signals import was_killed
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.orchestration.run_tags import COMMAND
from sequel_assets.orchestration.storage.batched_event_log import BATCH_SIZE, EVENTS_AT_ONCE, BatchedEventLog
from sequel_assets.orchestration.storage.errors import describe, was_interrupted
from sequel_assets.orchestration.storage.sqlite_storages import RunStorage, ScheduleStorage
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.settings import DATA_FOLDER

QUIET_INSTANCE = "telemetry: {enabled: false}\nnux: {enabled: false}\n"
OUR_STORAGES = "".join(
    f"{name}: {{module: {storage.__module__}, class: {storage.__name__}, config: {{home: {{env: DAGSTER_HOME}}}}}}\n"
    for name, storage in {
        "run_storage": RunStorage,
        "event_log_storage": BatchedEventLog,
        "schedule_storage": ScheduleStorage,
    }.items()
)
"""What our own home says besides the project's `dagster.yaml`: that one must work where no home is set."""
STORAGES = ("storage:", "event_log_storage:", "run_storage:", "schedule_storage:")
"""Lines of a `dagster.yaml` that choose where events are kept."""


def dagster_home() -> Path:
    """Return the folder of Dagster's home; one that DAGSTER_HOME names must exist. Writes nothing."""
    value = os.environ.get("DAGSTER_HOME")
    if not value:
        return Path(DATA_FOLDER).absolute() / "dagster"
    home = Path(value)
    if not home.is_absolute():
        raise UsageError(
            f"DAGSTER_HOME: {value} is not an absolute path. What it is: the folder where Dagster keeps its runs. "
            "Example: /var/lib/dagster"
        )
    if not home.is_dir():
        raise UsageError(
            f"DAGSTER_HOME: there is no folder {value}; create it, or unset the variable to use {DATA_FOLDER}/dagster"
        )
    return home


def is_used(home: Path) -> bool:
    """Say whether a home holds anything, such as partitions; opening an empty one would fill it."""
    return home.is_dir() and any(home.iterdir())


def prepare(home: Path, *, is_ours: bool) -> None:
    """Create a home with the instance's settings: the `dagster.yaml` of the working directory, if there is one.

    The settings of a home that is not ours are left alone. Without any `dagster.yaml` Dagster would send telemetry and
    write into the user's home directory.
    """
    make_folder(home)
    source, target = Path("dagster.yaml"), home / "dagster.yaml"
    if target.exists() and not (is_ours and source.is_file()):
        return
    said = source.read_text() if source.is_file() else QUIET_INSTANCE
    has_storage = any(line.startswith(STORAGES) for line in said.splitlines())
    target.write_text(said if has_storage or not is_ours else f"{said.rstrip()}\n{OUR_STORAGES}")


def prepare_ours() -> None:
    """Create our home, unless DAGSTER_HOME names one of the user's."""
    if not os.environ.get("DAGSTER_HOME"):
        prepare(dagster_home(), is_ours=True)


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Yield Dagster's instance, created if it is new; child processes inherit its home and the batching of events."""
    home = dagster_home()
    prepare(home, is_ours=not os.environ.get("DAGSTER_HOME"))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault(BATCH_SIZE, EVENTS_AT_ONCE)
    with (home / "sequel-assets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that create its databases at once stamp them with two versions
        try:
            instance = dg.DagsterInstance.get()
        except Exception as error:  # noqa: BLE001 - of Dagster, YAML or the database: all are about this home
            why = (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(f"DAGSTER_HOME {home}: Dagster cannot use it: {why}; look at its dagster.yaml") from None
        end_lost_runs(instance)
    with instance:
        try:
            yield instance
        except SQLAlchemyError as error:
            if was_interrupted(error):
                raise KeyboardInterrupt from None
            raise UsageError(describe(error)) from None


def command_tags() -> dict[str, str]:
    """Return the tags by which a later command finds the runs of this one if it is killed."""
    return {COMMAND: f"{socket.gethostname()}:{os.getpid()}"}


def cancel_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Mark the run of a command that was stopped as canceled: it is neither a success nor a failure.

    Where Dagster's storage refuses, the run stays what it is, and the command ends all the same.
    """
    with suppress(SQLAlchemyError):
        run = instance.get_run_by_id(run_id) if run_id else None
        if run is not None and run.status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED):
            instance.report_run_canceled(run, "The command that executed this run was stopped; what it committed stays")


def end_lost_runs(instance: dg.DagsterInstance) -> None:
    """Mark the runs of killed commands as failed; else Dagster would count them as running for ever."""
    under_way = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=under_way)):
        host, _, process = run.tags.get(COMMAND, "").rpartition(":")
        if host == socket.gethostname() and was_killed(int(process)):
            instance.report_run_failed(run, "The command that executed this run was killed; what it committed stays")
