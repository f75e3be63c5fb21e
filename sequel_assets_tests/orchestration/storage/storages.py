"""The two ways in which Dagster's own storage is kept, for tests that look into it.

At the small scale those that name no storage run on the first alone (`ON_BOTH` names both).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sequel_assets_tests.support.stage import Stage, our_storages
from sequel_assets_tests.support.suite.scale import some

BATCHED, POSTGRESQL = "batched SQLite", "PostgreSQL"
REFRESHED = "batched SQLite, refreshed"
"""The first, on a stage whose every slice was refreshed in one run."""


ON_BOTH = pytest.mark.parametrize("stored_stage", some([BATCHED], [BATCHED, POSTGRESQL]), indirect=True)
"""For what asks Dagster's storage in a way of its own."""


def dagster_yaml(kind: str, folder: Path, new_database: Callable[..., str]) -> dict[str, Any]:
    """What dagster.yaml says of the storage."""
    if kind != POSTGRESQL:
        return our_storages(folder / "dagster")
    url = new_database("postgresql", migrated=False).replace("postgresql://", "postgresql+psycopg2://")
    return {"storage": {"postgres": {"postgres_url": url}}}


@pytest.fixture(params=some([BATCHED], [BATCHED, POSTGRESQL]))
def stored_stage(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """A stage on each storage, its companies and events known, Dagster's home told as a command finds it."""
    monkeypatch.chdir(tmp_path)
    kind = str(request.param)
    folder = {BATCHED: "folder_of_catalog", REFRESHED: "folder_of_refresh"}.get(kind)
    copy_of = request.getfixturevalue(folder) if folder else None
    with ExitStack() as stack:
        made = Stage(tmp_path, stack, dagster_yaml=dagster_yaml(kind, tmp_path, new_database), copy_of=copy_of)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
        assert copy_of or made.run("refresh_catalog").success
        yield made
