"""Other people's databases: behind a pooler, with defaults of their own, restarted in the middle. The tables are the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import transactions
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.harness import Platform, client_of, failures
from sequel_assets_tests.support.pgbouncer import PgBouncer
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import everything
from sequel_assets_tests.webhooks.receiver import harness as web

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
SPEC = WorldSpec(seed=7, companies=3, days=4, people=6, hub_every=2, now=NOW)
DAYS = days_between(SPEC.first_day, SPEC.last_day)
Tables = dict[str, list[Row]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all of them; its clock stands."""
    with Sandbox(build_world(SPEC), clock=Clock.pinned(NOW)) as made:
        yield made


def backfill(sandbox: Sandbox, warehouse: Warehouse) -> Tables:
    """Load the world, nothing of which may fail, and return every row of every table."""
    with client_of(sandbox) as client:
        it = Platform(sandbox.world, sandbox, client, warehouse, SPEC.first_day)
        assert failures(it.refresh(DAYS)) == []
    return everything(warehouse)


@pytest.fixture(scope="module")
def plain(sandbox: Sandbox, postgres: PostgresServer) -> Iterator[Tables]:
    """What a PostgreSQL of our own holds after the same backfill."""
    postgres.run("CREATE DATABASE plain")
    warehouse = Warehouse(postgres.url("plain"))
    schema.migrate(warehouse)
    found = backfill(sandbox, warehouse)
    warehouse.dispose()
    assert len(found["event_participants"]) > 50
    yield found
    postgres.run("DROP DATABASE plain WITH (FORCE)")


class Stranger(threading.Thread):
    """Another program on the pooler's connections: it looks at each for what somebody may have left there."""

    LOOK = """
        SELECT current_setting('TimeZone'), current_setting('DateStyle'), current_setting('extra_float_digits'),
               current_setting('statement_timeout'), current_setting('lock_timeout'),
               current_setting('default_transaction_isolation'), current_setting('transaction_read_only'),
               current_setting('application_name'), current_setting('synchronous_commit'),
               (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
               (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
               (SELECT count(*) FROM pg_class WHERE relpersistence = 't')
    """

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._done = url, threading.Event()
        self.seen: set[tuple[Any, ...]] = set()
        self.looks = 0

    def look(self) -> tuple[Any, ...]:
        """Return what one transaction finds."""
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as connection:
            return tuple(connection.execute(self.LOOK).fetchone() or ())

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as connection:
            while not self._done.wait(0.005):
                self.seen.add(tuple(connection.execute(self.LOOK).fetchone() or ()))
                self.looks += 1

    def stop(self) -> None:
        self._done.set()
        self.join(20)


AS_IT_WAS = ("America/St_Johns", "ISO, MDY", "1", "0", "0", "read committed", "off", "", "off", 0, 0, 0, 0)


def test_a_backfill_through_pgbouncer_gives_the_same_tables_and_leaves_nothing_on_its_connections(
    sandbox: Sandbox, plain: Tables, pgbouncer: PgBouncer, new_database: Callable[..., str]
) -> None:
    """Three connections for all of it, and for another program that finds each of them as it was."""
    name = sa.make_url(new_database("postgresql", migrated=False)).database or ""
    warehouse = Warehouse(pgbouncer.url(name))
    schema.migrate(warehouse)
    stranger = Stranger(pgbouncer.url(name))
    stranger.start()
    try:
        assert backfill(sandbox, warehouse) == plain
    finally:
        stranger.stop()
        warehouse.dispose()
    assert stranger.looks > 20
    assert stranger.seen == {AS_IT_WAS}


def test_the_receivers_time_outs_cut_off_no_other_clients_statement(
    pgbouncer: PgBouncer, new_database: Callable[..., str]
) -> None:
    """The same connections serve a receiver that is in a hurry and a program that takes its time."""
    name = sa.make_url(new_database("postgresql", migrated=True)).database or ""
    hasty = Warehouse(pgbouncer.url(name), is_durable=True, busy_seconds=0.3)
    web.settle_companies(hasty)
    web.subscribe(hasty)
    with web.serving(web.receiver(hasty)) as port:
        statuses = [
            web.answered(port, web.request(web.encoded(web.delivery(f"i{number}")), connection="close"))
            for number in range(12)
        ]
    assert statuses == [200] * 12
    assert len(web.stored(hasty)) == 12
    stranger = Stranger(pgbouncer.url(name))
    strangers = [psycopg.connect(pgbouncer.url(name), prepare_threshold=None) for _ in range(3)]
    for one in strangers:  # each holds one of the three connections until it commits
        one.execute("SELECT 1")
    for one in strangers:
        one.execute("SELECT pg_sleep(0.35)")
        one.commit()
        one.close()
    assert stranger.look() == AS_IT_WAS
    hasty.dispose()


