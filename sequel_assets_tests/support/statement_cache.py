"""Statements that the whole test process compiles once, whatever number of databases it opens.

SQLAlchemy keeps compiled statements per engine, and each test opens a database of its own: without this module more than
half of the CPU of a pipeline test goes into composing and compiling the same SQL again. Engines of the same dialect share
one cache here, and the insights compose the SELECT of a company and a range of days once. The SQL is the same either way.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, MutableMapping
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS

COMPILED_AT_MOST, COMPOSED_AT_MOST = 2000, 32
"""Compiled statements in all, and composed ones of each insight; more would only cost memory."""


class SharedCompiledCache(MutableMapping[Any, Any]):
    """Holds compiled statements by what decides about their text: the dialect's kind and the server's version, not the engine."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Any] = {}

    @staticmethod
    def _shared(key: Any) -> Any:
        dialect, *rest = key
        return (type(dialect), dialect.server_version_info, dialect.default_schema_name, *rest)

    def __getitem__(self, key: Any) -> Any:
        return self._compiled[self._shared(key)]

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self._compiled) >= COMPILED_AT_MOST:
            self._compiled.clear()
        self._compiled[self._shared(key)] = compiled

    def __delitem__(self, key: Any) -> None:
        del self._compiled[self._shared(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._compiled)

    def __len__(self) -> int:
        return len(self._compiled)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a compiled statement; looked up for each execution, so it goes the short way."""
        return self._compiled.get(self._shared(key), default)


def share_statements() -> None:
    """Let every engine of this process use one cache, and every insight remember the SELECTs that it composed."""
    cache = SharedCompiledCache()

    @sa.event.listens_for(sa.Engine, "engine_connect")
    def _use(connection: sa.Connection) -> None:
        connection.execution_options(compiled_cache=cache)

    for insight in INSIGHTS:
        remembered = functools.lru_cache(COMPOSED_AT_MOST)(insight.select)
        object.__setattr__(insight, "select", remembered)  # the dataclass is frozen
