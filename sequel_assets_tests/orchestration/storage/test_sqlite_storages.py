"""Dagster's SQLite files under our own storages: the same content in the same places, compared and compiled once."""

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test

from sequel_assets.orchestration.storage.event_log import begin_at_newest_event
from sequel_assets.orchestration.storage.sqlite_engines import MAX_ENGINES, Engines
from sequel_assets.orchestration.storage.sqlite_storages import RunStorage, ScheduleStorage, compare_once
from sequel_assets_tests.support.stage import our_storages

pytestmark = pytest.mark.slow


def test_dagsters_own_storages_find_what_ours_have_stored_and_the_other_way_round(tmp_path: Path) -> None:
    """A home may be used by both: the files stand where Dagster's default has them."""
    home = str(tmp_path)
    with dg.instance_for_test(our_storages(tmp_path), temp_dir=home) as ours:
        assert (type(ours.run_storage), type(ours.schedule_storage)) == (RunStorage, ScheduleStorage)
        first = create_run_for_test(ours, tags={"made": "by ours"})
        ours.add_dynamic_partitions("company", ["acme"])
    with dg.instance_for_test(temp_dir=home) as plain:
        assert [run.run_id for run in plain.get_runs()] == [first.run_id]
        assert list(plain.get_dynamic_partitions("company")) == ["acme"]
        second = create_run_for_test(plain)
    with dg.instance_for_test(our_storages(tmp_path), temp_dir=home) as again:
        assert [run.run_id for run in again.get_runs()] == [second.run_id, first.run_id]
        assert again.all_instigator_state() == []
        assert (again.run_storage.alembic_version(), again.schedule_storage.alembic_version()) == (
            plain.run_storage.alembic_version(),
            plain.schedule_storage.alembic_version(),
        )


def test_the_daemon_that_retries_runs_begins_at_the_newest_event_and_stays_where_it_is(tmp_path: Path) -> None:
    """It would do the same by itself, with two warnings; where it has begun nothing is moved."""
    with dg.instance_for_test(our_storages(tmp_path), temp_dir=str(tmp_path)) as instance:
        keys = {f"EVENT_LOG_CONSUMER_CURSOR-{kind}" for kind in ("PIPELINE_FAILURE", "PIPELINE_SUCCESS")}
        begin_at_newest_event(instance)
        assert instance.daemon_cursor_storage.get_cursor_values(keys) == dict.fromkeys(keys, "0")
        instance.report_runless_asset_event(dg.AssetMaterialization("companies"))
        begin_at_newest_event(instance)
        assert instance.daemon_cursor_storage.get_cursor_values(keys) == dict.fromkeys(keys, "0")
    (tmp_path / "new").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "new")) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("companies"))
        begin_at_newest_event(instance)
        assert instance.daemon_cursor_storage.get_cursor_values(keys) == dict.fromkeys(keys, "1")


def test_a_file_is_compared_once_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    """A new one in its place is compared again; so is one that was not there."""
    file, done = tmp_path / "runs.db", []

    def opened() -> str:
        return compare_once(file, lambda: done.append("compared") or "made", lambda: "trusted")  # type: ignore[func-returns-value]

    assert [opened(), opened()] == ["made", "made"]
    file.write_text("")
    assert [opened(), opened(), opened()] == ["made", "trusted", "trusted"]
    (tmp_path / "new").write_text("")
    (tmp_path / "new").replace(file)
    assert [opened(), opened()] == ["made", "trusted"]
    assert len(done) == 4


def test_an_engine_belongs_to_one_file_and_few_are_kept(tmp_path: Path) -> None:
    """Who deletes a home and makes a new one does not read the old one."""
    engines, file = Engines(), tmp_path / "index.db"

    def numbers() -> list[int]:
        with engines.of(file, keeps_connections=True).begin() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))
            connection.execute(sa.text("INSERT INTO t SELECT count(*) FROM t"))
            return list(connection.execute(sa.text("SELECT n FROM t ORDER BY n")).scalars())

    assert [numbers(), numbers()] == [[0], [0, 1]]
    first = engines.of(file, keeps_connections=True)
    file.unlink()
    assert numbers() == [0]
    assert engines.of(file, keeps_connections=True) is not first
    for n in range(MAX_ENGINES):
        engines.of(tmp_path / f"{n}.db", keeps_connections=False)
    assert numbers() == [0, 1]
    assert len(engines._kept) == MAX_ENGINES
    engines.dispose()