ODD = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "statement_timeout": "400ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "transaction_timeout": "500ms",
    "client_encoding": "LATIN1",
    "search_path": "numbers, public",
    "array_nulls": "off",
    "default_tablespace": "",
    "jit": "off",
    "client_min_messages": "debug5",
}
"""Defaults that a role or a database may have, each of which has spoiled somebody's numbers."""


@pytest.mark.parametrize("how", ["all of them", "serializable"])
def test_a_role_with_defaults_of_its_own_gives_the_same_tables(
    sandbox: Sandbox, plain: Tables, postgres: PostgresServer, new_database: Callable[..., str], how: str
) -> None:
    """What a transaction depends on is stated by it."""
    name = sa.make_url(new_database("postgresql", migrated=False)).database or ""
    postgres.run(f"CREATE ROLE odd{name} LOGIN SUPERUSER")
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA numbers")
    chosen = ODD if how == "all of them" else {"default_transaction_isolation": "serializable"}
    for setting, value in chosen.items():
        value = value if setting == "search_path" else f"'{value}'"
        postgres.run(f"ALTER ROLE odd{name} IN DATABASE {name} SET {setting} = {value}")
    warehouse = Warehouse(postgres.url(name, f"odd{name}"))
    try:
        schema.migrate(warehouse)
        assert backfill(sandbox, warehouse) == plain
        with warehouse.read() as connection:
            where = connection.scalar(
                sa.text("SELECT schemaname FROM pg_tables WHERE tablename = 'event_participants'")
            )
        assert where == ("numbers" if how == "all of them" else "public")
    finally:
        warehouse.dispose()
        postgres.run(f"ALTER DATABASE {name} OWNER TO postgres")
        with psycopg.connect(postgres.url(name), autocommit=True) as connection:
            connection.execute(f"REASSIGN OWNED BY odd{name} TO postgres".encode())
            connection.execute(f"DROP OWNED BY odd{name}".encode())
        postgres.run(f"DROP ROLE odd{name}")


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that may be restarted without anybody else noticing; what is committed outlives its crash."""
    try:
        server = PostgresServer.start(synchronous_commit="on")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"PostgreSQL cannot be had here: {error}")
    yield server
    server.stop()


@pytest.mark.parametrize("how", ["restarted", "crashed", "restarted behind a pooler"])
def test_a_server_that_is_restarted_twice_in_a_backfill_gives_the_same_tables(
    sandbox: Sandbox, plain: Tables, own_server: PostgresServer, request: pytest.FixtureRequest, how: str
) -> None:
    """Once in the middle of a transaction and once before its commit; every other connection of the pool is gone too."""
    own_server.run("CREATE DATABASE w")
    url, signal = own_server.url("w"), "QUIT" if how == "crashed" else "INT"
    if "pooler" in how:
        request.getfixturevalue("pgbouncer")  # which says so where there is none
        pooler = PgBouncer.start(own_server.folder, connections=3)
        request.addfinalizer(pooler.stop)
        url = pooler.url("w")
    warehouse = Warehouse(url)
    schema.migrate(warehouse)
    lock, counted, restarts = threading.Lock(), {"statement": 0, "commit": 0}, []

    def now_and_then(what: str, at: int) -> None:
        with lock:
            counted[what] += 1
            if counted[what] != at:
                return
            own_server.restart(signal)
            restarts.append(what)

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def _statement(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "event_participants" in statement:
            now_and_then("statement", 12)

    @sa.event.listens_for(warehouse.engine, "commit")
    def _commit(_c: Any) -> None:
        now_and_then("commit", 15)

    found = backfill(sandbox, warehouse)
    warehouse.dispose()
    assert sorted(restarts) == ["commit", "statement"]
    assert found == plain


def test_a_server_that_stays_away_is_waited_for_a_minute_in_all_and_then_no_more(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes later is told at once; when it is there again everything goes on."""
    monkeypatch.setattr(transactions, "MAX_OUTAGE_SECONDS", 0.3)
    own_server.run("CREATE DATABASE w")
    warehouse = Warehouse(own_server.url("w"))
    schema.migrate(warehouse)
    schema.ensure_current(warehouse)
    tries = []

    @sa.event.listens_for(warehouse.engine, "do_connect")
    def _connect(*_: Any) -> None:
        tries.append(1)
        if not is_back:
            raise psycopg.OperationalError("connection failed: Connection refused")

    is_back = False
    own_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'w'")
    with pytest.raises(schema.WarehouseError, match="cannot be reached: nobody listens"):
        schema.ensure_current(warehouse)
    assert len(tries) > 2
    tries.clear()
    with pytest.raises(schema.WarehouseError, match="cannot be reached: nobody listens"):
        schema.ensure_current(warehouse)
    assert len(tries) == 1
    is_back = True
    schema.ensure_current(warehouse)
    warehouse.dispose()
