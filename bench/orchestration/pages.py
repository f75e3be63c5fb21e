"""Pages: which of Dagster's pages open within three seconds in a headless Chromium, with 3,000 companies x 700 days.

Dagster's webserver over its own SQLite storage. Two million slices have a partition; of two assets those of a company's event
every 20 days are materialized (105,000 of each), and an hour of 60 runs has gone by. Each page is opened twice, and the seconds
are those until it shows its data. `PAGES_COMPANIES=300` is smaller.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import dagster as dg
import httpx
import psutil

from bench.orchestration.many import (
    DAY,
    HOUR,
    SQLITE,
    MadeUpRefresher,
    execute,
    hourly_requests,
    make_warehouse,
    stored_in,
)
from sequel_assets import settings
from sequel_assets.component.instance import instance_definitions
from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.partitions import COMPANY, slice_key
from sequel_assets.orchestration.storage.event_log import batches, report
from sequel_assets.orchestration.storage.partition_view import event_of
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets_tests.browser.chromium import why_not
from sequel_assets_tests.browser.seen import DagsterUi, dagster_ui
from sequel_assets_tests.support.served_demo import free_port

HEADINGS = ("what", "first, s", "then, s")
COMPANIES, DAYS, EVERY = int(os.environ.get("PAGES_COMPANIES", "3000")), 700, 20
PATIENCE = 120.0
"""Seconds after which a page counts as one that does not open."""
CHARTED = (EVENT_PARTICIPANTS.name, DAILY_USAGE.name)


def run() -> Iterator[tuple[str, str, str]]:
    """Yield how long each page takes, and what the webserver had of memory at the end."""
    if reason := why_not():
        sys.exit(reason)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        stored = stack.enter_context(stored_in(SQLITE, folder))
        keys, run_id = _fill(folder, stored.instance)
        yield "slices that have a partition", f"{COMPANIES * DAYS:,}", ""
        yield "MiB of Dagster's storage", f"{stored.size() / 2**20:,.0f}", ""
        url, server = stack.enter_context(_webserver(folder))
        ui = stack.enter_context(dagster_ui(url))
        for name, open_it in _pages(ui, keys, run_id).items():
            yield name, _seconds(open_it), _seconds(open_it)
        family = [server, *server.children(recursive=True)]
        yield "webserver and code location, MiB", f"{sum(one.memory_info().rss for one in family) / 2**20:,.0f}", ""


def _fill(folder: Path, instance: dg.DagsterInstance) -> tuple[list[str], str]:
    """Store companies, their materialized slices, and an hour; return the partition keys and one of the hour's runs."""
    ids = [f"c{place:05}" for place in range(COMPANIES)]
    keys = make_warehouse(folder, ids)
    os.environ["SEQUEL_START_DATE"] = (DAY - timedelta(days=DAYS - 1)).isoformat()
    instance.add_dynamic_partitions(COMPANY, keys)
    for dataset in CHARTED:
        events = [
            event_of(
                Outcome("", dataset, day, SliceStatus.DONE, rows=12, people=12, data_through=HOUR),
                str(slice_key(key, day)),
            )
            for place, key in enumerate(keys)
            for day in (DAY - timedelta(days=back) for back in range(place % EVERY, DAYS, EVERY))
        ]
        for batch in batches(events):
            report(instance, batch)
    MadeUpRefresher.busy = frozenset(ids[::EVERY])
    with patch("sequel_assets.orchestration.schedules.hour_job.Refresher", MadeUpRefresher):
        definitions = instance_definitions(settings.load, ALONE, with_housekeeping=False)
        job = definitions.resolve_job_def("refresh_hour")
        run_ids = [execute(job, instance, one) for one in hourly_requests(definitions, instance, keys)]
    return keys, run_ids[-1]


@contextmanager
def _webserver(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve Dagster's pages without a daemon: nothing is asked of anybody."""
    port = free_port()
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "dagster_webserver",
        "-m",
        "sequel_assets.definitions",
        "-p",
        str(port),
    ]
    with (folder / "webserver.log").open("wb") as log:
        process = subprocess.Popen([*command, "--dagster-log-level", "warning"], stdout=log, stderr=log)
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((folder / "webserver.log").read_text()[-2000:])
                time.sleep(0.2)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _pages(ui: DagsterUi, keys: Sequence[str], run_id: str) -> dict[str, Callable[[], object]]:
    """Return how each page is opened and waited for."""
    asset, slice_ = DAILY_USAGE.name, f"{keys[0]}|{DAY}"
    drawn = re.compile(r"Materialized\s*\(\d")
    return {
        "runs": ui.open_runs,
        "a run of the hour": lambda: ui.open_run(run_id),
        "assets": lambda: ui.open("/assets", lambda text: asset in text or "daily" in text),
        "lineage": ui.open_lineage,
        "schedules and sensors": lambda: ui.open("/automation", lambda text: "hourly_refresh" in text),
        "an asset: overview": lambda: ui.open(f"/assets/{asset}?view=overview", lambda text: "Grain" in text),
        "an asset: checks": lambda: ui.open(f"/assets/{asset}?view=checks", lambda text: "fresh_by_the_hour" in text),
        "an asset: events": lambda: ui.open(
            f"/assets/{asset}?view=events", lambda text: "Materialization" in text or "materialized" in text
        ),
        "an asset: partitions": lambda: ui.open(
            f"/assets/{asset}?view=partitions", lambda text: bool(drawn.search(text)), PATIENCE
        ),
        "a slice": lambda: ui.open(
            f"/assets/{asset}?view=partitions&partition={slice_}", lambda text: "data_through" in text, PATIENCE
        ),
        "an asset without slices yet: partitions": lambda: ui.open(
            "/assets/lifetime_usage?view=partitions",
            lambda text: bool(re.search(r"Materialized|Missing", text)),
            PATIENCE,
        ),
    }


def _seconds(open_it: Callable[[], object]) -> str:
    began = time.perf_counter()
    try:
        open_it()
    except Exception as error:  # noqa: BLE001 - a page that does not open is a result
        return f"not within {time.perf_counter() - began:.0f} ({type(error).__name__})"
    return f"{time.perf_counter() - began:.1f}"
