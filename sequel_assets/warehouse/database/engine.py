"""Opening the warehouse: SQLite (embedded) or PostgreSQL, by one URL.

SQLite runs in WAL with immediate write transactions: a reader never waits, and a writer waits its turn instead of
being refused in the middle. PostgreSQL (`postgres.py`) speaks through psycopg 3, also behind a pooler.
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

    `is_durable`: what is committed outlives a power cut also on SQLite, at the price of a sync to disk for each commit
    (PostgreSQL does so unless its settings say otherwise). `busy_seconds`: how long it waits for others at most: a writer of
    SQLite for another process (a minute where nothing is said), PostgreSQL for a connection, a lock, a statement and the network
    (else as long as it takes). A server that was there and has gone is waited for, unless `busy_seconds` is given.
    `guard` is asked before the first write, and refuses by raising; it returns False while it cannot tell yet.
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
        self._guard, self._one_asks = guard, threading.Lock()
        self._asked_by: int | None = None
        self._is_durable, self._busy_seconds = is_durable, busy_seconds
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()
        self._one_writer = threading.RLock()  # SQLite allows one anyhow; queueing here is fairer than its polling
        is_patient = busy_seconds is None and not self.is_sqlite
        self._patience = TransactionRetries(self.url.render_as_string(hide_password=True), is_patient=is_patient)

    @property
    def engine(self) -> sa.Engine:
        """Return the engine, made on first use."""
        with self._lock:
            if self._engine is None:
                self._engine = self._sqlite() if self.is_sqlite else self._postgres()
            return self._engine

    def _sqlite(self) -> sa.Engine:
        seconds = BUSY_TIMEOUT_SECONDS if self._busy_seconds is None else self._busy_seconds
        engine = _sqlite_engine(self.url, "FULL" if self._is_durable else "NORMAL", seconds)
        make_file(Path(self.url.database or ""))
        return engine

    def _postgres(self) -> sa.Engine:
        return postgres.make_engine(self.url, self._busy_seconds, is_durable=self._is_durable)

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that reads one consistent state; it blocks nobody."""
        try:
            with self._transaction(write=False) as (connection, _):
                yield connection
        except exc.SQLAlchemyError as error:
            raise self._explained(error) from None

    @contextlib.contextmanager
    def write(self, company_id: str | None = None) -> Iterator[sa.Connection]:
        """Yield a connection within one write transaction: all of it is committed at the end, or nothing.

        With a company it holds that company's lock, so that two writers of one company take turns. One that conflicts
        with another, or whose connection ends, raises `Interrupted`: a function marked `@repeats` does it again as a whole.
        """
        self.ensure_writable()
        turn = self._one_writer if self.is_sqlite else contextlib.nullcontext()
        is_committing = False
        try:
            with turn, self._transaction(write=True) as (connection, transaction):
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
        """Return what `look` reads from one consistent state; where the connection ends under it, it looks again."""

        @repeats
        def asked() -> T:
            with self.read() as connection:
                return look(connection)

        return asked()

    def change(
        self, work: Callable[[sa.Connection], T], company_id: str | None = None, *, only_if_undone: bool = False
    ) -> T:
        """Do `work` in one write transaction and return what it returns; see `repeats` for when it is done again.

        `only_if_undone`: not where nobody knows whether the first time was committed.
        """

        def changed() -> T:
            with self.write(company_id) as connection:
                return work(connection)

        return (repeats_if_undone if only_if_undone else repeats)(changed)()

    @contextlib.contextmanager
    def _transaction(self, *, write: bool) -> Iterator[tuple[sa.Connection, sa.RootTransaction]]:
        connection, transaction = self._patience.until_there(lambda: self._begun(write=write))
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
            raise postgres.lost() from None  # a driver may stumble over the end in its own way
        finally:
            with contextlib.suppress(exc.SQLAlchemyError):  # it has ended: what it ended with is being told
                if transaction.is_active:
                    transaction.rollback()
            connection.close()

    def _begun(self, *, write: bool) -> tuple[sa.Connection, sa.RootTransaction]:
        """Begin a transaction, which also tells whether a connection from the pool still is one."""
        connection = self.engine.connect().execution_options(write=write)
        try:
            return connection, connection.begin()
        except BaseException:
            connection.close()
            raise

    def _explained(self, error: exc.SQLAlchemyError, *, is_committing: bool = False) -> WarehouseError:
        told = explain(error, self.url, is_committing=is_committing)
        is_hasty = self._busy_seconds is not None
        return WarehouseError(str(told)) if is_hasty and isinstance(told, TransactionInterrupted) else told

    def ensure_writable(self) -> None:
        """Ask the guard, unless it has let somebody write before; others wait for its word, it alone may write meanwhile."""
        if self._guard is None or self._asked_by == threading.get_ident():
            return
        with self._one_asks:
            if self._guard is None:
                return
            self._asked_by = threading.get_ident()
            try:
                if self._guard(self):
                    self._guard = None
            finally:
                self._asked_by = None

    def expect(self) -> None:
        """Take the server for one that was there, and wait for it also at first: whoever started this process has reached it."""
        self._patience.expect()

    def dispose(self) -> None:
        """Close the pool; the warehouse may be used again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _sqlite_engine(url: sa.URL, synchronous: str, busy_seconds: float) -> sa.Engine:
    folder = Path(url.database or "").absolute().parent
    if not folder.is_dir():
        raise WarehouseError(
            f"the warehouse {place(url)} cannot be opened: there is no folder {folder}; nothing was written; make the folder or change SEQUEL_WAREHOUSE_URL"
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
    """Switch a new database to WAL; while another process is doing so SQLite refuses at once, whatever the time-out."""
    if dbapi.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        dbapi.execute("PRAGMA journal_mode=WAL")
