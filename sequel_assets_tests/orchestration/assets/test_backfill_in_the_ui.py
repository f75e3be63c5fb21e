"""Backfills of several companies and days in a real Dagster, one event of which fails: what the partition view then shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.orchestration.namespace import SLICES
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Attendance, Clock, Event, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import companies, refreshes
from sequel_assets_tests.campaigns.soak.dagster_dev import DagsterDev
from sequel_assets_tests.support.backfill_processes import assert_nothing_is_half_written
from sequel_assets_tests.support.commands.calls import call_in_process, environment
from sequel_assets_tests.support.harness import PlatformUnderTest, client_of
from sequel_assets_tests.support.reference import KEY
from sequel_assets_tests.support.small_world import ACME, ROOT, ZOE, at, small_world

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.scenario]

NOW = at(6, 15, 7)
BEFORE, DAYS = days_between(date(2026, 3, 1), date(2026, 3, 2)), days_between(date(2026, 3, 3), date(2026, 3, 6))
FAILING_DAY = date(2026, 3, 4)
BACKFILL = """mutation($names: [String!], $assets: [AssetKeyInput!]) {
    launchPartitionBackfill(backfillParams: {partitionNames: $names, assetSelection: $assets}) {
        __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
ENDED = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"""
RUNS = """query($filter: RunsFilter!) { runsOrError(filter: $filter) {
    ... on Runs { results { status tags { key value } } } } }"""
STATUSES = """query($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
    assetPartitionStatuses { ... on MultiPartitionStatuses { primaryDimensionName ranges {
        primaryDimStartKey primaryDimEndKey secondaryDim { ... on DefaultPartitionStatuses {
            materializedPartitions failedPartitions } } } } } } } }"""
Slices = set[tuple[str, date]]


def world() -> World:
    """Return the stage's small world and an event of Acme on the day that fails, with a replay on the next."""
    made = small_world()
    late = [Attendance(ZOE, live=[(at(4, 9), 25)], on_demand=[(at(5, 8), 6)])]
    made.add_event(Event("e-late", ACME, "Late", at(4, 9), at(4, 10), attendance=late))
    return made


