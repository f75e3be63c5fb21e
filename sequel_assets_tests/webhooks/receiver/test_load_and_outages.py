"""Many and large deliveries take turns; a kill, a stop or a lost database loses nothing that was acknowledged."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.webhooks.receiver.app import LARGE_AT_ONCE
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    CAPABILITY,
    HEADER,
    KEY,
    NOW,
    OTHER_CAPABILITY,
    OTHER_KEY,
    RULES,
    Process,
    answered,
    delivery,
    encoded,
    receiver,
    request,
    serving,
    stored,
)
from sequel_assets_tests.webhooks.receiver.known_rules import known

__all__ = ["known"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_many_large_ones_take_turns(known: Warehouse) -> None:
    """One too many is told 429, after all of it was let in; the memory that they take is bounded."""
    large = encoded(delivery()) + b" " * (BOUNDS.body_bytes + 1)
    receiving = receiver(known, bounds=replace(BOUNDS, read_seconds=20))
    with serving(receiving) as port:
        opened = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(LARGE_AT_ONCE)]
        for plug in opened:
            plug.sendall(request(large)[:-1])
        until = time.monotonic() + 20
        while len(receiving._large) < LARGE_AT_ONCE and time.monotonic() < until:
            time.sleep(0.01)
        assert answered(port, request(large)) == 429
        for plug in opened:
            plug.sendall(b" ")
            assert plug.recv(4096).startswith(b"HTTP/1.1 200")
            plug.close()
        assert answered(port, request(large)) == 200


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_large_inflated_takes_its_turn_too(known: Warehouse) -> None:
    """However small it comes: 429 while there are as many as there may be, and 200 afterwards; what is small takes none."""
    large, small = gzip.compress(noise(3 * BOUNDS.body_bytes)), gzip.compress(noise(100, "i2"))
    assert len(large) < BOUNDS.body_bytes < len(gzip.decompress(large)) < 100 * len(large)
    receiving = receiver(known)
    with serving(receiving) as port:
        receiving._large |= {object() for _ in range(LARGE_AT_ONCE)}
        assert [answered(port, request(one, content_encoding="gzip")) for one in (large, small)] == [429, 200]
        receiving._large.clear()
        assert answered(port, request(large, content_encoding="gzip")) == 200
        assert receiving._large == set()
        created = request(
            gzip.compress(noise(3 * BOUNDS.body_bytes)), OTHER_CAPABILITY, OTHER_KEY, content_encoding="gzip"
        )
        assert answered(port, created) == 413
    assert [row["invocation_id"] for row in stored(known)] == ["i2", "i1"]


def noise(length: int, invocation_id: str = "i1") -> bytes:
    """Return a delivery of at least this length that gzip makes smaller, but not very much."""
    digests = [hashlib.sha256(str(number).encode()).hexdigest()[:8] for number in range(length // 72 + 1)]
    return encoded(delivery(invocation_id, details={"users": [digest * 8 for digest in digests]}))


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_signing_proxy_vouches_for_what_it_hands_on(known: Warehouse) -> None:
    """401 without its signature or with another body; a body in gzip is signed as it reads inflated."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body, other = encoded(delivery()), encoded(delivery("i2"))
    signature = Webhook(secret).sign("m1", NOW, body.decode())
    headers = {"webhook_id": "m1", "webhook_timestamp": str(int(NOW.timestamp())), "webhook_signature": signature}
    with serving(receiver(known, replace(RULES, signing_secrets=(secret,)))) as port:
        assert answered(port, request(body, **headers)) == 200
        assert answered(port, request(gzip.compress(body), content_encoding="gzip", **headers)) == 200
        assert answered(port, request(other, **headers)) == 401
        assert answered(port, request(gzip.compress(other), content_encoding="gzip", **headers)) == 401
        assert answered(port, request(body)) == 401
    assert [row["invocation_id"] for row in stored(known)] == ["i1"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_too_many_at_once_are_told_to_come_again(known: Warehouse) -> None:
    """With 500, which Sequel repeats, and not 503."""
    receiving = receiver(known, bounds=replace(BOUNDS, concurrency=1, read_seconds=20))
    with serving(receiving) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
        plug.sendall(request(encoded(delivery()))[:-1])
        until = time.monotonic() + 20
        while (status := answered(port, request(encoded(delivery())))) == 200 and time.monotonic() < until:
            time.sleep(0.01)
        assert status == 500
        plug.sendall(b"}")
        assert plug.recv(4096).startswith(b"HTTP/1.1 200")


def test_two_receivers_on_one_database_lose_and_double_nothing(known: Warehouse) -> None:
    """Each delivery to both of them, at once; the ids are in the order of the commits and without doubles."""
    second = Warehouse(known.url.render_as_string(hide_password=False).replace("+psycopg", ""), is_durable=True)
    bodies = [encoded(delivery(f"i{number}")) for number in range(100)]
    statuses: list[int] = []

    def send(port: int, order: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/hooks", timeout=60) as client:
            for body in bodies[::order]:
                answer = client.post(f"/{CAPABILITY}", content=body, headers={HEADER: KEY})
                statuses.append(answer.status_code)

    patient = replace(BOUNDS, read_seconds=20)
    with (
        serving(receiver(known, bounds=patient)) as first_port,
        serving(receiver(second, bounds=patient)) as second_port,
    ):
        threads = [threading.Thread(target=send, args=(p, o)) for p in (first_port, second_port) for o in (1, -1, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    second.dispose()
    rows = stored(known)
    assert statuses == [200] * 600
    assert sorted(row["invocation_id"] for row in rows) == sorted(f"i{number}" for number in range(100))
    assert len({row["id"] for row in rows}) == 100


def test_a_killed_receiver_has_stored_all_that_it_acknowledged(known: Warehouse, tmp_path: Path) -> None:
    """By kill -9 in the middle of it, several times."""
    url = known.url.render_as_string(hide_password=False).replace("+psycopg", "")
    acknowledged: set[str] = set()
    for life in range(2):
        process = Process(url, tmp_path)

        def send(thread: int, port: int = process.port, life: int = life) -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/hooks", timeout=60) as client:
                for number in range(100_000):
                    name = f"{life}-{thread}-{number}"
                    try:
                        body = encoded(delivery(name))
                        answer = client.post(f"/{CAPABILITY}", content=body, headers={HEADER: KEY})
                    except httpx.HTTPError:
                        return
                    assert answer.status_code == 200
                    acknowledged.add(name)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for one in threads:
            one.start()
        until, before = time.monotonic() + 60, len(acknowledged)
        while len(acknowledged) < before + 60 and time.monotonic() < until:
            time.sleep(0.01)
        process.stop("kill")
        for one in threads:
            one.join()
        assert len(acknowledged) >= before + 60
    rows = [row["invocation_id"] for row in stored(known)]
    assert acknowledged - set(rows) == set()
    assert len(rows) == len(set(rows))


@pytest.mark.scenario
def test_a_graceful_stop_finishes_what_has_begun(known: Warehouse, tmp_path: Path) -> None:
    """A delivery half-way in when SIGTERM comes is stored and answered; the exit code is 0."""
    url = known.url.render_as_string(hide_password=False).replace("+psycopg", "")
    process = Process(url, tmp_path)
    with socket.create_connection(("127.0.0.1", process.port), timeout=30) as plug:
        plug.sendall(request(encoded(delivery()))[:-1])
        time.sleep(0.2)
        process.process.terminate()
        time.sleep(0.2)
        plug.sendall(b"}")
        assert plug.recv(4096).startswith(b"HTTP/1.1 200")
    assert process.process.wait(30) == 0
    assert len(stored(known)) == 1
    process.stop()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_while_the_database_is_locked_the_answer_is_500(known: Warehouse) -> None:
    """And once it is free again, 200; live stays so throughout."""
    url = known.url.render_as_string(hide_password=False)
    patient = Warehouse(url, is_durable=True, busy_seconds=0.1)
    with serving(receiver(patient)) as port:
        assert answered(port, request(encoded(delivery("before")))) == 200
        with known.write():
            assert answered(port, request(encoded(delivery("during")))) == 500
            assert httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=60).status_code == 200
        assert answered(port, request(encoded(delivery("during")))) == 200
    patient.dispose()
    assert [row["invocation_id"] for row in stored(known)] == ["before", "during"]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_while_the_database_is_away_the_answer_is_500(known: Warehouse, postgres: Any) -> None:
    """Its connections cut and new ones refused; and once it is back, 200 and ready again."""
    name = known.url.database
    with serving(receiver(known)) as port:

        def ready() -> int:
            return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=60).status_code

        assert (answered(port, request(encoded(delivery("before")))), ready()) == (200, 200)
        postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert [answered(port, request(encoded(delivery("during")))) for _ in range(3)] == [500] * 3
        assert ready() == 503
        postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert (answered(port, request(encoded(delivery("during")))), ready()) == (200, 200)
    assert [row["invocation_id"] for row in stored(known)] == ["before", "during"]


def test_not_ready_without_the_right_schema(warehouse_url: str) -> None:
    """Alive all the same."""
    empty = Warehouse(warehouse_url)
    with serving(receiver(empty)) as port:
        paths = ("live", "ready")
        assert [httpx.get(f"http://127.0.0.1:{port}/health/{path}", timeout=60).status_code for path in paths] == [
            200,
            503,
        ]
    empty.dispose()
