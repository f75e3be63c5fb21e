"""How long each test file takes, so that the longest begin first and several worker processes end together.

`SEQUEL_TEST_DURATIONS=1` (`make durations`) records the durations of a run into `durations.json`. A file that is not in
it is taken for a short one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from sequel_assets_tests.support.paths import PROJECT

FILE = Path(__file__).parent / "durations.json"
SHORTEST = 1.0
"""Seconds; shorter files are not recorded, so that the table changes little."""


def by_duration(items: list[pytest.Item]) -> None:
    """Put the files that take longest in front; the tests of a file stay together and in order."""
    known: dict[str, float] = json.loads(FILE.read_text())
    items.sort(key=lambda item: -known.get(item.path.relative_to(PROJECT).as_posix(), 0))


class DurationRecorder:
    """A plugin that adds up the durations of each file and writes the table at the end of a run."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a phase of a test; with several workers their reports arrive here too."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration  # type: ignore[assignment]

    def pytest_sessionfinish(self) -> None:
        """Write the table."""
        long = {file: round(seconds, 1) for file, seconds in sorted(self._seconds.items()) if seconds >= SHORTEST}
        FILE.write_text(json.dumps(long, indent=2) + "\n")


def record(config: pytest.Config) -> None:
    """Record this run where that is asked for; the process that collects the reports does."""
    if os.environ.get("SEQUEL_TEST_DURATIONS") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(DurationRecorder())
