"""What is costly to make and the same for every worker process: made by the first that needs it, copied by the others."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def copy_of(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of this worker's own with what `make` writes into the empty folder that it gets.

    `make` is called once in a session, whatever the number of workers; those that come meanwhile wait. If it fails, the
    next one that needs the folder calls it again.
    """
    common = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    original = common / f"once-{name}"
    with (common / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            unfinished = common / f"once-{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(original)
    mine = factory.mktemp(name) / "copy"
    shutil.copytree(original, mine)
    return mine
