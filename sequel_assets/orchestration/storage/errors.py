"""Dagster's storage, when something is wrong with it: in our words, since SQLAlchemy's quote whole events, and Dagster prints them."""

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

_CRY = "Exception while writing logger call to event log"
_WORDS = {
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
def hush() -> None:
    """From now on no error of a database of this process quotes a statement or what was to be stored.

    The warehouse's engines hide parameters and are left alone: their errors are told in words of their own, by the statement.
    """
    event.listen(sa.Engine, "handle_error", _without_what_was_stored)
    # a pool logs a signal that came while it closed a connection, with a traceback; Python would print that where nobody listens
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())


def _without_what_was_stored(context: ExceptionContext) -> None:
    error, engine = context.sqlalchemy_exception, context.engine
    if error is not None and not (engine is not None and engine.hide_parameters):
        error.hide_parameters, error.statement, error.params, error.code = True, None, None, None


def in_words(error: sa.exc.SQLAlchemyError) -> str:
    """What is wrong with Dagster's storage, and what to do, in one line."""
    cause = str(getattr(error, "orig", None) or "")
    why = next((words for sign, words in _WORDS.items() if sign in cause), f"{type(error).__name__}")
    return f"Dagster cannot keep its runs: {why}; what was committed to the warehouse stays; look at DAGSTER_HOME, then run the same command again"


def was_interrupted(error: BaseException) -> bool:
    """Whether an error came up while a signal was being obeyed: then it is no news, the command was told to stop."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if not isinstance(cause, Exception | SystemExit | GeneratorExit):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def without_its_cry() -> Iterator[None]:
    """Keep back what Dagster writes to stderr of each event that it cannot store: the run fails, and we say why, once."""
    before = sys.stderr
    sys.stderr = _Deaf(before)
    try:
        yield
    finally:
        sys.stderr = before


class _Deaf:
    """A stderr that leaves one thing out."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_CRY) else self._inner.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
