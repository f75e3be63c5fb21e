"""`sequel-assets demo`: a synthetic world, a backfill, a webhook, tables, then Dagster's UI with its schedules on.

Everything is kept in .sequel/demo, which is emptied first. The demo never uses the account of the environment or of a
`.env` file.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sequel_assets import settings as settings_module
from sequel_assets.cli.backfill.command import backfill
from sequel_assets.cli.demo import tables, webhook
from sequel_assets.cli.support.dagster_home import prepare
from sequel_assets.cli.support.signals import SIGNALS, signals_deferred, stoppable
from sequel_assets.cli.support.terminal import UsageError, console, errors
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets.settings import DATA_FOLDER, PREFIX

PERSON_KEY = "the demo's key, which protects nobody real"
WORKSPACE = """load_from:
  - python_module: {module_name: sequel_assets.definitions, location_name: sequel_assets}
"""
"""As the project's workspace.yaml, which is not there outside a checkout: else Dagster would name the location after the module."""
UI_START_SECONDS = 120
RECEIVER_PORT = 8750
STOP_SECONDS = 15


def demo(*, days: int, companies: int, port: int, once: bool) -> int:
    """Run the demo; return the exit code."""
    folder = Path(DATA_FOLDER).absolute() / "demo"
    began = time.monotonic()
    with _exclusive_folder(folder), stoppable():
        now = datetime.now(UTC)
        world = build_world(WorldSpec(companies=companies, days=days, now=now, hub_only=companies > 2))
        webhook.add_live_event(world, now)
        with Sandbox(world, clock=Clock(now)) as sandbox:
            first = now.date() - timedelta(days=days - 1)
            _set_environment(folder, sandbox.environment(), first.isoformat())
            console().print(
                f"A synthetic Sequel with {companies} companies answers at {sandbox.url}; backfilling {first} to "
                f"{now.date()} ..."
            )
            code = backfill(settings_module.load(), first, now.date())
            with webhook.receiving(_free_port(RECEIVER_PORT)):
                if not webhook.show_webhook(sandbox):
                    errors().print(f"the webhook had no effect; look at {folder / 'receiver.log'}")
                    code = 1
                tables.show(settings_module.load())
                with suppress(KeyboardInterrupt):  # everything has been shown: from here on Ctrl-C is the normal end
                    console().print(
                        f"\nThe warehouse: {folder / 'warehouse.db'} (filled in {time.monotonic() - began:.0f} s)",
                    )
                    if not once and code == 0:
                        _serve_ui(folder, port)
            return code


@contextmanager
def _exclusive_folder(folder: Path) -> Iterator[None]:
    """Empty the demo's folder and work in it, unless another demo does."""
    make_folder(folder)
    lock = folder.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(
            f"another demo is running in {folder}; end it first, or run this one in another checkout"
        ) from None
    shutil.rmtree(folder)
    make_folder(folder)
    prepare(folder / "dagster", is_ours=True)
    before = Path.cwd()
    os.chdir(folder)  # else the .env of a real account would be read
    try:
        yield
    finally:
        os.chdir(before)
        lock.close()


def _set_environment(folder: Path, account: dict[str, str], start_date: str) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(account)
    os.environ.pop("SEQUEL_NOW", None)
    os.environ["SEQUEL_PERSON_KEY"] = PERSON_KEY
    os.environ["SEQUEL_START_DATE"] = start_date
    os.environ["SEQUEL_WAREHOUSE_URL"] = f"sqlite:///{folder / 'warehouse.db'}"
    os.environ["DAGSTER_HOME"] = str(folder / "dagster")


def _serve_ui(folder: Path, port: int) -> None:
    """Serve Dagster's UI and daemon until the demo ends; none of their processes outlives it."""
    free = _free_port(port)
    if free != port:
        console().print(f"Port {port} is in use; Dagster's UI takes {free}.")
    workspace = folder / "workspace.yaml"
    workspace.write_text(WORKSPACE)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(workspace),
        "-h",
        "127.0.0.1",
        "-p",
        str(free),
    ]
    address = f"http://127.0.0.1:{free}"
    with (folder / "dagster.log").open("wb") as log:
        process = None
        try:
            with signals_deferred():
                process = subprocess.Popen(  # noqa: S603 - no argument comes from outside
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
                )
            if not webhook.answers_in_time(process, f"{address}/server_info", UI_START_SECONDS):
                errors().print(f"Dagster's UI did not start; its log is {folder / 'dagster.log'}")
                return
            console().print(
                f"\nDagster's UI: {address}  (asset graph: {address}/asset-groups; schedules are on; Ctrl-C ends it "
                "all)"
            )
            process.wait()
            errors().print(f"Dagster's UI ended by itself; its log is {folder / 'dagster.log'}")
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be closed
                console().print("\nEnding ...")
        finally:
            if process is not None:
                _stop_group(process)


def _free_port(port: int) -> int:
    for candidate in range(port, min(port + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    raise UsageError(f"--port {port}: this and the 99 ports after it are taken")


def _stop_group(process: "subprocess.Popen[bytes]") -> None:
    """End the process and its group, by SIGTERM first."""
    for number in SIGNALS:  # a second Ctrl-C must not leave some of them running
        signal.signal(number, signal.SIG_IGN)
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
