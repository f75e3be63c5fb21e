"""Errors of Dagster's storage and of our own mistakes: in our words, without what was to be stored."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sequel_assets.orchestration.resources import in_one_line
from sequel_assets.orchestration.storage.errors import (
    describe,
    hide_stored_values,
    was_interrupted,
    without_storage_tracebacks,
)

NAME = "Zebedee Quillfeather"


def test_no_database_of_this_process_quotes_what_was_to_be_stored() -> None:
    """Dagster's engines are its own, and its errors are printed as they are."""
    hide_stored_values()
    hide_stored_values()
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(SQLAlchemyError) as caught:
        connection.execute(sa.text("INSERT INTO t VALUES (:who)"), {"who": NAME})
    engine.dispose()
    assert str(caught.value) == "(sqlite3.OperationalError) no such table: t"
    assert NAME not in repr(vars(caught.value))


STOPPED_WHILE_CLOSING = """
import sqlite3
import sqlalchemy as sa
from sequel_assets.orchestration.storage.errors import hide_stored_values

class Stubborn(sqlite3.Connection):
    def close(self):
        raise KeyboardInterrupt

hide_stored_values()
engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:", factory=Stubborn), poolclass=sa.NullPool)
try:
    engine.connect().close()
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_stop_while_a_connection_is_closed_prints_no_traceback() -> None:
    """SQLAlchemy's pool logs whatever comes then, and goes on to raise it."""
    done = subprocess.run([sys.executable, "-c", STOPPED_WHILE_CLOSING], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("database is locked", "it is locked by another process for too long"),
        ("database or disk is full", "the disk is full"),
        (f"duplicate key: {NAME}", "OperationalError"),
    ],
)
def test_what_is_wrong_with_the_storage_is_told_in_one_line(said: str, words: str) -> None:
    """What, whether data is safe, what to do; of an error that is not known its kind."""
    told = describe(OperationalError("INSERT", {"who": NAME}, Exception(said)))
    assert (
        told
        == f"Dagster cannot keep its runs: {words}; what was committed to the warehouse stays; look at DAGSTER_HOME, then run the same command again"
    )


def raised_while(*causes: type[BaseException]) -> BaseException:
    """An error that came up while others were being dealt with."""
    error: BaseException = ValueError("the last")
    inner = error
    for cause in causes:
        inner.__context__ = inner = cause("x")
    return error


def test_an_error_that_came_up_while_a_signal_was_obeyed_is_known() -> None:
    """However deep; a chain that bites its own tail ends."""
    assert was_interrupted(raised_while(KeyError, KeyboardInterrupt))
    assert not was_interrupted(raised_while(KeyError, SystemExit, GeneratorExit))
    looped = raised_while(KeyError)
    looped.__context__.__context__ = looped  # type: ignore[union-attr]
    assert not was_interrupted(looped)


def test_dagsters_cry_is_kept_back_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is written to stderr stays."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with without_storage_tracebacks():
        sys.stderr.write(f"Exception while writing logger call to event log: {NAME}\n")
        sys.stderr.write("another\n")
        assert sys.stderr.isatty() is False
    assert (sys.stderr, written.getvalue()) == (written, "another\n")


def fail_with(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        with in_one_line():
            raise error

    return fail


def test_a_mistake_of_ours_is_told_by_its_kind_and_place_alone() -> None:
    """Dagster would keep its text, and that of its causes, for as long as the run."""
    mistake = KeyError(NAME)
    mistake.__cause__ = ValueError(NAME)
    with pytest.raises(dg.Failure) as caught:
        fail_with(mistake)()
    said = str(caught.value.description)
    assert said.startswith("an unexpected KeyError at test_errors.py:")
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    with pytest.raises(dg.Failure, match="Dagster cannot keep its runs"):
        fail_with(OperationalError("INSERT", {"who": NAME}, Exception("database is locked")))()


@pytest.mark.parametrize("error", [dg.Failure("ours"), dg.RetryRequested(1), KeyboardInterrupt()], ids=repr)
def test_what_dagster_is_to_see_it_sees(error: BaseException) -> None:
    """Its own words for failing, trying again and being stopped."""
    with pytest.raises(type(error)) as caught:
        fail_with(error)()
    assert caught.value is error
