"""Call `sequel-assets ...`: in a process of its own, or within this one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from sequel_assets.cli import app
from sequel_assets.sandbox import Sandbox
from sequel_assets_tests.support.command_server import ForkedCommand
from sequel_assets_tests.support.small_world import PERSON_KEY


def environment(sandbox: Sandbox, warehouse_url: str | None = None) -> dict[str, str]:
    """Every variable that a program needs for the sandbox's world."""
    told = {
        **sandbox.environment(),
        "SEQUEL_PERSON_KEY": PERSON_KEY,
        "SEQUEL_START_DATE": "2026-03-01",
        "SEQUEL_RETRY_BUDGET_SECONDS": "1",
    }
    return told | ({"SEQUEL_WAREHOUSE_URL": warehouse_url} if warehouse_url else {})


def clean_environment(**told: str) -> dict[str, str]:
    """The environment without anything that this project or Dagster reads, but what is told."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEQUEL_", "DAGSTER_", "COLUMNS", "PYTHONW"))}
    return {**kept, **told}


def hear_interrupts() -> None:
    """Listen to SIGINT, also where a shell started us in the background: Dagster ends by it. For a process that begins."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


COMMAND = [sys.executable, "-m", "sequel_assets.cli"]


def run_command(
    arguments: list[str], cwd: Path, env: Mapping[str, str], timeout: float = 240, *, is_fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Execute `sequel-assets ...` to its end in a process of its own, with a fresh interpreter where it matters."""
    with start_command(arguments, cwd, env, is_fresh=is_fresh) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def start_command(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], *, is_fresh: bool = False
) -> subprocess.Popen[str]:
    """Start `sequel-assets ...` in a process of its own: a fresh interpreter, or one that has imported everything."""
    told = clean_environment(**env)
    if not is_fresh:
        return ForkedCommand(arguments, cwd, told)
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def call_in_process(arguments: list[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Execute `sequel-assets ...` to its end within this process, as its own would."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        variables(clean_environment(**env)),
        chdir(cwd),
        patch.object(sys, "argv", ["sequel-assets", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            app.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextmanager
def variables(told: Mapping[str, str]) -> Iterator[None]:
    """Give this process an environment with nothing of ours but what is told."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({**{k: v for k, v in before.items() if not k.startswith(("SEQUEL_", "DAGSTER_"))}, **told})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
