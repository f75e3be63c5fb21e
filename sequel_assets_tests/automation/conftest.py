"""The stage that these tests play on."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sequel_assets_tests.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose companies and events are known already."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        made = Stage(tmp_path, stack)
        assert made.run("refresh_catalog").success
        yield made
