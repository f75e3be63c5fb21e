"""`sequel-assets demo`: a synthetic world, a backfill, a webhook, tables, then Dagster's UI with its schedules on.

Everything is kept in .sequel/demo, which is emptied first. The demo never uses the account of the environment or of a
`.env` file.
"""

import os
import shlex
import shutil
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sequel_assets import settings as settings_module
from sequel_assets.cli.backfill.command import backfill
from sequel_assets.cli.demo import tables, webhook
from sequel_assets.cli.demo.first_page import can_show, first_page
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.dagster_home import dagster_instance, prepare
from sequel_assets.cli.support.dagster_services import (
    are_serving,
    dagster_services,
    free_port,
    free_port_of_ui,
    wait_for_any,
)
from sequel_assets.cli.support.only_one import only_one
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import console, errors
from sequel_assets.orchestration.storage.event_log import begin_at_newest_event
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets.settings import DATA_FOLDER, PREFIX

PERSON_KEY = "the demo's key, which protects nobody real"
RECEIVER_PORT = 8750
VARIABLES = "env"
"""The file by which a shell works with the demo's warehouse and account, whatever its own `.env` says."""


def demo(*, days: int, companies: int, port: int, once: bool, browser: bool) -> int:
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
            with webhook.receiving(free_port(RECEIVER_PORT)):
                if not webhook.show_webhook(sandbox):
                    errors().print(f"the webhook had no effect; look at {folder / 'receiver.log'}")
                    code = 1
                tables.show(settings_module.load())
                with suppress(KeyboardInterrupt):  # everything has been shown: from here on Ctrl-C is the normal end
                    console().print(
                        f"\nThe warehouse: {folder / 'warehouse.db'} (filled in {time.monotonic() - began:.0f} s)",
                    )
                    console().print(
                        f"To ask it in another terminal: . {shlex.quote(str(folder / VARIABLES))}", soft_wrap=True
                    )
                    if not once and code == 0:
                        _serve_ui(folder, port, browser=browser)
            return code


@contextmanager
def _exclusive_folder(folder: Path) -> Iterator[None]:
    """Empty the demo's folder and work in it, unless another demo does."""
    make_folder(folder)
    refusal = f"another demo is running in {folder}; end it first, or run this one in another checkout"
    with only_one(folder.with_suffix(".lock"), refusal):
        shutil.rmtree(folder)
        make_folder(folder)
        prepare(folder / "dagster", is_ours=True)
        with chdir(folder):  # else the .env of a real account would be read
            yield


def _set_environment(folder: Path, account: dict[str, str], start_date: str) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(account)
    os.environ.pop("SEQUEL_NOW", None)
    os.environ["SEQUEL_PERSON_KEY"] = PERSON_KEY
    os.environ["SEQUEL_START_DATE"] = start_date
    os.environ["SEQUEL_WAREHOUSE_URL"] = f"sqlite:///{folder / 'warehouse.db'}"
    os.environ["DAGSTER_HOME"] = str(folder / "dagster")
    told = sorted(name for name in os.environ if name.startswith(PREFIX) or name == "DAGSTER_HOME")
    with replacing(folder / VARIABLES) as file:
        file.writelines(f"export {name}={shlex.quote(os.environ[name])}\n".encode() for name in told)


def _serve_ui(folder: Path, port: int, *, browser: bool) -> None:
    """Serve Dagster's pages and daemon until the demo ends; none of their processes outlives it."""
    free = free_port_of_ui(port)
    address, log = f"http://127.0.0.1:{free}", folder / "dagster.log"
    try:
        with dagster_instance() as instance:
            begin_at_newest_event(instance)
        with log.open("wb") as written, dagster_services(free, written) as processes:
            if not are_serving(processes, address):
                errors().print(f"Dagster's UI did not start; its log is {log}")
                return
            page = f"{address}{_first_page()}"
            console().print(f"\nA page to begin with: {page}", soft_wrap=True)
            console().print(
                f"Dagster's UI: {address}  (asset graph: {address}/asset-groups; schedules are on; Ctrl-C ends it all)"
            )
            if browser and can_show(os.environ, sys.platform, is_terminal=sys.stdout.isatty()):
                webbrowser.open(page)
            wait_for_any(processes)
            errors().print(f"Dagster's UI ended by itself; its log is {log}")
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be closed
            console().print("\nEnding ...")


def _first_page() -> str:
    settings = settings_module.load()
    with stored(settings) as warehouse:
        return warehouse.ask(partial(first_page, today=settings.clock().date()))
