"""Opening the warehouse: SQLite (embedded) or PostgreSQL, by one URL.

SQLite runs in WAL with immediate write transactions: a reader never waits, and a writer waits its turn instead of
being refused in the middle. PostgreSQL speaks through psycopg 3.
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from sequel_assets.file_modes import make_file

from .errors import WarehouseError, explain, place

BUSY_TIMEOUT_SECONDS = 60


class Warehouse:
    """One database. Opens nothing until it is used; safe to share between threads.

    `is_durable`: what is committed outlives a power cut also on SQLite, at the price of a sync to disk for each commit
    (PostgreSQL does so anyhow). `busy_seconds`: how long it waits for others at most: a writer of SQLite for another process
    (a minute where nothing is said), PostgreSQL for a connection, a lock, a statement and the network (else as long as it takes).
    """

    def __init__(self, url: str, *, is_durable: bool = False, busy_seconds: float | None = None) -> None:
        self.url = _parse(url)
        self._is_durable, self._busy_seconds = is_durable, busy_seconds
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # SQLite's transactions see one state anyhow; PostgreSQL would show each statement a newer one
        self._one_state: dict[str, Any] = (
            {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()
        self._one_writer = threading.RLock()  # SQLite allows one anyhow; queueing here is fairer than its polling

    @property
    def engine(self) -> sa.Engine:
        """Return the engine, made on first use."""
        with self._lock:
            if self._engine is None:
                self._engine = self._sqlite() if self.is_sqlite else _postgres_engine(self.url, self._busy_seconds)
            return self._engine

    def _sqlite(self) -> sa.Engine:
        seconds = BUSY_TIMEOUT_SECONDS if self._busy_seconds is None else self._busy_seconds
        engine = _sqlite_engine(self.url, "FULL" if self._is_durable else "NORMAL", seconds)
        make_file(Path(self.url.database or ""))
        return engine

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that reads one consistent state; it blocks nobody."""
        try:
            with self.engine.connect().execution_options(**self._one_state) as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            raise explain(error, self.url) from error

    @contextlib.contextmanager
    def write(self, company_id: str | None = None) -> Iterator[sa.Connection]:
        """Yield a connection within one write transaction: all of it is committed at the end, or nothing.

        With a company it holds that company's lock, so that two writers of one company take turns.
        """
        turn = self._one_writer if self.is_sqlite else contextlib.nullcontext()
        try:
            with turn, self.engine.connect().execution_options(write=True) as connection, connection.begin():
                if company_id is not None and not self.is_sqlite:
                    connection.execute(
                        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(company_id, 0)))
                    )
                yield connection
        except exc.SQLAlchemyError as error:
            raise explain(error, self.url) from error

    def dispose(self) -> None:
        """Close the pool; the warehouse may be used again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _parse(text: str) -> sa.URL:
    try:
        url = sa.make_url(text.strip())
        if "@" in (url.host or ""):  # a piece of the password, which must not be shown
            raise ValueError
    except (exc.ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise WarehouseError(
            "SEQUEL_WAREHOUSE_URL is not a database URL; examples: sqlite:///warehouse.db, postgresql://user:password@host/name; "
            "within user and password write @ as %40, / as %2F, : as %3A"
        ) from None
    kind = url.get_backend_name()
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite" or not url.database or url.database == ":memory:":
        raise WarehouseError(
            f"SEQUEL_WAREHOUSE_URL {place(url)} is of a kind that is not known; use sqlite:///FILE or postgresql://user:password@host/name"
        )
    return url.set(drivername="sqlite")


def _sqlite_engine(url: sa.URL, synchronous: str, busy_seconds: float) -> sa.Engine:
    folder = Path(url.database or "").absolute().parent
    if not folder.is_dir():
        raise WarehouseError(
            f"the warehouse {place(url)} cannot be opened: there is no folder {folder}; nothing was written; make the folder or change SEQUEL_WAREHOUSE_URL"
        )
    engine = sa.create_engine(url, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # the driver's own BEGIN would be a deferred one
        for pragma in (
            f"busy_timeout={round(busy_seconds * 1000)}",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        ):
            dbapi.execute(f"PRAGMA {pragma}")
        _use_wal(dbapi)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@retry(
    retry=retry_if_exception_message(match=".*locked.*"),
    stop=stop_after_delay(BUSY_TIMEOUT_SECONDS),
    wait=wait_random(0.01, 0.1),
    reraise=True,
)
def _use_wal(dbapi: Any) -> None:
    """Switch a new database to WAL; while another process is doing so SQLite refuses at once, whatever the time-out."""
    if dbapi.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        dbapi.execute("PRAGMA journal_mode=WAL")


def _postgres_engine(url: sa.URL, busy_seconds: float | None) -> sa.Engine:
    hasty = _hasty(busy_seconds) if busy_seconds is not None else {}
    try:
        engine = sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=16,
            pool_timeout=busy_seconds or 30,
            connect_args={"connect_timeout": 10, **hasty},
        )
    except ModuleNotFoundError:
        raise WarehouseError("PostgreSQL needs its driver: pip install 'sequel_assets[postgres]'") from None
    if busy_seconds is not None:

        @event.listens_for(engine, "connect")
        def _connect(dbapi: Any, _record: object) -> None:  # not by `options`: poolers in front refuse those
            for name in ("lock_timeout", "statement_timeout"):
                dbapi.execute(f"SET {name} = {round(busy_seconds * 1000)}")
            dbapi.commit()

    return engine


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