class ServedBackfills:
    """Three companies whose first days the command has backfilled, and a Dagster that serves them."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.warehouse = Warehouse(f"sqlite:///{folder / 'warehouse.db'}")
        told = environment(sandbox, f"sqlite:///{folder / 'warehouse.db'}") | {"SEQUEL_PERSON_KEY": KEY}
        (folder / "dagster").mkdir()
        home = {"DAGSTER_HOME": str(folder / "dagster"), "HOME": str(folder)}
        days = ["--from", str(BEFORE[0]), "--to", str(BEFORE[-1])]
        done = call_in_process(["backfill", *days, "--workers", "1"], folder, told | home)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        with self.warehouse.read() as connection:
            found = connection.execute(sa.select(companies.c.company_id, companies.c.partition_key))
            self.keys: dict[str, str] = {row.company_id: row.partition_key for row in found}
        self.dev = DagsterDev(folder, told, 1)  # no company is new to its sensor

    def runs(self, **wanted: Any) -> list[tuple[str, str, str]]:
        """The status, first and last partition of each run, in order."""
        found = self.dev.ask(RUNS, filter=wanted)["runsOrError"]["results"]
        tags = [(run["status"], {tag["key"]: tag["value"] for tag in run["tags"]}) for run in found]
        ends = [f"dagster/asset_partition_range_{end}" for end in ("start", "end")]
        return sorted((status, *(told[end] for end in ends)) for status, told in tags)

    def ranges(self, days: list[date], *failing: str) -> list[tuple[str, str, str]]:
        """What `runs` returns of one run per company over these days."""
        return sorted(
            ("FAILURE" if company in failing else "SUCCESS", f"{key}|{days[0]}", f"{key}|{days[-1]}")
            for company, key in self.keys.items()
        )

    def backfill(self, days: list[date]) -> str:
        """Launch every dataset over all companies and days as the UI does, and wait for the end; return the backfill's id."""
        names = [f"{key}|{day}" for key in self.keys.values() for day in days]
        assets = [{"path": [dataset.name]} for dataset in SLICED]
        told = self.dev.ask(BACKFILL, names=names, assets=assets)["launchPartitionBackfill"]
        assert told["__typename"] == "LaunchBackfillSuccess", told
        deadline, status = time.monotonic() + 240, ""
        while not status.startswith("COMPLETED"):
            assert time.monotonic() < deadline, status
            assert status not in {"FAILED", "CANCELED"}
            time.sleep(0.5)
            status = self.dev.ask(ENDED, id=told["backfillId"])["partitionBackfillOrError"]["status"]
        return str(told["backfillId"])

    def statuses(self, dataset: str) -> tuple[Slices, Slices]:
        """The slices that the partition view shows as materialized, and as failed."""
        told = self.dev.ask(STATUSES, path=[dataset])["assetNodeOrError"]["assetPartitionStatuses"]
        assert told["primaryDimensionName"] == "day"
        ids = {key: company for company, key in self.keys.items()}
        good: Slices = set()
        bad: Slices = set()
        for one in told["ranges"]:
            ends = (date.fromisoformat(one[f"primaryDim{end}Key"]) for end in ("Start", "End"))
            for day in days_between(*ends):
                good |= {(ids[key], day) for key in one["secondaryDim"]["materializedPartitions"]}
                bad |= {(ids[key], day) for key in one["secondaryDim"]["failedPartitions"]}
        return good, bad

    def refreshed(self, dataset: str) -> Slices:
        """The slices that the warehouse has."""
        r = refreshes.c
        with self.warehouse.read() as connection:
            return {
                (company, day)
                for company, day in connection.execute(sa.select(r.company_id, r.day).where(r.dataset == dataset))
            }


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A Sequel whose event of Acme fails on its day, whoever asks."""
    with Sandbox(world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path, sandbox: Sandbox) -> Iterator[ServedBackfills]:
    """A real `dagster dev`, whose hourly schedule is stopped."""
    made = ServedBackfills(tmp_path, sandbox)
    try:
        made.dev.wait_until_served()
        made.dev.stop_schedule("hourly_refresh")
        yield made
    finally:
        made.dev.end()
        made.warehouse.dispose()


@pytest.mark.timeout(900)
def test_the_partition_view_shows_exactly_which_slices_are_done_and_which_failed(
    served: ServedBackfills, sandbox: Sandbox
) -> None:
    """One run per company; the failing event costs its company's day, what counts that day in, and nobody else's.

    The roll-up of the root waits for all beneath it: of that day it is neither done nor failed, since the root's own run
    is good.
    """
    assert served.runs(pipelineName=SLICES) == served.ranges(BEFORE), "the command's backfill: one run per company"
    sandbox.faults.always(f"*/e-late/top-participants?*{FAILING_DAY}*{FAILING_DAY}*", "http_500")
    backfill = served.backfill(DAYS)
    assert served.runs(tags=[{"key": "dagster/backfill", "value": backfill}]) == served.ranges(DAYS, ACME)
    that_day, later = {(ACME, FAILING_DAY)}, {(ACME, day) for day in DAYS if day >= FAILING_DAY}
    failed: dict[str, Slices] = {dataset.name: set() for dataset in SLICED}
    failed |= dict.fromkeys(("event_participants", "daily_usage", "audience_usage", "company_rollup"), that_day)
    failed |= {insight.name: later for insight in INSIGHTS if insight.as_of and "event_participants" in insight.inputs}
    every = {(company, day) for company in served.keys for day in [*BEFORE, *DAYS]}
    done = {name: every - theirs for name, theirs in failed.items()}
    done["company_rollup"] -= {(ROOT, FAILING_DAY)}
    assert {name: served.statuses(name) for name in failed} == {name: (done[name], failed[name]) for name in failed}
    assert {name: served.refreshed(name) for name in failed} == done
    with client_of(sandbox) as client:
        it = PlatformUnderTest(sandbox.world, sandbox, client, served.warehouse, BEFORE[0])
        assert_nothing_is_half_written(it, [*BEFORE, *DAYS])
