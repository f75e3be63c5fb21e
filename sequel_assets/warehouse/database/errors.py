"""Turns database errors into one line each: what failed, where, whether the data is safe, what to do next.

The text is ours, chosen by the class of the error. That of a server or a driver is never shown: it may quote a row, and
rows contain names and e-mails. Only the server's five-character code and the names of our tables are added.
"""

import re

import sqlalchemy as sa
from sqlalchemy import exc

from sequel_assets.warehouse.database.error_codes import CODES, CONNECTING, ROLLED_BACK, SQLITE, SQLITE_REFUSALS


class WarehouseError(Exception):
    """The warehouse cannot be used as it is; the text is one line, fit to be shown. Nothing was half-written."""


class TransactionInterrupted(WarehouseError):  # noqa: N818 - a state, not an error
    """The transaction did not complete, by no fault of its own: it may be repeated from its beginning."""


class TransactionUncertain(TransactionInterrupted):
    """The connection ended during the commit: all of the transaction is stored, or nothing."""


class ValueRefused(ValueError):  # noqa: N818 - what it says of a value
    """A value that must not be stored; the text is ours and contains nothing personal."""


LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""Codes of a connection that has ended, or of a server that is starting; besides all of class 08."""
CONFLICTS = frozenset({"40001", "40P01"})
STARTING = "57P03"


def place(url: sa.URL) -> str:
    """Return the warehouse's address for people, without its password, also where that would stand behind the `?`."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}" if url.database else "sqlite://"
    shown = url.difference_update_query([name for name in url.query if "pass" in name.lower()])
    return shown.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def explain(error: exc.SQLAlchemyError, url: sa.URL, *, is_committing: bool = False) -> WarehouseError:
    """Turn a driver's error into one line of our own, and remove the values from the driver's error."""
    kind, text = _explanation(error, url, is_committing=is_committing)
    forget_values(error)
    return kind(f"the warehouse {place(url)} {text}")


def _explanation(error: exc.SQLAlchemyError, url: sa.URL, *, is_committing: bool) -> tuple[type[WarehouseError], str]:
    cause = getattr(error, "orig", None)
    if isinstance(cause, ValueRefused):
        return WarehouseError, f"was given a value that it must not hold: {cause}; {ROLLED_BACK}"
    if isinstance(error, exc.TimeoutError):
        text = "has no connection left in this process for longer than the time-out; nothing was written; try again"
        return WarehouseError, text
    if url.get_backend_name() == "sqlite":
        message = str(cause or "")
        found = next((text for sign, text in SQLITE.items() if sign in message), "")
        refusal = next((text for sign, text in SQLITE_REFUSALS.items() if sign in message), "")
        return WarehouseError, found or _with_note(refusal, "", error)
    code = code_of(error)
    if code in CONFLICTS:
        return TransactionInterrupted, f"had two transactions in each other's way ({code}); {ROLLED_BACK}; repeat"
    if is_lost(error) and is_committing:
        text = (
            "went away while a transaction was being committed: all of it is stored, or nothing; "
            "repeat, which changes nothing that is stored"
        )
        return TransactionUncertain, text
    if is_lost(error):
        why = code or "the connection was lost"
        return TransactionInterrupted, f"went away ({why}); {ROLLED_BACK}; repeat when the server is back"
    text = CODES.get(code, CODES.get(code[:2], "")) if code else _connect_failure(cause)
    return WarehouseError, _with_note(text, code, error)


def _with_note(text: str, code: str, error: exc.SQLAlchemyError) -> str:
    """Return the text with the code (or the kind of error) and the names of ours that the error is about."""
    text = text or f"refused a statement; {ROLLED_BACK}"
    note = ", ".join([code or type(getattr(error, "orig", None) or error).__name__, *_own_names(error)])
    head, *rest = text.split("; ", 1)
    return "; ".join([f"{head} ({note})", *rest])


def code_of(error: exc.SQLAlchemyError) -> str:
    """Return the server's code (SQLSTATE) of an error, "" where there is none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def is_lost(error: exc.SQLAlchemyError) -> bool:
    """Say whether the connection has ended, or could not be made."""
    code = code_of(error)
    if code:
        return code in LOST or code.startswith("08")
    return isinstance(error, exc.DBAPIError) and (
        error.connection_invalidated
        or (isinstance(error.orig, BaseException) and any(sign in str(error.orig) for sign in _LOST_SIGNS))
    )


_LOST_SIGNS = (
    "the connection is closed",
    "the connection is lost",
    "consuming input failed",
    "server closed the connection",
)


def _connect_failure(cause: BaseException | None) -> str:
    """Return our text for an error without a code: the driver has none for what happens while it connects."""
    message = re.sub(r'"[^"]*"', '""', str(cause or "")).lower()  # names are removed: a host may be called anything
    return next((text for sign, text in CONNECTING if re.search(sign, message)), "")


def is_not_up(error: exc.SQLAlchemyError) -> bool:
    """Say whether a connection was refused because the server is starting or stopping."""
    return code_of(error) == STARTING or bool(
        re.search(
            r"database system is (starting|shutting|in recovery)|not yet accepting",
            str(error.__dict__.get("orig") or ""),
        )
    )


def is_refused(error: exc.SQLAlchemyError) -> bool:
    """Say whether a server that runs has refused the connection: waiting does not change that."""
    text = re.sub(r'"[^"]*"', '""', str(error.__dict__.get("orig") or "")).lower()
    return bool(
        re.search(r"auth?enti|password|does not exist|pg_hba|not permitted|ssl|certificate|startup parameter", text)
    )


def _own_names(error: exc.SQLAlchemyError) -> list[str]:
    """Return the tables of ours that the statement names, and the constraint or column that refused it."""
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


def forget_values(error: exc.SQLAlchemyError) -> None:
    """Remove the texts of an error and of the driver's errors chained to it, so that no traceback can show a value.

    Errors of other libraries in the chain are detached and left unchanged.
    """
    behind: list[BaseException | None] = [error]
    while behind:
        one = behind.pop()
        if isinstance(one, exc.SQLAlchemyError):
            cause = getattr(one, "orig", None)
            if isinstance(cause, Exception) and not _is_of_a_driver(cause):
                cause.args = (f"{type(cause).__name__}: what it said is not shown",)
            behind.append(cause)
            for name in ("statement", "params", "orig"):
                if hasattr(one, name):
                    setattr(one, name, None)
        elif one is None or not _is_of_a_driver(one):
            continue
        behind += [one.__cause__, one.__context__]
        one.args = (f"{type(one).__name__}: what it said is not shown",)
        one.__cause__ = one.__context__ = None


def _is_of_a_driver(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in ("psycopg", "sqlite3")
