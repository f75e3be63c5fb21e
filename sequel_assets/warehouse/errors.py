"""What can be wrong with a database, each as one line: what, where, is the data safe, what next."""

import sqlalchemy as sa
from sqlalchemy import exc


class WarehouseError(Exception):
    """The warehouse cannot be used as it is; the text is one line, fit to be shown. Nothing was half-written."""


_SQLITE = {
    "database is locked": "is locked by another process for longer than the busy time-out; nothing was written; try again when it is done",
    "readonly database": "is read-only; nothing was written; give this user the right to write the file and its folder",
    "database or disk is full": "is on a full disk; the transaction was rolled back, older data are safe; free some space and repeat",
    "unable to open database file": "cannot be opened; nothing was written; does its folder exist, and may this user write there?",
    "disk I/O error": "met a disk error; the transaction was rolled back; check the disk, then repeat",
    "file is not a database": "is not an SQLite database; nothing was written; is SEQUEL_WAREHOUSE_URL the right file?",
    "database disk image is malformed": "is damaged; nothing was written; restore it from a backup",
}


def place(url: sa.URL) -> str:
    """Return the warehouse's address for people, without its password, also where that would stand behind the `?`."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}" if url.database else "sqlite://"
    shown = url.difference_update_query([name for name in url.query if "pass" in name.lower()])
    return shown.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def explain(error: exc.SQLAlchemyError, url: sa.URL) -> WarehouseError:
    """Turn a driver's error into one line. Statement and parameters are left out: they may hold personal data."""
    cause = str(getattr(error, "orig", None) or type(error).__name__)
    first_line = (cause.strip().splitlines() or [type(error).__name__])[0]
    for sign, words in _SQLITE.items():
        if sign in cause and url.get_backend_name() == "sqlite":
            return WarehouseError(f"the warehouse {place(url)} {words}")
    if isinstance(error, exc.OperationalError) and url.get_backend_name() == "postgresql":
        return WarehouseError(
            f"the warehouse {place(url)} cannot be used: {first_line}; the transaction was rolled back, older data are safe; "
            "check SEQUEL_WAREHOUSE_URL and the server, then repeat"
        )
    # the detail line of a PostgreSQL error may quote a row, so only the first one is shown
    return WarehouseError(
        f"the warehouse {place(url)} refused a statement: {first_line}; the transaction was rolled back, older data are safe"
    )
