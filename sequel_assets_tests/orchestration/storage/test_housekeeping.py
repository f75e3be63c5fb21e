"""Housekeeping on real instances: old runs go, and nothing that Dagster shows changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sequel_assets.orchestration.run_tags import FORCE
from sequel_assets.orchestration.storage.housekeeping import (
    KEEP,
    housekeeping_job,
    housekeeping_schedule,
    needed_runs,
    size,
    tidy,
)
from sequel_assets.refresh.core.datasets import CATALOG, SLICED
from sequel_assets_tests.orchestration.storage.storages import BATCHED, POSTGRESQL, stored_stage
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS
from sequel_assets_tests.support.stage import Stage
from sequel_assets_tests.support.suite.scale import some

pytestmark = pytest.mark.slow

__all__ = ["stored_stage"]
NAMES = [dataset.name for dataset in SLICED]
ON_ONE = pytest.mark.parametrize("stored_stage", [BATCHED], indirect=True)
"""For what does not depend on how Dagster stores its events."""


def a_week_later() -> datetime:
    return datetime.now(UTC) + KEEP + timedelta(minutes=1)


def runs(stage: Stage) -> set[str]:
    return set(stage.instance.get_run_ids())


def shown(stage: Stage) -> dict[str, Any]:
    """What Dagster shows, from its cache and from its events alone: colours, latest materializations, checks."""
    cached = {name: stage.statuses(name) for name in NAMES}
    stage.instance.wipe_asset_cached_status([dg.AssetKey(name) for name in NAMES])
    anew = {name: stage.statuses(name) for name in NAMES}
    latest = {
        (name, key): _latest(stage, dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[key]))
        for name in NAMES
        for key in sorted(anew[name][0])
    }
    catalog = {dataset.name: _latest(stage, dg.AssetKey(dataset.name)) for dataset in CATALOG}
    keys = sorted(stage.definitions.resolve_asset_graph().asset_check_keys, key=str)
    checks = {
        key: (record.run_id, record.status, record.evaluation)
        for key, record in stage.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys).items()
    }
    return {"cached": cached, "anew": anew, "latest": latest, "catalog": catalog, "checks": checks}


def _latest(stage: Stage, chosen: dg.AssetKey | dg.AssetRecordsFilter) -> tuple[Any, ...]:
    (record,) = stage.instance.fetch_materializations(chosen, limit=1).records
    return record.storage_id, record.run_id, record.asset_materialization


def a_week_of_runs(stage: Stage) -> dict[str, str]:
    """Runs of every kind; returns those that are needed and those that are not, by what they did."""
    done = {"superseded": stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).run_id}
    done["whole"] = stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=FORCE).run_id
    done["one company again"] = stage.refresh([BOLT], DAYS[-1], DAYS[-1], mode=FORCE).run_id
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    done["failed, then failed again"] = stage.refresh([ACME], DAYS[0], DAYS[0], mode=FORCE).run_id
    done["failed"] = stage.refresh([ACME], DAYS[0], DAYS[0], mode=FORCE).run_id
    stage.sandbox.faults.clear()
    done["older checks"] = stage.run("run_checks").run_id
    done["checks"] = stage.run("run_checks").run_id
    done["catalog"] = stage.run("refresh_catalog").run_id
    return done


def catalog_runs(stage: Stage) -> tuple[str, str]:
    """Two more runs of the catalog: the first of them, and the one before, hold nothing any more."""
    return stage.run("refresh_catalog").run_id, stage.run("refresh_catalog").run_id


@pytest.mark.scenario
@pytest.mark.parametrize("stored_stage", some([BATCHED], [BATCHED, POSTGRESQL]), indirect=True)
def test_old_runs_go_and_nothing_shown_changes(stored_stage: Stage) -> None:
    """Slices keep their colours (cached or made anew) and latest materializations, checks their latest evaluations."""
    stage = stored_stage
    (first_catalog,) = runs(stage)
    done = a_week_of_runs(stage)
    before = shown(stage)
    assert before["anew"]["event_participants"][1] == stage.slice_keys([ACME], DAYS[:1])
    told = tidy(stage.instance, a_week_later())
    gone = {done["superseded"], done["failed, then failed again"], done["older checks"], first_catalog}
    assert runs(stage) == set(done.values()) - gone
    assert (told.deleted, told.kept, told.left) == (len(gone), len(done) + 1 - len(gone), 0)
    assert told.thinned > 0
    assert shown(stage) == before
    again = tidy(stage.instance, a_week_later())
    assert (again.deleted, again.thinned) == (0, 0)


def test_what_is_younger_than_a_week_or_under_way_stays(stage: Stage) -> None:
    """Whatever it holds."""
    catalog_runs(stage)
    everything = runs(stage)
    assert tidy(stage.instance, a_week_later() - timedelta(hours=3)).deleted == 0
    assert runs(stage) == everything
    job = stage.definitions.resolve_job_def("refresh_slices")
    under_way = {
        stage.instance.create_run_for_job(job, status=status).run_id
        for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
    }
    tidy(stage.instance, a_week_later())
    assert runs(stage) >= under_way


def test_one_tick_deletes_the_oldest_and_leaves_the_rest_for_the_next(stage: Stage) -> None:
    """Bounded work: with room for one, one goes at a time."""
    _, third = catalog_runs(stage)
    told = [tidy(stage.instance, a_week_later(), limit=1) for _ in range(3)]
    assert [(one.deleted, one.kept, one.left) for one in told] == [(1, 1, 1), (1, 1, 0), (0, 1, 0)]
    assert runs(stage) == {third}


@pytest.mark.parametrize("stored_stage", [BATCHED], indirect=True)
def test_a_deleted_run_leaves_no_file_behind(stored_stage: Stage) -> None:
    """Neither its events' database, nor its logs; what is told of the size is what the files have."""
    stage = stored_stage
    older, latest = catalog_runs(stage)
    assert all(files_of(stage, run_id) for run_id in (older, latest))
    before = size(stage.instance)
    told = tidy(stage.instance, a_week_later())
    assert not files_of(stage, older)
    assert files_of(stage, latest)
    assert (told.bytes_before, told.bytes_after) == (before, size(stage.instance))
    assert before is not None
    assert told.bytes_after is not None
    assert told.bytes_after < before


