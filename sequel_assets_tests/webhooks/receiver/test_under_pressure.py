"""The receiver where others take all they can, and where the database hangs, is full, or is shared."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.receiver import server as http_server
from sequel_assets.webhooks.receiver.app import MAX_UNAUTHENTICATED
from sequel_assets.webhooks.receiver.server import FREE_PIECES
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
    stored,
    subscribe,
)
from sequel_assets_tests.webhooks.receiver.pressure import known, said_ready, url_of

__all__ = ["known"]
DAY = timedelta(days=1)


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


@pytest.mark.scenario
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
