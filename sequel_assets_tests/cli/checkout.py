"""A folder where commands are called, as people call them, for the tests of the command line."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse.tables.core import companies, people
from sequel_assets_tests.support.commands.calls import (
    call_in_process,
    environment,
    run_command,
    start_command,
    variables,
)
from sequel_assets_tests.support.stage import rows_of

RANGE = ["backfill", "--from", "2026-03-01", "--to", "2026-03-03"]
SAID = "said.txt"
"""Beside a folder that was made once for all: what its backfill printed."""
TABLES = [*SLICED, people, companies]


class Checkout:
    """A folder where commands are called, with the sandbox's account."""

    def __init__(self, folder: Path, sandbox: Sandbox, **told: str) -> None:
        self.folder, self.env = folder, {**environment(sandbox), **told}
        self.home = folder.parent / f"home of {folder.name}"
        self.home.mkdir(exist_ok=True)
        self.env["HOME"] = str(self.home)
        self.url = f"sqlite:///{folder / '.sequel' / 'warehouse.db'}"

    def call(self, *arguments: str, is_fresh: bool = False, **told: str) -> "subprocess.CompletedProcess[str]":
        """Call a command to its end."""
        return run_command(list(arguments), self.folder, self.env | told, is_fresh=is_fresh)

    def start(self, *arguments: str, is_fresh: bool = False, **told: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return start_command(list(arguments), self.folder, self.env | told, is_fresh=is_fresh)

    def refused(self, code: int, *arguments: str, **told: str) -> list[str]:
        """Call a command that must be refused without a traceback and without a word on stdout; its lines."""
        return self._refused(self.call(*arguments, **told), code)

    def refused_quickly(self, code: int, *arguments: str, **told: str) -> list[str]:
        """The same within this process."""
        return self._refused(self.quickly(*arguments, **told), code)

    def _refused(self, done: "subprocess.CompletedProcess[str]", code: int) -> list[str]:
        assert (done.returncode, done.stdout) == (code, ""), done
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()

    def quickly(self, *arguments: str, **told: str) -> subprocess.CompletedProcess[str]:
        """Call a command within this process, which spares the seconds that a new one takes to import."""
        return call_in_process(list(arguments), self.folder, self.env | told)

    @contextmanager
    def dagster(self, home: Path | None = None) -> Iterator[dg.DagsterInstance]:
        """Dagster's instance."""
        place = str(home or self.folder / ".sequel" / "dagster")
        with variables({**os.environ, "DAGSTER_HOME": place}), dg.DagsterInstance.from_config(place) as instance:
            yield instance

    def runs(self, home: Path | None = None) -> list[str]:
        """The statuses of Dagster's runs, newest first."""
        with self.dagster(home) as instance:
            return [run.status.value for run in instance.get_runs()]


def tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of data."""
    return {getattr(table, "name", ""): rows_of(url, table) for table in TABLES}
