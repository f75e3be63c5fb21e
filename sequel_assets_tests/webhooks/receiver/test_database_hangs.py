"""While the database hangs, is locked or full the receiver answers 500 within its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.webhooks.receiver import batch_writer, db_threads, health
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.webhooks.receiver.harness import (
    answered,
    delivery,
    encoded,
    receiver,
    request,
    serving,
    settle_companies,
    stored,
    subscribe,
)
from sequel_assets_tests.webhooks.receiver.pressure import known, said_ready, url_of

__all__ = ["known"]


@contextmanager
def _frozen(server: PostgresServer) -> Iterator[None]:
    """A server that neither answers nor closes anything."""
    processes = [one for one in psutil.Process(server.process.pid).children(recursive=True) if one.name() == "postgres"]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_while_the_database_hangs_the_answer_is_500_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is to be stored and where it is looked up, not ready either; threads do not pile up; then it goes on."""
    for module, name in (
        (db_threads, "PATIENCE_SECONDS"),
        (batch_writer, "PATIENCE_SECONDS"),
        (health, "READY_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 1.0)
    server = PostgresServer.start()
    warehouse = Warehouse(server.url("postgres"), is_durable=True, busy_seconds=5)
    try:
        migrate(warehouse)
        settle_companies(warehouse)
        subscribe(warehouse)
        with serving(receiver(warehouse)) as port:
            assert answered(port, request(encoded(delivery("before")))) == 200
            with _frozen(server):
                threads, began = threading.active_count(), time.monotonic()
                assert [answered(port, request(encoded(delivery("during")))) for _ in range(3)] == [500] * 3
                assert [said_ready(port) for _ in range(3)] == [(503, "the warehouse cannot be used\n")] * 3
                assert time.monotonic() - began < 15
                assert threading.active_count() <= threads + 8
            assert answered(port, request(encoded(delivery("after")))) == 200
            assert said_ready(port) == (200, "ready\n")
        assert {"before", "after"} <= {row["invocation_id"] for row in stored(warehouse)}
    finally:
        warehouse.dispose()
        server.stop()


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_lock_that_another_holds_is_not_waited_for_without_end(known: Warehouse) -> None:
    """The inbox's own; afterwards deliveries are stored again."""
    hasty = Warehouse(url_of(known), is_durable=True, busy_seconds=0.5)
    inbox_lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('sequel_assets inbox', 0))")
    with serving(receiver(hasty)) as port:
        with known.write() as connection:
            connection.execute(inbox_lock)
            began = time.monotonic()
            assert answered(port, request(encoded(delivery()))) == 500
            assert time.monotonic() - began < 10
        assert answered(port, request(encoded(delivery()))) == 200
    hasty.dispose()


@contextmanager
def _full(warehouse: Warehouse) -> Iterator[None]:
    """A warehouse on a disk that takes no more."""
    if warehouse.is_sqlite:
        bound = [0]

        @sa.event.listens_for(warehouse.engine, "checkout")
        def _bound(dbapi: Any, *_: object) -> None:
            dbapi.execute(f"PRAGMA max_page_count = {bound[0] or 1 << 30}")

        with warehouse.read() as connection:
            bound[0] = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
        yield
        bound[0] = 0
        return
    with warehouse.write() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.exec_driver_sql("CREATE TRIGGER no_space BEFORE INSERT ON inbox EXECUTE FUNCTION no_space()")
    yield
    with warehouse.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER no_space ON inbox")


def test_while_the_disk_is_full_the_answer_is_500(known: Warehouse) -> None:
    """What was acknowledged is stored, and nothing else; with space again all that comes again is."""
    with serving(receiver(known)) as port:
        with _full(known):
            acknowledged = 0
            while (status := answered(port, request(encoded(delivery(f"i{acknowledged}"))))) == 200:
                acknowledged += 1
                assert acknowledged < 200
            assert status == 500
            assert len(stored(known)) == acknowledged
        again = [answered(port, request(encoded(delivery(f"i{number}")))) for number in range(acknowledged + 3)]
    assert set(again) == {200}
    assert len(stored(known)) == acknowledged + 3
