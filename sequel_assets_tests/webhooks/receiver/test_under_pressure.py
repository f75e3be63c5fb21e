"""The receiver where others take all they can, and where the database hangs, is full, or is shared."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.receiver import batch_writer, db_threads, health
from sequel_assets.webhooks.receiver import server as http_server
from sequel_assets.webhooks.receiver.app import MAX_UNAUTHENTICATED
from sequel_assets.webhooks.receiver.server import FREE_PIECES
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    CAPABILITY,
    HEADER,
    KEY,
    NOW,
    SEAL,
    Process,
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

DAY = timedelta(days=1)


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """A warehouse with companies and a subscription."""
    settle_companies(warehouse)
    subscribe(warehouse)
    return warehouse


def said_ready(port: int) -> tuple[int, str]:
    """What `/health/ready` answers."""
    answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=20)
    return answer.status_code, answer.text


def url_of(warehouse: Warehouse) -> str:
    """The URL that a user would write."""
    return warehouse.url.render_as_string(hide_password=False).replace("+psycopg", "")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_strangers_take_no_place_of_those_with_both_secrets(known: Warehouse) -> None:
    """However many announce a body and send none: some are waited for, the others told at once."""
    nobodys = [request(b"", "x" * 43), request(b"", CAPABILITY, "wrong")]
    announced = [raw.replace(b"content-length: 0", b"content-length: 10") for raw in nobodys]
    with serving(receiver(known, bounds=replace(BOUNDS, concurrency=2, read_seconds=20))) as port, ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(2 * MAX_UNAUTHENTICATED)
        ]
        for number, plug in enumerate(opened):
            plug.sendall(announced[number % 2])
        assert [answered(port, request(encoded(delivery(f"i{number}")))) for number in range(5)] == [200] * 5
        heads = [plug.recv(4096)[:12] for plug in opened]
    assert heads == [b"HTTP/1.1 404", b"HTTP/1.1 401"] * MAX_UNAUTHENTICATED


def _in_chunks(body: bytes, size: int, capability: str = CAPABILITY) -> bytes:
    head = request(b"", capability).replace(b"content-length: 0", b"transfer-encoding: chunked")
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_body_in_crumbs_is_not_swallowed(known: Warehouse) -> None:
    """A crumb costs as much as some KiB: 400, whoever sends it; honest chunks pass."""
    with serving(receiver(known)) as port:
        crumbs = encoded(delivery()) + b" " * FREE_PIECES
        assert [answered(port, _in_chunks(crumbs, 1, address)) for address in ("x" * 43, CAPABILITY)] == [400, 400]
        assert answered(port, _in_chunks(encoded(delivery()) + b" " * (BOUNDS.body_bytes * 8), 512)) == 200
    assert len(stored(known)) == 1


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_idle_connections_are_ended_sooner_when_there_are_many(
    known: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes all of them does not keep others out for long."""
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 6)
    monkeypatch.setattr(http_server, "CROWDED_SECONDS", 0.2)
    with serving(receiver(known), header_seconds=60) as port, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        until = time.monotonic() + 20
        while not (status := answered(port, request(encoded(delivery())))) and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 200


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_not_ready_while_no_stored_secret_can_be_read(known: Warehouse) -> None:
    """Every delivery is answered with 500 then; where no key is demanded it is not looked at."""
    with known.write() as connection:
        connection.execute(sa.update(subscriptions).values(sealed_secret="gAAAAA"))
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(delivery()))) == 500
        assert said_ready(port) == (503, "SEQUEL_WEBHOOK_SECRET_KEY opens none of the stored secrets\n")
        subscribe(known, "d" * 43)
        assert said_ready(port) == (200, "ready\n")


def test_the_longest_ids_can_be_stored(known: Warehouse) -> None:
    """200 characters of four bytes each, all three of them in one index."""
    longest = "".join(chr(0x20000 + number) for number in range(200))
    body = delivery(longest, details={"companyId": longest[::-1], "eventId": longest, "page": 10_000_000})
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(body))) == 200
    assert [row["event_id"] for row in stored(known)] == [longest]


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


def test_two_receivers_as_two_processes_lose_and_double_nothing(known: Warehouse, tmp_path: Path) -> None:
    """The same deliveries to both at once, in opposite orders; each is one row, with an id of its own."""
    bodies = [encoded(delivery(f"i{number}")) for number in range(60)]
    statuses: list[int] = []
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    processes = [Process(url_of(known), folder) for folder in folders]

    def send(port: int, order: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/hooks", timeout=60) as client:
            answers = (client.post(f"/{CAPABILITY}", content=body, headers={HEADER: KEY}) for body in bodies[::order])
            statuses.extend(answer.status_code for answer in answers)

    arguments = [(process.port, order) for process in processes for order in (1, -1)]
    threads = [threading.Thread(target=send, args=one) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.stop() for process in processes] == [0, 0]
    rows = stored(known)
    assert statuses == [200] * 240
    assert sorted(row["invocation_id"] for row in rows) == sorted(f"i{number}" for number in range(60))
    assert len({row["id"] for row in rows}) == 60


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_was_replaced_is_answered_a_while_longer(known: Warehouse) -> None:
    """By the key that it had last; one that is not known is wrong, since none is to come; then it is no address any more."""
    clock = [NOW]
    keys = {"sealed_secret": None, "sealed_previous_secret": SEAL.seal(KEY), "previous_until": NOW + DAY}
    with known.write() as connection:
        connection.execute(sa.update(subscriptions).values(ended_at=NOW, rotating_since=NOW, **keys))
    with serving(receiver(known, now=lambda: clock[0])) as port:
        assert [answered(port, request(encoded(delivery()), key=key)) for key in (KEY, "new", None)] == [200, 401, 401]
        clock[0] += DAY
        assert answered(port, request(encoded(delivery()), key="new")) == 404
