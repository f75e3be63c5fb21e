"""The assets without a day, materialized one by one and on a warehouse that is not there yet."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import COMPANIES, COMPANY_PARENTS, LISTS
from sequel_assets.warehouse.schema import newest, version
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A Dagster whose warehouse is a file that is not there."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        made = Stage(tmp_path, stack)
        made.warehouse.dispose()
        for file in tmp_path.glob("warehouse.db*"):
            file.unlink()
        yield made


def materialize(stage: Stage, name: str) -> dg.ExecuteInProcessResult:
    """As `dagster asset materialize --select name` does."""
    job = stage.definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=stage.instance, asset_selection=[dg.AssetKey(name)], raise_on_error=False)


def names(result: dg.ExecuteInProcessResult) -> list[str]:
    """The assets that a run has materialized."""
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]


def test_companies_can_be_materialized_first_of_all(empty: Stage) -> None:
    """The warehouse is made, the partitions are there, and the other asset of the walk is left out of the run."""
    result = materialize(empty, COMPANIES.name)
    assert result.success
    assert names(result) == [COMPANIES.name]
    assert len(empty.instance.get_dynamic_partitions("company")) == 3
    with empty.warehouse.read() as connection:
        assert version(connection) == newest()
        stored = [
            connection.scalar(sa.select(sa.func.count()).select_from(one.table)) for one in (COMPANIES, COMPANY_PARENTS)
        ]
    assert stored == [3, 3]


def test_a_list_is_materialized_alone(empty: Stage) -> None:
    """Registrants without the rooms of hubs."""
    assert materialize(empty, COMPANIES.name).success
    assert materialize(empty, "events").success
    result = materialize(empty, LISTS[0].name)
    assert (result.success, names(result)) == (True, [LISTS[0].name])
