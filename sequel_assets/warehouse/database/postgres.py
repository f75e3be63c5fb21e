"""PostgreSQL, also behind a pooler that lends a connection for one transaction: nothing is left on it.

No statement is prepared, no session is changed: whatever a transaction depends on is stated at its beginning, for it alone,
in the one round trip that BEGIN takes. So a role, a database or a server may have any defaults, and another client of
the same connection finds it as it was.
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
"""What every transaction depends on: how times and numbers are read and spelled, and that an export may write files meanwhile."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
_HAS_TRANSACTION_TIMEOUT = 170000
_NETWORK = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000}  # fmt: skip
"""Who waits for long still notices a server that has gone without a word."""


def make_engine(url: sa.URL, busy_seconds: float | None, *, is_durable: bool) -> sa.Engine:
    """Return an engine whose transactions state what they depend on; `busy_seconds` bounds every wait of theirs."""
    arguments = {"connect_timeout": 10, **_NETWORK} if busy_seconds is None else _hasty(busy_seconds)
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
    _quieten(engine)

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
    """Say whether a connection has ended under a transaction, or is out of step: in order it is within one, good or failed."""
    if connection.invalidated or connection.closed:
        return True
    driver: Any = connection.connection.driver_connection
    if driver is None or driver.closed or driver.pgconn.pipeline_status:
        return True
    return driver.info.transaction_status.name not in ("INTRANS", "INERROR")


def lost() -> exc.OperationalError:
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
    """Refuse a database that cannot hold every text; the server tells its encoding to each connection by itself."""
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


def _hasty(seconds: float) -> dict[str, int]:
    """Return what lets a connection notice within so many seconds that the other end is not there any more."""
    whole = max(2, round(seconds))
    probes = {
        "keepalives": 1,
        "keepalives_idle": whole,
        "keepalives_interval": max(1, whole // 3),
        "keepalives_count": 3,
    }
    return {"connect_timeout": whole, "tcp_user_timeout": whole * 1000, **probes}


def _quieten(engine: sa.Engine) -> None:
    """Let no library log what a server or a driver said: pools and drivers do where a connection ends under them."""
    pool: Any = engine.pool
    names = {getattr(pool.logger, "name", getattr(getattr(pool.logger, "logger", None), "name", "sqlalchemy.pool"))}
    for name in {*names, "psycopg"}:
        log = logging.getLogger(name)
        if not any(isinstance(one, _NoWords) for one in log.filters):
            log.addFilter(_NoWords())


class _NoWords(logging.Filter):
    """Lets a line through without the error that it would show."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take traceback and arguments out."""
        if record.levelno >= logging.WARNING:
            record.msg, record.args = "a connection to the warehouse ended and was given up", ()
            record.exc_info = record.exc_text = None
        return True
