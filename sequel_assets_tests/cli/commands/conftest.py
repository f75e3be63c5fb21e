"""One sandbox, a folder that was backfilled, and fresh ones, for the tests of the commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets_tests.cli.checkout import RANGE, SAID, Checkout
from sequel_assets_tests.support.small_world import NOW, small_world
from sequel_assets_tests.support.suite.made_once import copy_of


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all; each test leaves it as it was."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults.clear()
    sandbox.api.latency_ms = 0
    sandbox.api.on_request = None


@pytest.fixture
def checkout(tmp_path: Path, sandbox: Sandbox) -> Checkout:
    """A fresh folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Checkout(folder, sandbox)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder with the whole world backfilled by one undisturbed call; what others must come to. Do not write to it."""

    def backfill(folder: Path) -> None:
        (folder / "checkout").mkdir()
        done = Checkout(folder / "checkout", sandbox).call(*RANGE, is_fresh=True)
        assert (done.returncode, done.stderr) == (0, "")
        (folder / SAID).write_text(done.stdout)

    return Checkout(copy_of(tmp_path_factory, "whole", backfill) / "checkout", sandbox)


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder in which every command is refused, so that it stays empty."""
    folder = tmp_path_factory.mktemp("refusing") / "checkout"
    folder.mkdir()
    return Checkout(folder, sandbox)
