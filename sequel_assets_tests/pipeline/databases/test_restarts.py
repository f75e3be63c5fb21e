"""A PostgreSQL server that restarts, crashes or stays away in a backfill."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import transactions
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.databases.postgres_backfill import Tables, backfill
from sequel_assets_tests.support.pgbouncer import PgBouncer
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.suite.scale import some

pytestmark = pytest.mark.slow


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that may be restarted without anybody else noticing; what is committed outlives its crash."""
    try:
        server = PostgresServer.start(synchronous_commit="on")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"PostgreSQL cannot be had here: {error}")
    yield server
    server.stop()


@pytest.mark.parametrize("how", some(["crashed"], ["restarted", "crashed", "restarted behind a pooler"]))
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


@pytest.mark.scenario
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
