"""A stage for the tests of Dagster and of the command line: a small world with a truth known by heart, served."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from sequel_assets.cli import app
from sequel_assets.orchestration.partitions import range_tags, slice_partitions
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.schedules.jobs import CATALOG_JOB, CHECKS_JOB, SLICES_JOB
from sequel_assets.orchestration.storage.batched_event_log import BATCH_SIZE, EVENTS_AT_ONCE
from sequel_assets.sandbox import Attendance, Clock, Company, Event, Person, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.warehouse.tables.dataset import Dataset
from sequel_assets_tests.support.command_server import ForkedCommand
from sequel_assets_tests.support.dagster_storage import pooled_storage
from sequel_assets_tests.support.paths import PROJECT

NOW = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
THROUGH = datetime(2026, 3, 3, 15, tzinfo=UTC)
DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
ROOT, ACME, BOLT = "root", "acme/1 %|ö", "bolt"
BOOKKEEPING_IDS = {"refreshed_at", "run_id", "since", "first_seen_at", "last_seen_at"}
PERSON_KEY = "zq-person-key-0123456789-0123456789-zq"
ZOE = Person("Zebulon Quux", "zebulon.quux@mail.example")
YVO = Person("Yvo Quux", "yvo.quux@mail.example")
SAID = ("wombats ahead", "why so many wombats", "because wombats", "how did you hear of us", "zeitung")
"""What is written in Acme's event: in the chat, as a question, as its answer, and (the sandbox's own) on registering."""
PERSONAL = ("zebulon", "quux", "mail.example", PERSON_KEY, "sandbox-secret", *SAID)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def talk() -> dict[str, Any]:
    """A poll, a question with its answer and a message of Zebulon's."""
    zoe = {"userEmail": ZOE.email, "name": ZOE.name}
    when = {moment: f"2026-03-01T09:1{n}:00Z" for n, moment in enumerate(("askedAt", "answeredAt", "sentAt"))}
    voted = {**zoe, "optionId": "o", "answeredAt": when["answeredAt"]}
    return {
        "polls": [{"pollId": "p", "question": "Here?", "options": [{"optionId": "o", "text": "Yes"}], "answers": [voted]}],
        "questions": [
            {"questionId": "q", **zoe, "text": SAID[1], "askedAt": when["askedAt"], "answer": SAID[2],
             "answeredAt": when["answeredAt"], "upvotes": 1}
        ],
        "chat": [{"messageId": "m", **zoe, "text": SAID[0], "sentAt": when["sentAt"]}],
        "reactions": [{"emoji": "👏", "count": 2, "minute": 1}],
    }  # fmt: skip


def small_world() -> World:
    """Three companies: the root without events, Acme with a replay on the next day, Bolt with one event today.

    Acme: 1 March 30 + 10 live minutes, 2 March 12 on demand. Bolt: 3 March 20 live minutes.
    """
    return World(
        companies=[Company(ROOT, "Root"), Company(ACME, "Acme | Events", ROOT), Company(BOLT, "Bolt", ROOT)],
        events=[
            Event(
                "e-acme",
                ACME,
                "Launch",
                at(1, 9),
                at(1, 10),
                attendance=[
                    Attendance(ZOE, live=[(at(1, 9), 30)], on_demand=[(at(2, 8), 12)]),
                    Attendance(YVO, live=[(at(1, 9, 5), 10)]),
                ],
                talk=talk(),
            ),
            Event("e-bolt", BOLT, "Demo", at(3, 9), at(3, 10), attendance=[Attendance(ZOE, live=[(at(3, 9), 20)])]),
        ],
        now=NOW,
    )


def environment(sandbox: Sandbox, warehouse_url: str | None = None) -> dict[str, str]:
    """Every variable that a program needs for the sandbox's world."""
    told = {
        **sandbox.environment(),
        "SEQUEL_PERSON_KEY": PERSON_KEY,
        "SEQUEL_START_DATE": "2026-03-01",
        "SEQUEL_RETRY_BUDGET_SECONDS": "1",
    }
    return told | ({"SEQUEL_WAREHOUSE_URL": warehouse_url} if warehouse_url else {})


