"""PostgreSQL, also behind a pooler that lends a connection for one transaction.

No statement is prepared and no session setting is changed: everything that a transaction depends on is set at its
beginning, for it alone, in the one round trip of BEGIN. So a role, a database or a server may have any defaults, and
another client of the same connection finds it unchanged.
"""

import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from sequel_assets.warehouse.database.errors import WarehouseError, place

ALWAYS = {
    "TimeZone": "'UTC'",
    "DateStyle": "'ISO, MDY'",
    "IntervalStyle": "'postgres'",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "0",
}
"""Settings of every transaction: formats of times and numbers, and no time-out while an export writes files."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
_HAS_TRANSACTION_TIMEOUT = 170000
_NETWORK = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000}  # fmt: skip
"""A client that waits for long still notices a server that has gone without closing the connection."""


def make_engine(url: sa.URL, busy_seconds: float | None, *, is_durable: bool) -> sa.Engine:
    """Return an engine whose transactions set what they depend on; `busy_seconds` bounds each of their waits."""
    arguments = {"connect_timeout": 10, **_NETWORK} if busy_seconds is None else _short_timeouts(busy_seconds)
    mine = {name: value for name, value in arguments.items() if name not in url.query}
    try:
        engine = sa.create_engine(
            url,
            pool_size=16,
            pool_timeout=busy_seconds or 30,
            hide_parameters=True,
            use_native_hstore=False,  # it would look for the type on each first connection
            connect_args={**mine, "prepare_threshold": None, "client_encoding": "utf8"},
        )
    except ModuleNotFoundError:
        raise WarehouseError("PostgreSQL needs its driver: pip install 'sequel_assets[postgres]'") from None
    _hide_error_details(engine)

    @event.listens_for(engine, "connect", insert=True)
    def _connect(dbapi: Any, _record: object) -> None:
        _refuse_encoding(dbapi, url)
        dbapi.autocommit = True  # the driver begins no transaction of its own: BEGIN is ours
        dbapi._sequel_begin = {
            is_write: _begin(dbapi, busy_seconds, is_write, is_durable) for is_write in (False, True)
        }

    @event.listens_for(engine, "begin")
    def _begin_one(connection: sa.Connection) -> None:
        is_write = bool(connection.get_execution_options().get("write"))
        begin = connection.connection.driver_connection._sequel_begin[is_write]  # type: ignore[union-attr]
        connection.exec_driver_sql(begin)

    return engine


def has_ended(connection: sa.Connection) -> bool:
    """Say whether a connection has ended or is out of step; a working one is within a transaction, good or failed."""
    if connection.invalidated or connection.closed:
        return True
    driver: Any = connection.connection.driver_connection
    if driver is None or driver.closed or driver.pgconn.pipeline_status:
        return True
    return driver.info.transaction_status.name not in ("INTRANS", "INERROR")


def lost_connection() -> exc.OperationalError:
    """Return the error of a connection that has ended."""
    return exc.OperationalError(None, None, ConnectionError("the connection is lost"), connection_invalidated=True)


def _begin(dbapi: Any, busy_seconds: float | None, is_write: bool, is_durable: bool) -> str:
    """Return the statements that a transaction begins with, sent as one."""
    wait = 0 if busy_seconds is None else round(busy_seconds * 1000)
    local = {**ALWAYS, "lock_timeout": wait, "statement_timeout": wait}
    if dbapi.info.server_version >= _HAS_TRANSACTION_TIMEOUT:
        local["transaction_timeout"] = 0
    if is_write and is_durable:
        local["synchronous_commit"] = "on"
    return "; ".join([_WRITE if is_write else _READ, *(f"SET LOCAL {name} = {value}" for name, value in local.items())])


def _refuse_encoding(dbapi: Any, url: sa.URL) -> None:
    """Refuse a database that cannot store every text; the server reports its encoding on each connection."""
    encoding = dbapi.info.parameter_status("server_encoding")
    if encoding is None:
        encoding = str(dbapi.execute("SHOW server_encoding").fetchone()[0])
        dbapi.rollback()
    if encoding != "UTF8":
        dbapi.close()
        raise WarehouseError(
            f"the warehouse {place(url)} is kept in {encoding}, which cannot hold every name; nothing was written; "
            "make a database in UTF-8 (CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0) and use that one"
        )


def _short_timeouts(seconds: float) -> dict[str, int]:
    """Return time-outs by which a connection notices within so many seconds that the other end is gone."""
    rounded = max(2, round(seconds))
    probes = {
        "keepalives": 1,
        "keepalives_idle": rounded,
        "keepalives_interval": max(1, rounded // 3),
        "keepalives_count": 3,
    }
    return {"connect_timeout": rounded, "tcp_user_timeout": rounded * 1000, **probes}


def _hide_error_details(engine: sa.Engine) -> None:
    """Keep pools and drivers from logging a server's text, as they do when a connection ends: it may quote a row."""
    pool: Any = engine.pool
    names = {getattr(pool.logger, "name", getattr(getattr(pool.logger, "logger", None), "name", "sqlalchemy.pool"))}
    for name in {*names, "psycopg"}:
        logging.getLogger(name).addFilter(_without_error_details)  # a second time it changes nothing


def _without_error_details(record: logging.LogRecord) -> bool:
    """Replace a log line that would show an error by one without it: traceback and arguments are taken out."""
    if record.levelno >= logging.WARNING:
        record.msg, record.args = "a connection to the warehouse ended and was given up", ()
        record.exc_info = record.exc_text = None
    return True
