"""The patrol in Dagster: its job, its schedule, and the checks that read what it found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.orchestration.assets.slices import refresh_asset
from sequel_assets.orchestration.checks.reconciliation import reconciliation_checks_of
from sequel_assets.orchestration.resources import Platform
from sequel_assets.orchestration.schedules.reconciliation import reconciliation_job, reconciliation_schedule
from sequel_assets.sandbox import Attendance
from sequel_assets.warehouse.tables.core import reconciliations, refreshes
from sequel_assets_tests.support.commands.calls import variables
from sequel_assets_tests.support.dagster_storage import pooled_storage
from sequel_assets_tests.support.small_world import ACME, DAYS, PERSONAL, ROOT, YVO, ZOE, at
from sequel_assets_tests.support.stage import Stage, why_failed

CHECKS = {"days_add_up", "history_complete", "named_totals_agree", "restated"}


LATER = datetime(2026, 3, 4, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder_of_final_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Dagster's home and the warehouse of a stage whose slices are refreshed, and their first day final."""
    folder = tmp_path_factory.mktemp("final_day")
    with pooled_storage(), ExitStack() as stack:
        made = Stage(folder, stack)
        assert made.run("refresh_catalog").success
        move(made, stack, LATER)
        assert made.refresh(made.ordered, DAYS[0], DAYS[-1]).success
    return folder


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_of_final_day: Path) -> Iterator[Stage]:
    """A stage whose slices are refreshed, and their first day final."""
    monkeypatch.chdir(tmp_path)
    with pooled_storage(), ExitStack() as stack:
        made = Stage(tmp_path, stack, copy_of=folder_of_final_day)
        move(made, stack, LATER)
        yield made


def move(stage: Stage, stack: ExitStack, now: datetime) -> None:
    """Move the clock of both sides."""
    stage.sandbox.clock.set(now)
    stack.enter_context(variables({**stage.variables, "SEQUEL_NOW": now.isoformat()}))


def reconcile(stage: Stage) -> dg.ExecuteInProcessResult:
    """Run the job."""
    resources = {"platform": Platform()}
    return reconciliation_job().execute_in_process(instance=stage.instance, resources=resources, raise_on_error=False)


def checks(stage: Stage) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the checks; what each says."""
    partitions = stage.partitions
    definitions = dg.Definitions(
        assets=[refresh_asset(partitions)],
        asset_checks=reconciliation_checks_of(),
        jobs=[dg.define_asset_job("look", selection=dg.AssetSelection.all_asset_checks())],
        resources={"platform": Platform(), "observer": None},
        executor=dg.in_process_executor,
    )
    result = definitions.resolve_job_def("look").execute_in_process(instance=stage.instance)
    return {event.check_name: event for event in result.get_asset_check_evaluations()}


def figures(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    """Return a check's metadata as plain values."""
    return {name: value.value for name, value in evaluation.metadata.items()}


def test_all_is_well(stage: Stage) -> None:
    """Every check passes, with how many events and when."""
    assert reconcile(stage).success
    told = checks(stage)
    assert {name: evaluation.passed for name, evaluation in told.items()} == dict.fromkeys(CHECKS, True)
    found = figures(told["days_add_up"])
    assert (found["checked"], found["minutes_before_start"], found["wrong"]) == (2, 0, 0)
    assert found["oldest_checked_at"] == datetime(2026, 3, 4, 1, 10, tzinfo=UTC).timestamp()


