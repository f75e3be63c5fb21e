"""What can be wrong with a database, each as one line: what, where, is the data safe, what next.

The words are ours, found by the class of the error: those of a server or a driver may quote a row, and rows hold names and
e-mails. What is shown beside them is the server's five-character code and which of our tables the statement was about.
"""

import re

import sqlalchemy as sa
from sqlalchemy import exc

from sequel_assets.warehouse.database.error_codes import CODES, CONNECTING, ROLLED_BACK, SQLITE, SQLITE_REFUSALS


class WarehouseError(Exception):
    """The warehouse cannot be used as it is; the text is one line, fit to be shown. Nothing was half-written."""


class TransactionInterrupted(WarehouseError):  # noqa: N818 - a state, not an error
    """The transaction did not come to its end, by no fault of its own: as a whole it may be tried again."""


class TransactionUncertain(TransactionInterrupted):
    """The connection ended while a transaction was being committed: it is there as a whole, or not at all."""


class ValueRefused(ValueError):  # noqa: N818 - what it says of a value
    """A value that must not be stored; its text is ours and holds nothing personal."""


LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""Codes of a connection that has ended, or of a server that is not there yet; all of class 08 beside them."""
CONFLICTS = frozenset({"40001", "40P01"})
STARTING = "57P03"


def place(url: sa.URL) -> str:
    """Return the warehouse's address for people, without its password, also where that would stand behind the `?`."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}" if url.database else "sqlite://"
    shown = url.difference_update_query([name for name in url.query if "pass" in name.lower()])
    return shown.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def explain(error: exc.SQLAlchemyError, url: sa.URL, *, is_committing: bool = False) -> WarehouseError:
    """Turn a driver's error into one line of our own, and take out of it what its values were."""
    kind, words = _words(error, url, is_committing=is_committing)
    forget_values(error)
    return kind(f"the warehouse {place(url)} {words}")


def _words(error: exc.SQLAlchemyError, url: sa.URL, *, is_committing: bool) -> tuple[type[WarehouseError], str]:
    cause = getattr(error, "orig", None)
    if isinstance(cause, ValueRefused):
        return WarehouseError, f"was given a value that it must not hold: {cause}; {ROLLED_BACK}"
    if isinstance(error, exc.TimeoutError):
        words = "has no connection left in this process for longer than the time-out; nothing was written; try again"
        return WarehouseError, words
    if url.get_backend_name() == "sqlite":
        text = str(cause or "")
        found = next((words for sign, words in SQLITE.items() if sign in text), "")
        return WarehouseError, found or _with_note(_of_sqlite(text), "", error)
    code = code_of(error)
    if code in CONFLICTS:
        return TransactionInterrupted, f"had two transactions in each other's way ({code}); {ROLLED_BACK}; repeat"
    if is_lost(error) and is_committing:
        words = (
            "went away while a transaction was being committed: it is there as a whole or not at all; "
            "repeat, which changes nothing that is there"
        )
        return TransactionUncertain, words
    if is_lost(error):
        why = code or "the connection was lost"
        return TransactionInterrupted, f"went away ({why}); {ROLLED_BACK}; repeat when the server is back"
    words = CODES.get(code, CODES.get(code[:2], "")) if code else _of_connecting(cause)
    return WarehouseError, _with_note(words, code, error)


def _with_note(words: str, code: str, error: exc.SQLAlchemyError) -> str:
    """Return the words with the code and what of ours it was about; where there are none, the kind of error at least."""
    words = words or f"refused a statement; {ROLLED_BACK}"
    note = ", ".join([code or _name(getattr(error, "orig", None) or error), *_names_of_ours(error)])
    head, *rest = words.split("; ", 1)
    return "; ".join([f"{head} ({note})", *rest])


def _of_sqlite(text: str) -> str:
    return next((words for sign, words in SQLITE_REFUSALS.items() if sign in text), "")


def code_of(error: exc.SQLAlchemyError) -> str:
    """Return the server's code (SQLSTATE) of an error, "" where there is none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def is_lost(error: exc.SQLAlchemyError) -> bool:
    """Say whether the connection has ended under it, or could not be made."""
    code = code_of(error)
    if code:
        return code in LOST or code.startswith("08")
    return isinstance(error, exc.DBAPIError) and (
        error.connection_invalidated or (isinstance(error.orig, BaseException) and _says_lost(str(error.orig)))
    )


_LOST_SIGNS = (
    "the connection is closed",
    "the connection is lost",
    "consuming input failed",
    "server closed the connection",
)


def _says_lost(text: str) -> bool:
    return any(sign in text for sign in _LOST_SIGNS)


def _of_connecting(cause: BaseException | None) -> str:
    """Return our words for an error without a code: the driver has none for what happens while it connects."""
    text = re.sub(r'"[^"]*"', '""', str(cause or "")).lower()  # a host may be called anything
    return next((words for sign, words in CONNECTING if re.search(sign, text)), "")


def is_not_up(error: exc.SQLAlchemyError) -> bool:
    """Say whether a connection was refused because the server is starting or stopping."""
    return code_of(error) == STARTING or bool(
        re.search(
            r"database system is (starting|shutting|in recovery)|not yet accepting",
            str(error.__dict__.get("orig") or ""),
        )
    )


def is_refused(error: exc.SQLAlchemyError) -> bool:
    """Say whether a server that is there would not let us in: waiting does not change that."""
    text = re.sub(r'"[^"]*"', '""', str(error.__dict__.get("orig") or "")).lower()
    return bool(
        re.search(r"auth?enti|password|does not exist|pg_hba|not permitted|ssl|certificate|startup parameter", text)
    )


def _names_of_ours(error: exc.SQLAlchemyError) -> list[str]:
    """Return the tables of ours that the statement was about, and the rule or column that refused it."""
    from sequel_assets.warehouse.tables.core import metadata

    tables = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|COPY)\s+\"?(\w+)", getattr(error, "statement", None) or "")
    found = {name for name in tables if name in metadata.tables}
    cause = getattr(error, "orig", None)
    diagnosis = getattr(cause, "diag", None)
    said = {getattr(diagnosis, "constraint_name", None), getattr(diagnosis, "column_name", None)}
    if said == {None}:  # SQLite names them in its text
        said = set(re.findall(r"\w+", str(cause).partition("constraint failed: ")[2]))
    ours = {column.name for name in found for column in metadata.tables[name].columns}
    ours |= {str(rule.name) for name in found for rule in metadata.tables[name].constraints}
    return [*sorted(found), *sorted(name for name in said if name in ours)]


def _name(error: BaseException) -> str:
    return type(error).__name__


def forget_values(error: exc.SQLAlchemyError) -> None:
    """Take what an error and those of the driver behind it say, so that no traceback can tell it, whoever prints that.

    Errors of others that happen to stand behind it are let go and left as they are.
    """
    behind: list[BaseException | None] = [error]
    while behind:
        one = behind.pop()
        if isinstance(one, exc.SQLAlchemyError):
            cause = getattr(one, "orig", None)
            if isinstance(cause, Exception) and not _is_of_a_driver(cause):
                cause.args = (f"{_name(cause)}: what it said is not shown",)
            behind.append(cause)
            for name in ("statement", "params", "orig"):
                if hasattr(one, name):
                    setattr(one, name, None)
        elif one is None or not _is_of_a_driver(one):
            continue
        behind += [one.__cause__, one.__context__]
        one.args = (f"{_name(one)}: what it said is not shown",)
        one.__cause__ = one.__context__ = None


def _is_of_a_driver(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in ("psycopg", "sqlite3")
