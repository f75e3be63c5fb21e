"""`sequel-assets repair` on real instances: whatever was lost, afterwards the partition view says what `refreshes` says."""

import re
import shutil

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.cli.commands.repair import repair
from sequel_assets.orchestration.storage.partition_view import PartitionStates, PartitionView, RepairPlan, repair_plan
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.warehouse.tables.core import problems
from sequel_assets_tests.orchestration.storage.storages import ON_BOTH, REFRESHED, stored_stage
from sequel_assets_tests.support.commands.calls import run_command
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow

__all__ = ["stored_stage"]
NAMES = [dataset.name for dataset in SLICED]
NOTHING = "Dagster's partition view matches the warehouse; there is nothing to repair."
Statuses = dict[str, tuple[set[str], set[str]]]


def statuses(stage: Stage) -> Statuses:
    return {name: stage.statuses(name) for name in NAMES}


def repaired(capsys: pytest.CaptureFixture[str], *companies: str, is_dry: bool = False) -> str:
    assert repair(settings.load(), companies, is_dry=is_dry) == 0
    return capsys.readouterr().out


ON_REFRESHED = pytest.mark.parametrize("stored_stage", [REFRESHED], indirect=True)


@pytest.mark.scenario
@ON_REFRESHED
def test_a_right_partition_view_is_left_alone(stored_stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so and stores no event."""
    before, newest = statuses(stored_stage), stored_stage.instance.event_log_storage.get_maximum_record_id()
    assert NOTHING in repaired(capsys)
    assert statuses(stored_stage) == before
    assert stored_stage.instance.event_log_storage.get_maximum_record_id() == newest


@pytest.mark.scenario
@ON_BOTH
def test_slices_whose_runs_were_deleted_are_reported_again(
    stored_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their figures, by company and dataset; telling only changes nothing, a second call finds nothing."""
    stage = stored_stage
    run_id = stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).run_id
    right = statuses(stage)
    kept = {"dagster/row_count", "data_through", "final", "engaged_minutes", "people", "preview"}
    figures = {name: stage.latest("event_participants", ACME, DAYS[0])[name] for name in kept}
    stage.instance.delete_run(run_id)
    assert stage.instance.get_materialized_partitions(dg.AssetKey("daily_usage")) == set()
    dry = repaired(capsys, is_dry=True)
    assert "What would be done" in dry
    assert stage.instance.get_materialized_partitions(dg.AssetKey("daily_usage")) == set()
    said = repaired(capsys)
    rows = [line.split("│")[1:5] for line in said.splitlines() if "│" in line]
    assert {tuple(cell.strip() for cell in row) for row in rows if row[0].strip() != "all"} == {
        (stage.key(company), name, str(len(DAYS)), "0") for company in (ROOT, ACME, BOLT) for name in NAMES
    }
    assert statuses(stage) == right
    now = stage.latest("event_participants", ACME, DAYS[0])
    assert {name: now[name] for name in kept} == figures
    assert NOTHING in repaired(capsys)


@ON_REFRESHED
def test_a_lost_home_gets_its_companies_and_slices_back(
    stored_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an empty instance: partitions are added, every slice is reported; those of one company where it is named."""
    stage = stored_stage
    right = statuses(stage)
    stage.instance.wipe()
    stage.instance.event_log_storage.wipe()
    for company in (ROOT, ACME, BOLT):
        stage.instance.delete_dynamic_partition("company", stage.key(company))
    said = repaired(capsys, ACME)
    assert f"companies whose partitions were added: {stage.key(ACME)}" in said
    assert list(stage.instance.get_dynamic_partitions("company")) == [stage.key(ACME)]
    assert stage.statuses("daily_usage") == (stage.slice_keys([ACME], DAYS), set())
    repaired(capsys)
    assert statuses(stage) == right


@pytest.mark.scenario
def test_slices_that_an_older_warehouse_lacks_look_materialized_no_more(
    stored_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """They become missing ones, not failed ones, and the asset's latest is one that is there."""
    stage = stored_stage
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[0]).success
    assert all(stage.refresh([company], DAYS[1], DAYS[-1]).success for company in (ROOT, BOLT))
    stage.warehouse.dispose()
    backup = shutil.copy(stage.folder / "warehouse.db", stage.folder / "backup.db")
    assert stage.refresh([ACME], DAYS[1], DAYS[-1]).success
    stage.warehouse.dispose()
    shutil.copy(backup, stage.folder / "warehouse.db")
    said = repaired(capsys)
    assert "Repaired" in said
    gone = stage.slice_keys([ACME], DAYS[1:])
    there = stage.slice_keys([ROOT, ACME, BOLT], DAYS) - gone
    waiting = stage.slice_keys([ROOT], DAYS[1:])  # its roll-up holds nothing that a company beneath it lacks
    right = {name: (there, set[str]()) for name in NAMES} | {"company_rollup": (there - waiting, set[str]())}
    assert statuses(stage) == right
    for name in NAMES:
        (record,) = stage.instance.get_asset_records([dg.AssetKey(name)])
        latest = record.asset_entry.last_materialization
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.partition not in gone
    assert NOTHING in repaired(capsys)
    assert stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    assert stage.statuses("daily_usage")[0] == stage.slice_keys([ROOT, ACME, BOLT], DAYS)


@pytest.mark.scenario
@ON_REFRESHED
def test_a_slice_that_failed_and_is_good_now_turns_green(
    stored_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """But not while a problem stands: it may well be red then."""
    stage = stored_stage
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    assert not stage.refresh([ACME], DAYS[0], DAYS[-1], mode="sequel_assets/force").success
    red = statuses(stage)
    assert red["event_participants"][1]
    assert NOTHING in repaired(capsys)
    assert statuses(stage) == red
    with stage.warehouse.write(ACME) as connection:
        connection.execute(sa.delete(problems))
    repaired(capsys)
    assert statuses(stage) == {name: (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set()) for name in NAMES}
    assert NOTHING in repaired(capsys)


def test_what_a_run_is_refreshing_is_left_to_that_run() -> None:
    """Neither reported nor cleared, be it there or not."""
    recorded = PartitionStates(frozenset({"b", "c"}), frozenset({"d"}), frozenset({"a", "b"}))
    assert repair_plan(PartitionView(recorded, recorded), ["a", "c", "e"], []) == RepairPlan(
        ("e",), (), clears_cache=False
    )


def test_pages_that_show_more_than_their_events_say_are_drawn_once_more() -> None:
    """Dagster's cache of a partition view does not notice that runs were deleted."""
    recorded, shown = PartitionStates(frozenset({"a"})), PartitionStates(frozenset({"a", "b", "c"}))
    assert repair_plan(PartitionView(recorded, shown), ["a", "b"], []) == RepairPlan(("b",), ("c",), clears_cache=True)


@ON_REFRESHED
def test_the_command_refuses_a_company_that_is_none_and_makes_no_home_to_look_at(stored_stage: Stage) -> None:
    """Where Dagster's home is lost, a dry run tells of everything and leaves no folder behind."""
    stage = stored_stage
    wrong = run_command(["repair", "--company", "nobody"], stage.folder, stage.variables)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("--company nobody: there is no such company; known are ")
    shutil.rmtree(stage.folder / ".sequel", ignore_errors=True)
    dry = run_command(["repair", "--dry-run"], stage.folder, stage.variables)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "companies whose partitions would be added: " in dry.stdout
    assert re.search(rf"all +│ +│ +{len(NAMES) * len(DAYS) * 3} │ +0 │", dry.stdout)
    assert not (stage.folder / ".sequel").exists()
