"""Other people's databases: behind a pooler, with defaults of their own, restarted in the middle. The tables are the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.databases.postgres_backfill import Tables, backfill
from sequel_assets_tests.support.pgbouncer import PgBouncer
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.webhooks.receiver import harness as web

pytestmark = pytest.mark.slow


class OtherProgram(threading.Thread):
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
    stranger = OtherProgram(pgbouncer.url(name))
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
    stranger = OtherProgram(pgbouncer.url(name))
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


@pytest.mark.scenario
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
