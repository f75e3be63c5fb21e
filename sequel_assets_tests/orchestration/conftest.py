"""The stages that these tests play on, begun as copies of prepared ones, with Dagster's storage pooled."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import dagster as dg
import pytest

from sequel_assets_tests.support.dagster_storage import pooled_storage
from sequel_assets_tests.support.small_world import DAYS
from sequel_assets_tests.support.stage import Stage

STORAGE = {"test_batched_event_log.py", "test_errors.py", "test_sqlite_storages.py"}
"""Tests of the storage itself, which run on Dagster's own connections."""


@pytest.fixture(autouse=True)
def _pooled(request: pytest.FixtureRequest) -> Iterator[None]:
    with nullcontext() if request.path.name in STORAGE else pooled_storage():
        yield


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
