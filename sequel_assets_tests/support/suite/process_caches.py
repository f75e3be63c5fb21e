"""What the whole test process makes once, whatever number of databases, instances and clients the tests open.

Libraries keep these per engine, instance or client, and each test opens its own: without this module more than half of
the CPU of a pipeline test goes into compiling the same SQL again, and most of a Dagster instance's start into reading
the same migrations. What the tests see is the same either way.
"""

from __future__ import annotations

import functools
import ssl
from typing import Any

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionMap

COMPILED_AT_MOST = 2000
"""Compiled statements in all; more would only cost memory."""


class SharedCompiledCache(dict[Any, Any]):
    """Holds compiled statements by what decides about their text: the dialect's kind and the server's version, not the engine."""

    @staticmethod
    def _shared(key: Any) -> Any:
        dialect, *rest = key
        return (type(dialect), dialect.server_version_info, dialect.default_schema_name, *rest)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a compiled statement, whichever engine compiled it."""
        return super().get(self._shared(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        """Keep a compiled statement for every engine; a full cache begins again."""
        if len(self) >= COMPILED_AT_MOST:
            self.clear()
        super().__setitem__(self._shared(key), compiled)


def share_all() -> None:
    """Share what costs most; called once, before any test."""
    _share_compiled_statements()
    _share_migrations()
    _share_certificates()


def _share_compiled_statements() -> None:
    cache = SharedCompiledCache()

    @sa.event.listens_for(sa.Engine, "engine_connect")
    def _use(connection: sa.Connection) -> None:
        connection.execution_options(compiled_cache=cache)


def _share_migrations() -> None:
    """Read the scripts of each folder of migrations once: ours, and those of Dagster's three storages."""
    maps: dict[tuple[str, ...], RevisionMap] = {}
    make = ScriptDirectory.__init__

    @functools.wraps(make)
    def made(self: ScriptDirectory, *arguments: Any, **more: Any) -> None:
        make(self, *arguments, **more)
        place = (str(self.dir), *map(str, self.version_locations or ()))
        self.revision_map = maps.setdefault(place, self.revision_map)

    ScriptDirectory.__init__ = made  # type: ignore[method-assign]


def _share_certificates() -> None:
    """Parse each file of certificate authorities once; each HTTP client does, also one that never speaks TLS."""
    make = ssl.create_default_context
    of_file = functools.cache(lambda file: make(cafile=file))

    def made(*arguments: Any, **more: Any) -> ssl.SSLContext:
        is_of_file = not arguments and list(more) == ["cafile"]
        return of_file(more["cafile"]) if is_of_file else make(*arguments, **more)

    ssl.create_default_context = made
