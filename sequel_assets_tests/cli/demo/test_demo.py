"""`sequel-assets demo`: its figures, its UI, a notification through the daemon, and that it leaves nothing behind."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.orchestration.run_tags import FORCE, HOURLY, ON
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import partition_keys
from sequel_assets.warehouse.tables.dataset import Subject
from sequel_assets.warehouse.tables.webhooks import inbox
from sequel_assets_tests.browser import seen
from sequel_assets_tests.cli.demo.sums import assert_sums_are_those_of_the_database
from sequel_assets_tests.support.commands.calls import clean_environment, run_command
from sequel_assets_tests.support.served_demo import ServedDemo

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.slow]
DAYS, NUMBER = 3, 2
SECONDS_TO_END = 5
COUNTS = """query($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
    partitionStats { numMaterialized numFailed numPartitions } } } }"""
CHECK_RUNS = """query { runsOrError(filter: {pipelineName: "run_checks", statuses: [SUCCESS]}) {
    ... on Runs { results { runId } } } }"""
MARKS = """query($path: [String!]!, $keys: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
    staleStatusByPartition(partitions: $keys) } } }"""
WEBHOOK_RUNS = """query { runsOrError(filter: {pipelineName: "refresh_after_webhooks"}) {
    ... on Runs { results { runId status tags { key value } } } } }"""
COMPANIES = """query { assetNodeOrError(assetKey: {path: ["daily_usage"]}) { ... on AssetNode {
    partitionKeysByDimension { name partitionKeys } } } }"""
DATASETS = [dataset.name for dataset in SLICED]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDemo]:
    """A served demo whose port was taken by somebody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        made = ServedDemo(tmp_path_factory.mktemp("demo"), days=DAYS, companies=NUMBER, port=port)
        try:
            made.wait_until_served()
            yield made
        finally:
            made.end() if made.process.poll() is None else made.kill()


def test_the_demos_sums_are_those_of_the_database(demo: ServedDemo) -> None:
    """And its tables say what they claim, and until which hour."""
    said = "".join(demo.lines)
    assert_sums_are_those_of_the_database(said, f"sqlite:///{demo.folder / '.sequel' / 'demo' / 'warehouse.db'}")
    assert "6 webhooks are subscribed to at the sandbox" in said
    (delivered,) = [line for line in said.splitlines() if "virtual-stage-event-ended" in line]
    assert "accepted" in delivered
    assert "refreshed at once; the hourly refresh closes it" in delivered
    (people,) = [line for line in said.splitlines() if line.startswith("│ 5 people ")]
    assert re.findall(r"\d+", people) == ["5", "25", "45"]
    assert re.search(r"Data through \d{4}-\d\d-\d\d \d\d:00 UTC", said)
    for name in (
        "event_participants", "peak_concurrency", "lifetime_usage", "event_statistics", "funnel", "usage_comparison",
        "networking", "top_participants",
    ):  # fmt: skip
        assert f"{name}: " in said
    yesterday = (datetime.fromisoformat(re.findall(r"Data through (\S+)", said)[0]) - timedelta(days=1)).date()
    told = next(line for line in said.splitlines() if line.startswith(f"│ {yesterday} "))
    rolled_up = said.partition(f"company_rollup: {yesterday}, ")[2]
    (root,) = re.findall(r"^│ \S+ +│ +2 │ +([\d,]+) │", rolled_up.partition("└")[0], re.MULTILINE)
    assert root == re.findall(r"[\d,]+", told)[-1]
    assert re.search(r"chat_messages: [^│]+,\s+the\s+first\s+\d+\s+of\s+\d+\s", said)


def test_the_demo_names_a_page_to_begin_with(demo: ServedDemo) -> None:
    """A slice of the day before with minutes. No browser is opened: nobody sits at a terminal here."""
    (line,) = [line for line in demo.lines if line.startswith("A page to begin with: ")]
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    page = rf"{demo.url}/assets/daily_usage\?view=partitions&partition=[a-z0-9-]+\.[0-9a-f]{{8}}%7C{yesterday}\n"
    assert re.fullmatch(f"A page to begin with: {page}", line), line