def files_of(stage: Stage, run_id: str) -> list[Path]:
    return [path for path in (stage.folder / "dagster").rglob("*") if run_id in path.name]


@ON_ONE
def test_a_backfill_under_way_keeps_its_runs(stored_stage: Stage) -> None:
    """The daemon counts by them what is done."""
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

    stage = stored_stage
    tags = {"dagster/backfill": "b-1"}
    mine = stage.run("refresh_catalog", tags).run_id
    stage.run("refresh_catalog")
    backfill = PartitionBackfill("b-1", BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0)
    stage.instance.add_backfill(backfill)
    assert mine in needed_runs(stage.instance)
    stage.instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert mine not in needed_runs(stage.instance)


@ON_ONE
def test_the_job_tells_in_its_run_what_it_did(stored_stage: Stage) -> None:
    """Its own run, and all of this week, stay."""
    stage = stored_stage
    before = runs(stage)
    result = housekeeping_job().execute_in_process(instance=stage.instance)
    assert result.success
    (event,) = [event for event in result.all_events if event.is_successful_output]
    told = {name: value.value for name, value in event.event_specific_data.metadata.items()}
    assert {name: value for name, value in told.items() if not name.startswith("mib")} == {
        "runs_deleted": 0,
        "old_runs_kept": 0,
        "runs_left_for_tomorrow": 0,
        "superseded_events_deleted": 0,
    }
    assert told["mib_before"] > 0
    assert runs(stage) == before | {result.run_id}


def test_the_schedule_is_on_without_anybody_turning_it_on() -> None:
    """Once a day, UTC."""
    schedule = housekeeping_schedule()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("25 3 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
