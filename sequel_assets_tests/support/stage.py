"""A stage for the tests of Dagster: the small world served, a warehouse, a Dagster instance, and the definitions for them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from sequel_assets.cli.support.dagster_home import OUR_STORAGES
from sequel_assets.orchestration.partitions import range_tags, slice_partitions
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.schedules.hour_job import hour_job
from sequel_assets.orchestration.schedules.schedules import catalog_job, checks_job, slices_job
from sequel_assets.orchestration.storage.batched_event_log import BATCH_SIZE, EVENTS_AT_ONCE
from sequel_assets.sandbox import Clock, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.warehouse.tables.dataset import Dataset
from sequel_assets_tests.support.commands.calls import (
    environment,
    variables,
)
from sequel_assets_tests.support.small_world import (
    ACME,
    BOLT,
    BOOKKEEPING_IDS,
    NOW,
    ROOT,
    small_world,
)


def our_storages(home: Path) -> dict[str, Any]:
    """What the dagster.yaml of our own home says of the storages, for an instance in a folder."""
    told = yaml.safe_load(OUR_STORAGES)
    return {name: storage | {"config": {"home": str(home)}} for name, storage in told.items()}


class Stage:
    """A sandbox, a warehouse, a Dagster instance, and the definitions for them, in this process."""

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        world: World | None = None,
        dagster_yaml: Mapping[str, Any] | None = None,
        warehouse_url: str | None = None,
        copy_of: Path | None = None,
    ) -> None:
        self.folder = folder
        self.sandbox = stack.enter_context(Sandbox(world or small_world(), clock=Clock.pinned(NOW)))
        url = warehouse_url or f"sqlite:///{folder / 'warehouse.db'}"
        home = folder / "dagster"
        if copy_of is None:
            home.mkdir()
        else:
            shutil.copytree(copy_of / home.name, home)
            shutil.copyfile(copy_of / "warehouse.db", folder / "warehouse.db")
        self.warehouse = Warehouse(url)
        stack.callback(self.warehouse.dispose)
        migrate(self.warehouse)
        self.variables = environment(self.sandbox, url) | {BATCH_SIZE: EVENTS_AT_ONCE}
        stack.enter_context(variables(self.variables))
        self.instance = stack.enter_context(
            dg.instance_for_test(dict(dagster_yaml or our_storages(home)), temp_dir=str(home))
        )
        self.definitions = self._load()

    def _load(self) -> dg.Definitions:
        """As definitions.py does, which reads the environment of its own process when it is first imported."""
        from sequel_assets import settings
        from sequel_assets.orchestration.assets.catalog import companies_asset, events_asset, registrants_asset
        from sequel_assets.orchestration.assets.slices import refresh_asset
        from sequel_assets.orchestration.checks.availability import availability_checks, completeness_check
        from sequel_assets.orchestration.checks.freshness import freshness_checks
        from sequel_assets.orchestration.checks.integrity import control_totals_check, derivation_checks
        from sequel_assets.orchestration.schedules.schedules import schedules

        known = settings.load()
        self.partitions = slice_partitions(known)
        self.schedules = {schedule.name: schedule for schedule in schedules(known)}
        return dg.Definitions(
            assets=[companies_asset(), events_asset(), registrants_asset(), refresh_asset(self.partitions)],
            asset_checks=[
                control_totals_check(),
                completeness_check(),
                availability_checks(),
                derivation_checks(),
                freshness_checks(),
            ],
            jobs=[catalog_job(), slices_job(), hour_job(), checks_job()],
            schedules=list(self.schedules.values()),
            resources={"platform": Platform(), "observer": Observer()},
            executor=dg.in_process_executor,
        )

    def run(
        self,
        job: str,
        tags: Mapping[str, str] | None = None,
        assets: list[str] | None = None,
        run_config: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Execute a job (or some of its assets) on the instance; never raises for a failed run."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=dict(tags or {}),
            run_config=dict(run_config or {}),
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            raise_on_error=False,
        )

    def move(self, patch: pytest.MonkeyPatch, moment: datetime) -> None:
        """Let it be this moment, here and at Sequel; definitions are loaded anew, as every process does."""
        self.sandbox.clock.set(moment)
        patch.setenv("SEQUEL_NOW", moment.isoformat())
        self.definitions = self._load()

    def hour(self, at: datetime) -> list[dg.ExecuteInProcessResult]:
        """Evaluate the hourly schedule at a moment, and execute every run that it asks for."""
        asked = self.tick("hourly_refresh", at).run_requests or []
        return [self.run("refresh_hour", request.tags, run_config=request.run_config) for request in asked]

    def refresh(
        self,
        companies: list[str],
        first: date,
        last: date,
        assets: list[str] | None = None,
        mode: str = "",
    ) -> dg.ExecuteInProcessResult:
        """Execute one run over a rectangle, the companies by their ids, in Dagster's order; `mode` is a tag of modes.py."""
        tags = range_tags([self.key(company) for company in companies], first, last)
        return self.run("refresh_slices", tags | ({mode: "true"} if mode else {}), assets)

    def tick(self, schedule: dg.ScheduleDefinition | str, at: datetime, **more: Any) -> Any:
        """Evaluate a schedule (one of the hour's by its name) at a moment; a context that is not closed keeps its instance set."""
        chosen = self.schedules[schedule] if isinstance(schedule, str) else schedule
        with dg.build_schedule_context(instance=self.instance, scheduled_execution_time=at, **more) as context:
            return chosen.evaluate_tick(context)

    def sense(self, sensor: dg.SensorDefinition, cursor: str | None = None) -> Any:
        """Evaluate a sensor once."""
        with dg.build_sensor_context(instance=self.instance, definitions=self.definitions, cursor=cursor) as context:
            return sensor.evaluate_tick(context)

    def key(self, company_id: str) -> str:
        """The partition key of a company."""
        with self.warehouse.read() as connection:
            found = connection.execute(
                sa.text("SELECT partition_key FROM companies WHERE company_id = :id"), {"id": company_id}
            )
            return str(found.scalar_one())

    @property
    def ordered(self) -> list[str]:
        """The companies' ids in the order of Dagster's partitions."""
        keys = self.instance.get_dynamic_partitions("company")
        return sorted([ROOT, ACME, BOLT], key=lambda company: keys.index(self.key(company)))

    def statuses(self, dataset: str) -> tuple[set[str], set[str]]:
        """(materialized, failed) partitions of a dataset, as the UI counts them."""
        from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

        with dg.DagsterInstance.from_ref(self.instance.get_ref()):
            cached = get_and_update_asset_status_cache_value(self.instance, dg.AssetKey(dataset), self.partitions)
        assert cached is not None
        good = cached.deserialize_materialized_partition_subsets(self.partitions).get_partition_keys()
        bad = cached.deserialize_failed_partition_subsets(self.partitions).get_partition_keys()
        return set(good), set(bad)

    def slice_keys(self, companies: list[str], days: list[date]) -> set[str]:
        """The partition keys of companies times days."""
        return {f"{self.key(company)}|{day}" for company in companies for day in days}

    def latest(self, dataset: str, company_id: str, day: date) -> dict[str, Any]:
        """The metadata of a slice's latest materialization, as plain values."""
        filters = dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(dataset), asset_partitions=[f"{self.key(company_id)}|{day}"]
        )
        records = self.instance.fetch_materializations(filters, limit=1).records
        assert records, f"{dataset} {company_id} {day} was never materialized"
        found = records[0].asset_materialization
        assert found is not None
        return {name: value.value for name, value in found.metadata.items()}


def rows_of(url: str, dataset: Dataset | sa.Table, *, without: set[str] = BOOKKEEPING_IDS) -> list[tuple[Any, ...]]:
    """Every row of a table, sorted, without the columns that tell when and by which run it was written."""
    table = dataset.table if isinstance(dataset, Dataset) else dataset
    warehouse = Warehouse(url)
    try:
        with warehouse.read() as connection:
            columns = [column for column in table.columns if column.name not in without]
            return sorted((tuple(row) for row in connection.execute(sa.select(*columns))), key=repr)
    finally:
        warehouse.dispose()


def why_failed(result: dg.ExecuteInProcessResult) -> str:
    """What a failed run says of itself."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data
    assert told is not None, event.step_failure_data.error
    return str(told.description)


def files_below(*folders: Path) -> set[str]:
    """Every file and folder beneath some folders."""
    return {str(path) for folder in folders for path in folder.rglob("*")}
