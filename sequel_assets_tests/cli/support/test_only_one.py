"""What one process does at a time is refused to a second one in one line, and free again afterwards."""

from pathlib import Path

import pytest

from sequel_assets.cli.commands import ui
from sequel_assets.cli.support.only_one import only_one
from sequel_assets.cli.support.terminal import UsageError


def test_a_second_one_is_refused_while_the_first_one_is_at_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with only_one(lock, ""), pytest.raises(UsageError) as caught, only_one(lock, "another one is at it"):
        pass
    assert str(caught.value) == "another one is at it"
    with only_one(lock, "nobody is"):
        pass


def test_a_second_ui_on_one_home_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two daemons on one home would each say that the other is there."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    refusal = f"another sequel-assets serve ui is running on {tmp_path}; end it first"
    with only_one(tmp_path / "ui.lock", ""), pytest.raises(UsageError) as caught:
        ui.serve_ui(port=3000)
    assert str(caught.value) == refusal
