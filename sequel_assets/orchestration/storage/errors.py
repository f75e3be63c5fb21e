"""Errors of Dagster's storage, described in one line.

SQLAlchemy's own texts quote complete events with their values, and Dagster prints them; none of that may be shown.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TextIO

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

_TRACEBACK_HEADING = "Exception while writing logger call to event log"
_DESCRIPTIONS = {
    "database is locked": "it is locked by another process for too long",
    "database or disk is full": "the disk is full",
    "readonly database": "it is read-only for this user",
    "unable to open database file": "it cannot be opened",
    "disk I/O error": "the disk has an error",
    "no such table": "it is of another release of Dagster, or was deleted meanwhile",
    "file is not a database": "it is no database",
    "malformed": "it is damaged",
}


@cache
def hide_stored_values() -> None:
    """From now on no database error of this process quotes a statement or the values to be stored.

    The warehouse's engines hide parameters and are left alone: their errors are described elsewhere, by the statement.
    """
    event.listen(sa.Engine, "handle_error", _remove_stored_values)
    # a pool logs a signal that arrives while it closes a connection, with a traceback; Python prints it if no handler
    # is set
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())


def _remove_stored_values(context: ExceptionContext) -> None:
    error, engine = context.sqlalchemy_exception, context.engine
    if error is not None and not (engine is not None and engine.hide_parameters):
        error.hide_parameters, error.statement, error.params, error.code = True, None, None, None


def describe(error: sa.exc.SQLAlchemyError) -> str:
    """Return what is wrong with Dagster's storage, and what to do, in one line."""
    original = str(getattr(error, "orig", None) or "")
    reason = next((text for sign, text in _DESCRIPTIONS.items() if sign in original), f"{type(error).__name__}")
    return (
        f"Dagster cannot keep its runs: {reason}; what was committed to the warehouse stays; "
        "look at DAGSTER_HOME, then run the same command again"
    )


def was_interrupted(error: BaseException) -> bool:
    """Return whether an error was raised while a signal was being handled: the command was stopped on purpose."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if not isinstance(current, Exception | SystemExit | GeneratorExit):
            return True
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return False


@contextmanager
def without_storage_tracebacks() -> Iterator[None]:
    """Suppress the traceback that Dagster prints for each event it cannot store: the run fails with one line."""
    before = sys.stderr
    sys.stderr = _FilteredStderr(before)
    try:
        yield
    finally:
        sys.stderr = before


class _FilteredStderr:
    """A stderr without the tracebacks of Dagster's event log."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_TRACEBACK_HEADING) else self._inner.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
