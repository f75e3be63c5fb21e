"""A day later: one sandbox, a backfilled folder, and copies of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequel_assets.sandbox import Sandbox
from sequel_assets_tests.cli.changes.helpers import DAYS
from sequel_assets_tests.cli.checkout import Checkout


@pytest.fixture(autouse=True)
def _as_it_was(sandbox: Sandbox) -> Iterator[None]:
    attendance = sandbox.world.event("e-acme").rows
    yield
    sandbox.faults.clear()
    sandbox.api.on_request = None
    sandbox.world.restate("e-acme", attendance)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder with the whole world backfilled. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole") / "checkout"
    folder.mkdir()
    made = Checkout(folder, sandbox)
    done = made.call("backfill", *DAYS)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def checkout(tmp_path: Path, whole: Checkout, sandbox: Sandbox) -> Checkout:
    """A copy of it."""
    folder = tmp_path / "checkout"
    shutil.copytree(whole.folder, folder)
    return Checkout(folder, sandbox)