def first_page_of(demo: ServedDemo) -> str:
    """Return the path of the page that the demo names."""
    (line,) = [line for line in demo.lines if line.startswith("A page to begin with: ")]
    return line.partition(demo.url)[2].strip()


def test_another_shell_asks_the_demo_by_its_file_of_variables(demo: ServedDemo) -> None:
    """Also where a `.env` names an account and a later start of history."""
    (demo.folder / ".env").write_text("SEQUEL_START_DATE=2999-01-01\nSEQUEL_WAREHOUSE_URL=sqlite:///other.db\n")
    file = demo.folder / ".sequel" / "demo" / "env"
    assert f"To ask it in another terminal: . {file}\n" in "".join(demo.lines)
    told = subprocess.run(
        ["sh", "-c", '. .sequel/demo/env; exec "$0" -m sequel_assets.cli status --format json', sys.executable],
        cwd=demo.folder, env=clean_environment(HOME=str(demo.folder)), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    (demo.folder / ".env").unlink()
    assert told.stderr == ""
    assert len(json.loads(told.stdout)["companies"]) == NUMBER
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_stepped_around_and_said(demo: ServedDemo) -> None:
    """The next free one is taken."""
    (line,) = [line for line in demo.lines if "is in use" in line]
    found = re.fullmatch(r"Port (\d+) is in use; Dagster's UI takes (\d+)\.\n", line)
    assert found is not None
    assert int(found[2]) > int(found[1])
    assert demo.url == f"http://127.0.0.1:{found[2]}"


def test_the_served_demo_shows_every_partition_materialized(demo: ServedDemo) -> None:
    """As GraphQL counts them for the UI."""
    for name in DATASETS:
        told = demo.ask(COUNTS, path=[name])["assetNodeOrError"]["partitionStats"]
        assert (told["numMaterialized"], told["numFailed"]) == (DAYS * NUMBER, 0), name


def test_a_second_demo_in_the_same_folder_is_refused_in_one_line(demo: ServedDemo) -> None:
    """It would empty the first one's folder."""
    done = run_command(["demo", "--once", "--days", "1", "--companies", "1"], demo.folder, {"HOME": str(demo.folder)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"another demo is running in {demo.folder / '.sequel' / 'demo'}; end it first, or run this one in another checkout"
    ]


def test_a_notification_that_is_replayed_is_refreshed_by_the_daemon(demo: ServedDemo) -> None:
    """Through sensor, queue and launcher, as a delivery would be."""
    url = f"sqlite:///{demo.folder / '.sequel' / 'demo' / 'warehouse.db'}"
    told = {"SEQUEL_WAREHOUSE_URL": url, "SEQUEL_API_URL": "http://127.0.0.1:8700", "HOME": str(demo.folder)}
    since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%MZ")
    done = run_command(["replay", "--since", since, "--event", "demo-live"], demo.folder, told)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    runs: list[dict[str, Any]] = []
    deadline = time.monotonic() + 120
    while not any(run["status"] == "SUCCESS" and "dagster/sensor_name" in str(run["tags"]) for run in runs):
        assert time.monotonic() < deadline, runs
        time.sleep(0.5)
        runs = demo.ask(WEBHOOK_RUNS)["runsOrError"]["results"]
    warehouse = Warehouse(url)
    with warehouse.read() as connection:
        (received,) = connection.execute(sa.select(inbox).where(inbox.c.event_id == "demo-live")).all()
    warehouse.dispose()
    assert received.run_id in [run["runId"] for run in runs]
    assert received.refreshed_at is not None or received.handled_at is not None


def test_people_see_it_in_their_browser(demo: ServedDemo) -> None:
    """The lineage of all subjects on one screen, the counts of partitions, an asset's page with its columns."""
    seen.require_browser()
    with seen.dagster_ui(demo.url, 1440, 900) as ui:
        assert ui.open_lineage() == sorted(Subject)
    with seen.dagster_ui(demo.url) as ui:
        text = ui.open_partitions("daily_usage")
        assert f"Materialized ({DAYS * NUMBER})" in re.sub(r"\s+", " ", text)
        text = ui.open_asset("daily_usage")
        for words in ("usage", "data-platform", "engaged_minutes", "one row per company"):
            assert words in text, words
        text = ui.open_runs()
        for words in ("companies: ", "days: ", "why: command", "why: webhook ended"):
            assert words in text, words
        text = ui.open(first_page_of(demo), lambda shown: "last_30_days_line" in shown)
        for words in ("refreshed", "minutes, at most", "[Show Markdown]", "Materialized"):
            assert words in text, words


@pytest.mark.scenario
def test_people_see_no_slice_marked_unsynced(demo: ServedDemo) -> None:
    """After the demo's backfill and webhook, an hour's run, a forced run and one that has nothing to request, on 20 pages.

    Dagster's own answer for all slices says the same. The last run's log and the page of a slice that it left alone say so.
    """
    seen.require_browser()
    with Warehouse(f"sqlite:///{demo.folder / '.sequel' / 'demo' / 'warehouse.db'}").read() as connection:
        keys = sorted(partition_keys(connection).values())
    dates = [datetime.now(UTC).date() - timedelta(days=back) for back in range(DAYS)]
    days = [str(day) for day in dates]
    in_order = demo.ask(COMPANIES)["assetNodeOrError"]["partitionKeysByDimension"][0]["partitionKeys"]
    demo.execute("refresh_hour", {HOURLY: ON})
    demo.execute("refresh_slices", range_tags(in_order, dates[-1], dates[-1]) | {FORCE: ON})
    last = demo.execute("refresh_slices", range_tags(in_order, dates[-1], dates[-1]))
    slices = [f"{key}|{day}" for key in keys for day in days]
    marks = {
        name: set(demo.ask(MARKS, path=[name], keys=slices)["assetNodeOrError"]["staleStatusByPartition"])
        for name in DATASETS
    }
    assert set().union(*marks.values()) == {"FRESH"}, marks
    with seen.dagster_ui(demo.url) as ui:
        text = ui.open_run(last)
        for words in ("not requested: final, complete for this hour", "0 company days requested, the range has 2"):
            assert words in text, words
        text = ui.open_slice("daily_usage", f"{keys[0]}|{dates[-1]}")
        for words in ("not_requested", "unchanged", "engaged_minutes"):
            assert words in text, words
        text = ui.open_group("usage")
        for words in ("lifetime_usage", "usage_comparison", "company_rollup", "audience_usage"):
            assert words in text, words
        pages = [(name, slice_) for name in ("event_participants", *DATASETS[-9:]) for slice_ in slices[::5]]
        assert len(pages) == 20
        for name, slice_ in pages:
            text = ui.open_slice(name, slice_)
            assert "Unsynced" not in text, (name, slice_)


def test_people_see_what_was_checked_and_until_when_it_is_true(demo: ServedDemo) -> None:
    """The tab of an asset's checks: the sensor runs them by itself after the demo's backfill."""
    seen.require_browser()
    deadline = time.monotonic() + 180
    while not demo.ask(CHECK_RUNS)["runsOrError"]["results"]:
        assert time.monotonic() < deadline
        time.sleep(1)
    with seen.dagster_ui(demo.url) as ui:
        ui.open_checks("daily_usage", "fresh_by_the_hour")
        text = ui.wait(lambda shown: "Every company is through" in shown)  # the page draws a description after the rest
    for words in ("Passed", "derived_from_current_facts", "Every company is through", "late_companies"):
        assert words in text, words


def test_a_signal_ends_the_served_demo_and_leaves_no_process_behind(demo: ServedDemo) -> None:
    """SIGTERM while it serves; the last test of this demo, whose log has neither a warning nor a line per look of a sensor."""
    assert len(demo.others) >= 4
    began = time.monotonic()
    code = demo.end(signal.SIGTERM)
    assert code == 0, "".join(demo.lines)
    assert time.monotonic() - began < SECONDS_TO_END
    said = (demo.folder / ".sequel" / "demo" / "dagster.log").read_text()
    assert [line for line in said.splitlines() if re.search("WARN|ERROR|DEBUG|Sensor|Traceback", line)] == []
    assert demo.left() == []
