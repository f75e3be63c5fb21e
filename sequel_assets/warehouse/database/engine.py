"""Opens the warehouse, SQLite (embedded) or PostgreSQL, by one URL, and gives out its transactions.

SQLite runs in WAL with immediate write transactions: a reader never waits, and a writer waits for its turn instead of
being refused in the middle. PostgreSQL (`postgres.py`) uses psycopg 3, also behind a pooler. No database error leaves
this module with a value of a row in its text.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from sequel_assets.safety.file_modes import make_file
from sequel_assets.warehouse.database import postgres
from sequel_assets.warehouse.database.errors import TransactionInterrupted, WarehouseError, explain, is_lost, place
from sequel_assets.warehouse.database.transactions import TransactionRetries, repeats, repeats_if_undone
from sequel_assets.warehouse.database.urls import parse

BUSY_TIMEOUT_SECONDS = 60
T = TypeVar("T")


class Warehouse:
    """One database. Opens nothing until it is used; safe to share between threads.

    `is_durable`: a commit survives a power cut also on SQLite, at the price of a sync to disk for each commit
    (PostgreSQL does so unless its settings say otherwise). `busy_seconds` bounds every wait: that of a writer of SQLite
    for another process (default: a minute), and those of PostgreSQL for a connection, a lock, a statement and the
    network (default: no bound). A server that was reached before and is down is waited for, unless `busy_seconds` is
    given. `guard` is called before the first write and refuses by raising; it returns False while it cannot decide yet.
    """

    def __init__(
        self,
        url: str,
        *,
        is_durable: bool = False,
        busy_seconds: float | None = None,
        guard: "Callable[[Warehouse], bool] | None" = None,
    ) -> None:
        self.url = parse(url)
        self._guard, self._guard_lock = guard, threading.Lock()
        self._guarding_thread: int | None = None
        self._is_durable, self._busy_seconds = is_durable, busy_seconds
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._schema_check: Callable[[sa.Connection], None] | None = None
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()
        self._write_lock = threading.RLock()  # SQLite allows one writer; a queue here is fairer than its polling
        is_patient = busy_seconds is None and not self.is_sqlite
        self._retries = TransactionRetries(self.url.render_as_string(hide_password=True), is_patient=is_patient)

    @property
    def engine(self) -> sa.Engine:
        """Return the engine, made on first use."""
        with self._lock:
            if self._engine is None:
                self._engine = (
                    self._sqlite()
                    if self.is_sqlite
                    else postgres.make_engine(self.url, self._busy_seconds, is_durable=self._is_durable)
                )
            return self._engine

    def _sqlite(self) -> sa.Engine:
        seconds = BUSY_TIMEOUT_SECONDS if self._busy_seconds is None else self._busy_seconds
        engine = _sqlite_engine(self.url, "FULL" if self._is_durable else "NORMAL", seconds)
        make_file(Path(self.url.database or ""))
        return engine

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that reads one consistent state and blocks nobody."""
        try:
            with self._transaction(write=False) as (connection, _):
                yield connection
        except exc.SQLAlchemyError as error:
            raise self._explained(error) from None

    @contextlib.contextmanager
    def write(self, company_id: str | None = None) -> Iterator[sa.Connection]:
        """Yield a connection within one write transaction: at the end all of it is committed, or nothing.

        With a company two writers of it take turns: PostgreSQL has a lock per company, SQLite one writer at a time. A
        transaction that conflicts with another, or whose connection ends, raises `TransactionInterrupted`; a function
        marked `@repeats` then runs once more from its beginning.
        """
        self.ensure_writable()
        turn = self._write_lock if self.is_sqlite else contextlib.nullcontext()
        is_committing = False
        try:
            with turn, self._transaction(write=True) as (connection, transaction):
                if self._schema_check is not None:
                    self._schema_check(connection)
                if company_id is not None and not self.is_sqlite:
                    connection.execute(
                        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(company_id, 0)))
                    )
                yield connection
                is_committing = True
                transaction.commit()
        except exc.SQLAlchemyError as error:
            raise self._explained(error, is_committing=is_committing) from None

    def ask(self, look: Callable[[sa.Connection], T]) -> T:
        """Return what `look` reads from one consistent state; it is repeated where the connection ends."""

        @repeats
        def answered() -> T:
            with self.read() as connection:
                return look(connection)

        return answered()

    def change(
        self, work: Callable[[sa.Connection], T], company_id: str | None = None, *, only_if_undone: bool = False
    ) -> T:
        """Do `work` in one write transaction and return what it returns; see `repeats` for when it is repeated.

        `only_if_undone`: it is not repeated where it is unknown whether the first time was committed.
        """

        def changed() -> T:
            with self.write(company_id) as connection:
                return work(connection)

        return (repeats_if_undone if only_if_undone else repeats)(changed)()

    @contextlib.contextmanager
    def _transaction(self, *, write: bool) -> Iterator[tuple[sa.Connection, sa.RootTransaction]]:
        connection, transaction = self._retries.until_there(lambda: self._begun(write=write))
        try:
            yield connection, transaction
        except WarehouseError:
            raise
        except Exception as error:
            if self.is_sqlite or not postgres.has_ended(connection):
                raise
            connection.invalidate()
            if isinstance(error, exc.SQLAlchemyError) and is_lost(error):
                raise
            raise postgres.lost_connection() from None  # a driver may raise anything when its connection ends
        finally:
            # the connection has ended; that error is already being raised
            with contextlib.suppress(exc.SQLAlchemyError):
                if transaction.is_active:
                    transaction.rollback()
            connection.close()

    def _begun(self, *, write: bool) -> tuple[sa.Connection, sa.RootTransaction]:
        """Begin a transaction, which also shows whether a connection from the pool still works."""
        connection = self.engine.connect().execution_options(write=write)
        try:
            return connection, connection.begin()
        except BaseException:
            connection.close()
            raise

    def _explained(self, error: exc.SQLAlchemyError, *, is_committing: bool = False) -> WarehouseError:
        explained = explain(error, self.url, is_committing=is_committing)
        must_not_wait = self._busy_seconds is not None
        if must_not_wait and isinstance(explained, TransactionInterrupted):
            return WarehouseError(str(explained))
        return explained

    def ensure_writable(self) -> None:
        """Call the guard, unless it has allowed a write before. Other threads wait for it; the guard may write."""
        if self._guard is None or self._guarding_thread == threading.get_ident():
            return
        with self._guard_lock:
            if self._guard is None:
                return
            self._guarding_thread = threading.get_ident()
            try:
                if self._guard(self):
                    self._guard = None
            finally:
                self._guarding_thread = None

    def check_each_write(self, check: Callable[[sa.Connection], None]) -> None:
        """Call `check` first in every write transaction from now on; it refuses by raising, and nothing is written."""
        self._schema_check = check

    def beside(self, busy_seconds: float) -> "Warehouse":
        """Return another handle to the database, guarded as this one, that waits no longer than so for anything."""
        url = self.url.render_as_string(hide_password=False)
        return Warehouse(url, busy_seconds=busy_seconds, guard=self._guard)

    def expect(self) -> None:
        """Wait for the server also at the first connection: the process that started this one has reached it."""
        self._retries.expect()

    def dispose(self) -> None:
        """Close the pool; the next use opens a new one."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _sqlite_engine(url: sa.URL, synchronous: str, busy_seconds: float) -> sa.Engine:
    folder = Path(url.database or "").absolute().parent
    if not folder.is_dir():
        raise WarehouseError(
            f"the warehouse {place(url)} cannot be opened: there is no folder {folder}; nothing was written; "
            "make the folder or change SEQUEL_WAREHOUSE_URL"
        )
    engine = sa.create_engine(url, connect_args={"timeout": busy_seconds}, hide_parameters=True)

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
    """Switch a new database to WAL. While another process does so SQLite refuses, without its busy time-out."""
    if dbapi.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        dbapi.execute("PRAGMA journal_mode=WAL")
