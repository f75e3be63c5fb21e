"""One sandbox a day after the small world's last day, for the tests that have none of their own."""

from collections.abc import Iterator

import pytest

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets_tests.cli.changes.helpers import LATER
from sequel_assets_tests.support.small_world import small_world


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all; each test leaves it as it was."""
    with Sandbox(small_world(), clock=Clock.pinned(LATER)) as made:
        yield made