def test_a_restated_day_is_mended_logged_and_warned_of(stage: Stage) -> None:
    """The slices that changed are materialized again; the check warns for a day and then is quiet."""
    with ExitStack() as stack:
        now = datetime(2026, 3, 5, 4, 15, tzinfo=UTC)
        move(stage, stack, now)
        assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
        rows = [
            Attendance(ZOE, live=[(at(1, 9), 31)], on_demand=[(at(2, 8), 12)]),
            Attendance(YVO, live=[(at(1, 9, 5), 10)]),
        ]
        stage.sandbox.world.restate("e-acme", rows)
        done = reconcile(stage)
        assert done.success
        logged = {
            (event.asset_key.to_user_string(), event.partition)
            for event in done.all_events
            if event.is_step_materialization and event.asset_key
        }
        first = f"{stage.key(ACME)}|{DAYS[0]}"
        assert {("event_participants", first), ("daily_usage", first)} <= logged
        told = checks(stage)
        assert told["days_add_up"].passed
        assert (told["restated"].passed, told["restated"].severity) == (False, dg.AssetCheckSeverity.WARN)
        text = told["restated"].description or ""
        assert f"{stage.key(ACME)} {DAYS[0]} all: engaged_minutes 40 -> 41" in text
        assert not any(part in text.lower() for part in PERSONAL)
        move(stage, stack, now + timedelta(hours=24))
        assert checks(stage)["restated"].passed


def test_a_total_that_differs_is_named_with_both_numbers(stage: Stage) -> None:
    """The first twenty, and the count."""
    reconcile(stage)
    with stage.warehouse.write() as connection:
        connection.execute(
            reconciliations.update()
            .where(reconciliations.c.event_id == "e-acme", reconciliations.c.scope == "range")
            .values(found_minutes=1, verdict="differs")
        )
        connection.execute(
            reconciliations.update()
            .where(reconciliations.c.event_id == "e-acme", reconciliations.c.scope == "all_time")
            .values(found_minutes=2, verdict="differs")
        )
    told = checks(stage)
    key = stage.key(ACME)
    assert {name for name, evaluation in told.items() if not evaluation.passed} == {"days_add_up", "history_complete"}
    assert told["days_add_up"].description == (
        f"1 to look at:\n{key} event e-acme, 2026-03-01 to 2026-03-03: 1 minutes kept, Sequel has 52"
    )
    assert told["history_complete"].description == (
        f"1 to look at:\n{key} event e-acme, all time: 2 minutes kept, Sequel has 52"
    )


@pytest.mark.scenario
def test_a_patrol_that_does_not_run_turns_the_checks_red(stage: Stage) -> None:
    """Two days after slices closed and nobody patrolled; and two days after the last one."""
    assert checks(stage)["days_add_up"].passed
    with ExitStack() as stack:
        now = datetime(2026, 3, 6, 1, 11, tzinfo=UTC)
        move(stage, stack, now)
        red = checks(stage)
        assert f"{stage.key(ROOT)}: the reconciliation has not run yet" in (red["days_add_up"].description or "")
        assert not red["history_complete"].passed
        reconcile(stage)
        assert checks(stage)["days_add_up"].passed
        move(stage, stack, now + timedelta(days=2, minutes=1))
        assert "the reconciliation has not run since 2026-03-06 01:11" in (
            checks(stage)["days_add_up"].description or ""
        )


def test_an_event_that_fails_fails_the_job_by_name(stage: Stage) -> None:
    """After the others; the check says so too until the next patrol."""
    stage.sandbox.faults.always("*/events/e-bolt/top-participants*", "http_500")
    result = reconcile(stage)
    assert "event e-bolt" in why_failed(result)
    told = checks(stage)
    assert "event e-bolt" in (told["days_add_up"].description or "")
    with stage.warehouse.read() as connection:
        noted = sa.select(sa.func.count()).where(refreshes.c.dataset == "reconciliations")
        assert connection.scalar(noted) == 3


def test_the_schedule_runs_once_a_day_in_utc() -> None:
    """Ten minutes after the hour has settled, also where that is in the next hour."""
    schedule = reconciliation_schedule(settings.load())
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 4 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert reconciliation_schedule(settings.load(settle_minutes=59)).cron_schedule == "9 5 * * *"


def test_it_fits_into_one_map_with_everything_else() -> None:
    """Names of jobs and ops are unique within a code location."""
    definitions = dg.Definitions(
        jobs=[reconciliation_job()],
        schedules=[reconciliation_schedule(settings.load())],
        resources={"platform": Platform()},
    )
    dg.Definitions.validate_loadable(definitions)
