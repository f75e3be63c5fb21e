"""Parses the warehouse's URL and refuses what is ambiguous.

SQLite would take a `?`, a `%20` or a `~` literally and open another file than meant, without an error; so they are
refused. No message shows the password.
"""

import re
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import exc

from sequel_assets.warehouse.database.errors import WarehouseError, place

_FORMS = "use sqlite:///FILE or postgresql://user:password@host/name"
_NOT_SQLITE = (
    "SEQUEL_WAREHOUSE_URL: {}; nothing was opened; write sqlite:///FILE, or sqlite:////FOLDER/FILE for an absolute path, "
    "the path as it is"
)
_SERVERS_OWN = ("host", "hostaddr", "port")
"""What a URL of several servers names several times."""


def parse(text: str) -> sa.URL:
    """Return the URL of a warehouse; a `WarehouseError` says what about it is not understood."""
    stripped = text.strip()
    try:
        url = sa.make_url(stripped)
        if "@" in (url.host or ""):  # a piece of the password, which must not be shown
            raise ValueError
    except (exc.ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise WarehouseError(
            "SEQUEL_WAREHOUSE_URL is not a database URL; examples: sqlite:///warehouse.db, "
            "postgresql://user:password@host/name; within user and password write @ as %40, / as %2F, : as %3A"
        ) from None
    kind = url.get_backend_name()
    if kind == "postgresql":
        _refuse_options(url)
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite":
        for why in _not_understood(url, stripped):
            raise WarehouseError(_NOT_SQLITE.format(why))
    if kind != "sqlite" or not url.database or url.database == ":memory:":
        raise WarehouseError(f"SEQUEL_WAREHOUSE_URL {place(url)} is of a kind that is not known; {_FORMS}")
    return url.set(drivername="sqlite")


def _not_understood(url: sa.URL, text: str) -> Iterator[str]:
    """Yield why the URL of a file is refused, if it is."""
    path = url.database or ""
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        yield "it names a driver, which would not be used"
    if url.username or url.password or url.port:
        yield "an SQLite file has neither user, password nor port"
    if url.host:
        yield "an SQLite file has no host; a third / is missing before the path"
    if "?" in text or url.query:
        yield "an SQLite file takes no options, so it has no ?"
    if "#" in path:
        yield "it has a #, which may be meant as the end of the path or as a part of it"
    if re.search(r"%[0-9A-Fa-f]{2}", text):  # which versions of SQLAlchemy read differently
        yield "it has a % with two digits, which may stand for a character or for itself"
    if re.search(r"\$[A-Za-z_{(]", path):
        yield "it has a $, and variables are not filled in"
    if path.startswith("~"):
        yield "it begins with ~, and that is not taken for a home folder"
    if re.match(r"/*file:", path, re.IGNORECASE):
        yield "it has file: within, and takes a path alone"
    if path != path.strip() or path[-1:] in ("'", '"') or path[:1] in ("'", '"'):
        yield "its path begins or ends with a blank or a quotation mark"
    if not path.isprintable():
        yield "its path holds characters that cannot be printed"


def _refuse_options(url: sa.URL) -> None:
    """Refuse options that PostgreSQL's own library does not know, and those that would change how we speak to it."""
    try:
        from psycopg import pq
    except ImportError:
        return
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    for name, value in url.query.items():
        if name == "client_encoding":
            raise WarehouseError(
                "SEQUEL_WAREHOUSE_URL: client_encoding is always UTF-8; nothing was opened; leave it out"
            )
        if name not in known:
            shown = name if re.fullmatch(r"[A-Za-z_]{1,40}", name) else "one of its options"
            raise WarehouseError(
                f"SEQUEL_WAREHOUSE_URL: {shown} behind the ? is not known to PostgreSQL's library; nothing was opened; "
                "leave it out, or see libpq's list of parameters (sslmode, sslrootcert, connect_timeout, ...)"
            )
        if not isinstance(value, str) and name not in _SERVERS_OWN:
            raise WarehouseError(f"SEQUEL_WAREHOUSE_URL: {name} occurs twice; nothing was opened; give it once")
