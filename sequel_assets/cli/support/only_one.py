"""Lets one process at a time do something, by a lock on a file that goes with the process, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequel_assets.cli.support.terminal import UsageError


@contextmanager
def only_one(file: Path, refusal: str) -> Iterator[None]:
    """Hold the lock meanwhile; where another process has it, the command is refused with `refusal`."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(refusal) from None
        yield
