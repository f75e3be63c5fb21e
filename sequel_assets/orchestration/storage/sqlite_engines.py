"""One SQLAlchemy engine for each of Dagster's SQLite files, whichever instance of the process uses it.

Dagster makes an engine for every statement, which compiles its SQL again: most of what an event costs. A file that was
replaced by another gets a new engine. Connections stay open only where that is asked for: Dagster's pages see an event of
a run when the run's file changes, which it does when the last connection to it is closed.
"""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

MAX_ENGINES = 16
"""Of a process: Dagster has three files that are always in use, and one for each run."""
BUSY_SECONDS = 30
"""How long a connection waits for another process, as in Dagster's event log."""
Identity = tuple[int, int] | None
"""Device and number of a file; None while there is none."""


def identity(path: Path) -> Identity:
    """Return what differs between a file and one that replaces it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@dataclass
class _Kept:
    engine: sa.Engine
    file: Identity


@dataclass
class Engines:
    """The engines that were used last."""

    _kept: OrderedDict[Path, _Kept] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, path: Path, *, keeps_connections: bool) -> sa.Engine:
        """Return the engine of a file."""
        with self._lock:
            now, kept = identity(path), self._kept.pop(path, None)
            if kept is not None and kept.file not in (None, now):
                kept.engine.dispose()
                kept = None
            if kept is None:
                kept = _Kept(_make(path, keeps_connections=keeps_connections), now)
            kept.file = now
            self._kept[path] = kept
            while len(self._kept) > MAX_ENGINES:
                self._kept.popitem(last=False)[1].engine.dispose()
            return kept.engine

    def dispose(self) -> None:
        """Close every connection that nobody uses."""
        with self._lock:
            for kept in self._kept.values():
                kept.engine.dispose()
            self._kept.clear()


def _make(path: Path, *, keeps_connections: bool) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    if keeps_connections:
        return sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    return sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, poolclass=sa.NullPool)


ENGINES = Engines()
"""Those of this process."""
atexit.register(ENGINES.dispose)