def clean_environment(**told: str) -> dict[str, str]:
    """The environment without anything that this project or Dagster reads, but what is told."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEQUEL_", "DAGSTER_", "COLUMNS", "PYTHONW"))}
    return {**kept, **told}


COMMAND = [sys.executable, "-m", "sequel_assets.cli"]


def run_command(
    arguments: list[str], cwd: Path, env: Mapping[str, str], timeout: float = 240, *, is_fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Execute `sequel-assets ...` to its end in a process of its own, with a fresh interpreter where it matters."""
    with start_command(arguments, cwd, env, is_fresh=is_fresh) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def start_command(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], *, is_fresh: bool = False
) -> subprocess.Popen[str]:
    """Start `sequel-assets ...` in a process of its own: a fresh interpreter, or one that has imported everything."""
    told = clean_environment(**env)
    if not is_fresh:
        return ForkedCommand(arguments, cwd, told)
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def call_in_process(arguments: list[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Execute `sequel-assets ...` to its end within this process, as its own would."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        variables(clean_environment(**env)),
        chdir(cwd),
        patch.object(sys, "argv", ["sequel-assets", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            app.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextmanager
def variables(told: Mapping[str, str]) -> Iterator[None]:
    """Give this process an environment with nothing of ours but what is told."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({**{k: v for k, v in before.items() if not k.startswith("SEQUEL_")}, **told})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def event_log(home: Path) -> dict[str, Any]:
    """What dagster.yaml says of the event log, for an instance in a folder."""
    told = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["event_log_storage"]
    return {"event_log_storage": told | {"config": {"home": str(home)}}}


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
            dg.instance_for_test(dict(dagster_yaml or event_log(home)), temp_dir=str(home))
        )
        self.definitions = self._load()

    def _load(self) -> dg.Definitions:
        """As definitions.py does, which reads the environment of its own process when it is first imported."""
        from sequel_assets import settings
        from sequel_assets.orchestration.assets.catalog import companies_asset, events_asset, registrants_asset
        from sequel_assets.orchestration.assets.slices import refresh_asset
        from sequel_assets.orchestration.checks.availability import availability_checks, completeness_check
        from sequel_assets.orchestration.checks.freshness import freshness_checks
        from sequel_assets.orchestration.checks.integrity import conservation_check, derivation_checks
        from sequel_assets.orchestration.schedules.schedules import schedules

        known = settings.load()
        self.partitions = slice_partitions(known)
        self.schedules = {schedule.name: schedule for schedule in schedules(known)}
        return dg.Definitions(
            assets=[companies_asset(), events_asset(), registrants_asset(), refresh_asset(self.partitions)],
            asset_checks=[
                conservation_check(),
                completeness_check(),
                availability_checks(),
                derivation_checks(),
                freshness_checks(),
            ],
            jobs=[CATALOG_JOB, SLICES_JOB, CHECKS_JOB],
            schedules=list(self.schedules.values()),
            resources={"platform": Platform(), "observer": Observer()},
            executor=dg.in_process_executor,
        )

    def run(
        self, job: str, tags: Mapping[str, str] | None = None, assets: list[str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Execute a job (or some of its assets) on the instance; never raises for a failed run."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=dict(tags or {}),
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            raise_on_error=False,
        )

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


@pytest.fixture(scope="session")
def folder_of_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Dagster's home and the warehouse of a stage whose companies and events are known."""
    return _folder_of_a_stage(tmp_path_factory.mktemp("catalog"), lambda stage: None)


@pytest.fixture(scope="session")
def folder_of_refresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Dagster's home and the warehouse of a stage whose every slice was refreshed once, in one run."""
    return _folder_of_a_stage(
        tmp_path_factory.mktemp("refresh"), lambda stage: stage.refresh(stage.ordered, DAYS[0], DAYS[-1])
    )


def _folder_of_a_stage(folder: Path, more: Callable[[Stage], dg.ExecuteInProcessResult | None]) -> Path:
    with pooled_storage(), ExitStack() as stack:
        made = Stage(folder, stack)
        assert made.run("refresh_catalog").success
        run = more(made)
        assert run is None or run.success
    return folder


REFRESHED = "refreshed"
ON_REFRESHED = pytest.mark.parametrize("stage", [REFRESHED], indirect=True)
"""For tests that begin when every slice was refreshed, in one run."""


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose companies and events are known already."""
    folder = "folder_of_refresh" if getattr(request, "param", "") == REFRESHED else "folder_of_catalog"
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield Stage(tmp_path, stack, copy_of=request.getfixturevalue(folder))


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
