"""The receiver over a real socket: each answer, and that what is acknowledged is stored, once."""

from __future__ import annotations

import gzip
import hashlib
import logging
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import notifications
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.receiver.app import LARGE_AT_ONCE
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    CAPABILITY,
    CREATED,
    ENDED,
    HEADER,
    KEY,
    NOW,
    OLD_KEY,
    OTHER_CAPABILITY,
    OTHER_KEY,
    RULES,
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


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """A warehouse with companies and two subscriptions."""
    settle_companies(warehouse)
    subscribe(warehouse, subscription_id="sub-ended-1")
    subscribe(warehouse, OTHER_CAPABILITY, OTHER_KEY, CREATED)
    return warehouse


def test_a_good_delivery_is_stored_and_acknowledged(known: Warehouse) -> None:
    """Every column of its row; nothing of names, e-mails or the payload; what handling it fills in is empty."""
    body = encoded(delivery(details={"totalCount": 95, "page": "2", "size": 10}))
    with serving(receiver(known)) as port:
        assert answered(port, request(body)) == 200
    (row,) = stored(known)
    received = {
        "company_id": "acme", "id": 1, "received_at": NOW, "capability_hash": hash_of(CAPABILITY),
        "subscription_id": "sub-ended-1", "delivery_key": "i1/e1/2", "invocation_id": "i1", "correlation_id": "c1",
        "event_type": "virtual-stage-event-ended", "event_id": "e1", "sent_at": NOW, "page": 2, "pages": 10,
        "verdict": "accepted", "handled_at": None, "run_id": None, "outcome": None,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    assert {name: row[name] for name in received} == received
    assert {row[name] for name in row.keys() - received.keys()} <= {None, 0}


OUTSIDE = (NOW - timedelta(days=3, seconds=1)).isoformat()
ANSWERS: dict[str, tuple[int, bytes]] = {
    "right": (200, request(encoded(delivery()))),
    "beneath": (200, request(encoded(delivery(details={"companyId": "branch"})))),
    "unknown company": (200, request(encoded(delivery(details={"companyId": "brand-new"})))),
    "no capability": (404, request(encoded(delivery()), capability="")),
    "unknown capability": (404, request(encoded(delivery()), capability="x" * 43)),
    "a slash behind": (404, request(encoded(delivery()), capability=CAPABILITY + "/")),
    "no key": (401, request(encoded(delivery()), key=None)),
    "empty key": (401, request(encoded(delivery()), key="")),
    "wrong key": (401, request(encoded(delivery()), key="wrong")),
    "right key twice": (401, request(encoded(delivery()), **{HEADER: KEY})),
    "another's key": (401, request(encoded(delivery()), key=OTHER_KEY)),
    "right key elsewhere": (401, request(encoded(delivery()), capability=OTHER_CAPABILITY)),
    "another's event type": (400, request(encoded(delivery(eventType=CREATED)))),
    "company beside": (400, request(encoded(delivery(details={"companyId": "other"})))),
    "company above": (400, request(encoded(delivery(details={"companyId": "root"})))),
    "no company": (400, request(encoded(delivery(details={"companyId": None})))),
    "too old": (400, request(encoded(delivery(timestamp=OUTSIDE)))),
    "no time stamp": (400, request(encoded(delivery(timestamp=None)))),
    "no details": (400, request(encoded({**delivery(), "details": None}))),
    "a list": (400, request(b"[]")),
    "nothing": (400, request(b"")),
    "not HTTP": (400, b"hello\r\n\r\n"),
    "headers of 1 MB": (400, b"POST /hooks/x HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * (1 << 20) + b"\r\n\r\n"),
    "declared too large": (413, request(encoded(delivery()), content_length="1048577").replace(b"content-length", b"x", 1)),
    "GET": (405, f"GET /hooks/{CAPABILITY} HTTP/1.1\r\nhost: x\r\n\r\n".encode()),
}  # fmt: skip


def test_each_answer_is_the_one_that_sequel_acts_on(known: Warehouse) -> None:
    """400, 401, 404 and 413 are not repeated, 429 and 500 are; what is refused leaves no row."""
    with serving(receiver(known)) as port:
        got = {name: answered(port, raw) for name, (_, raw) in ANSWERS.items()}
    assert got == {name: status for name, (status, _) in ANSWERS.items()}
    assert [(row["company_id"], row["verdict"]) for row in stored(known)] == [
        ("acme", "accepted"), ("branch", "accepted"), ("brand-new", "unknown_company"),
    ]  # fmt: skip


def test_too_large_is_told_while_it_arrives(known: Warehouse) -> None:
    """Without a length in front, as soon as the bound is passed; *ended* may be larger than the others."""
    between = b" " * (BOUNDS.body_bytes + 1)
    ended, created = encoded(delivery()) + between, encoded(delivery(eventType=CREATED)) + between
    with serving(receiver(known)) as port:
        assert answered(port, request(ended)) == 200
        assert answered(port, request(created, OTHER_CAPABILITY, OTHER_KEY)) == 413
        assert answered(port, _chunked(ended)) == 200
        assert answered(port, _chunked(ended, times=17)) == 413
    assert len(stored(known)) == 1


def _chunked(piece: bytes, times: int = 1, end: bytes = b"0\r\n\r\n") -> bytes:
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    return (
        head
        + f"{len(piece):x}\r\n".encode()
        + piece
        + b"\r\n"
        + (f"{len(piece):x}\r\n".encode() + b" " * len(piece) + b"\r\n") * (times - 1)
        + end
    )


def test_what_never_ends_is_ended(known: Warehouse) -> None:
    """A body that stops in the middle: 500, so that an honest one comes again; headers that stop: closed."""
    with serving(receiver(known)) as port:
        assert answered(port, _chunked(encoded(delivery()), end=b"")) == 500
        assert (
            answered(port, request(encoded(delivery()), content_length="9999").replace(b"content-length", b"x", 1))
            == 500
        )
        assert answered(port, request(b"")[:-2]) == 0
        assert answered(port, b"") == 0
        assert answered(port, request(encoded(delivery()))) == 200
    assert len(stored(known)) == 1


def test_headers_that_drip_do_not_hold_a_connection(known: Warehouse) -> None:
    """A byte now and then is no sign of life, on a used connection either."""
    with serving(receiver(known)) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
        plug.sendall(request(encoded(delivery())))
        assert plug.recv(4096).startswith(b"HTTP/1.1 200")
        until, is_open = time.monotonic() + 20, True
        while is_open and time.monotonic() < until:
            try:
                plug.sendall(b"P")
                plug.settimeout(0.05)
                is_open = plug.recv(10) != b""
            except TimeoutError:
                continue
            except OSError:
                is_open = False
        assert not is_open


def test_a_repetition_is_acknowledged_and_changes_nothing(known: Warehouse) -> None:
    """By the invocation's id and page; without an id by the body."""
    bodies = [encoded(delivery()), encoded(delivery(details={"page": 2})), encoded(delivery(None))]
    with serving(receiver(known)) as port:
        assert [answered(port, request(body)) for body in bodies * 3] == [200] * 9
    assert [row["delivery_key"] for row in stored(known)] == ["i1/e1/", "i1/e1/2", stored(known)[2]["body_sha256"]]


def test_while_a_key_is_being_changed_an_unknown_one_is_in_doubt(known: Warehouse) -> None:
    """429, so that it comes again; old and new are both accepted until the old one's time is up."""
    mine = subscriptions.c.capability_hash == hash_of(CAPABILITY)

    def change(**values: Any) -> None:
        with known.write() as connection:
            connection.execute(sa.update(subscriptions).where(mine).values(**values))

    with serving(receiver(known)) as port:

        def said(key: str | None) -> int:
            return answered(port, request(encoded(delivery()), key=key))

        assert (said(KEY), said("new")) == (200, 401)
        change(rotating_since=NOW)
        assert (said(KEY), said("new"), said(None)) == (200, 429, 401)
        new = {"sealed_secret": SEAL.seal("new"), "sealed_previous_secret": SEAL.seal(OLD_KEY)}
        change(rotating_since=None, **new, previous_until=NOW + timedelta(seconds=1))
        assert (said("new"), said(OLD_KEY), said("third")) == (200, 200, 401)
        change(previous_until=NOW)
        assert (said("third"), said(OLD_KEY), said("new")) == (401, 401, 200)  # a refusal reads it again
        change(sealed_secret=None, sealed_previous_secret=None)
        assert said("anything") == 429


def test_an_ended_subscription_is_no_address_any_more(known: Warehouse) -> None:
    """Within a moment, though it was known before."""
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(delivery()))) == 200
        with known.write() as connection:
            connection.execute(sa.update(subscriptions).values(ended_at=NOW))
        until = time.monotonic() + 20
        while (status := answered(port, request(encoded(delivery())))) == 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert status == 404


def test_a_subscription_of_a_moment_ago_is_known(known: Warehouse) -> None:
    """A no is never remembered."""
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(delivery()), "n" * 43)) == 404
        subscribe(known, "n" * 43)
        assert answered(port, request(encoded(delivery()), "n" * 43)) == 200


def test_what_is_not_demanded_may_be_missing_but_not_wrong(known: Warehouse) -> None:
    """The key is then not looked at; without a company it is the subscription's."""
    rules = replace(RULES, demands=frozenset())
    with serving(receiver(known, rules)) as port:
        bare = delivery(timestamp=None, details={"companyId": None})
        assert answered(port, request(encoded(bare), key=None)) == 200
        assert answered(port, request(encoded(delivery(timestamp=OUTSIDE)), key=None)) == 400
        assert answered(port, request(encoded(delivery(details={"companyId": "other"})), key=None)) == 400
        assert answered(port, request(encoded(bare), "x" * 43, key=None)) == 404
    assert [row["company_id"] for row in stored(known)] == ["acme"]


def test_a_time_that_cannot_be_read_is_none_where_it_is_not_demanded(known: Warehouse) -> None:
    """Nothing is stored for it, so that the hint is open until a refresh covers the moment at which it came."""
    stamp = "Mon, 09 Mar 2026 10:07:00 EST"
    with serving(receiver(known, replace(RULES, demands=frozenset({"key", "company"})))) as port:
        assert answered(port, request(encoded(delivery(timestamp=stamp)))) == 200
    (row,) = stored(known)
    assert (row["sent_at"], row["received_at"]) == (None, NOW)
    with known.read() as connection:
        ((waiting,),) = list(notifications.waiting(connection, [ENDED]))
    assert waiting.happened_at == NOW


def test_secrets_that_cannot_be_read_are_no_reason_to_refuse(
    known: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """500, which is repeated; the log names the setting."""
    with known.write() as connection:
        connection.execute(sa.update(subscriptions).values(sealed_secret="gAAAAA"))
    with serving(receiver(known)) as port, caplog.at_level(logging.INFO):
        assert answered(port, request(encoded(delivery()))) == 500
    assert "none of the keys in SEQUEL_WEBHOOK_SECRET_KEY opens it" in caplog.text


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
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/hooks") as client:
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
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/hooks") as client:
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
            assert httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
        assert answered(port, request(encoded(delivery("during")))) == 200
    patient.dispose()
    assert [row["invocation_id"] for row in stored(known)] == ["before", "during"]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_while_the_database_is_away_the_answer_is_500(known: Warehouse, postgres: Any) -> None:
    """Its connections cut and new ones refused; and once it is back, 200 and ready again."""
    name = known.url.database
    with serving(receiver(known)) as port:

        def ready() -> int:
            return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code

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
        assert [httpx.get(f"http://127.0.0.1:{port}/health/{path}").status_code for path in paths] == [200, 503]
    empty.dispose()


def test_the_log_tells_of_each_delivery_and_nothing_of_its_content(known: Warehouse, tmp_path: Path) -> None:
    """Status, subscription, size; no key, capability, name, e-mail or id of the event; a flood is counted."""
    process = Process(known.url.render_as_string(hide_password=False).replace("+psycopg", ""), tmp_path)
    assert answered(process.port, request(encoded(delivery()))) == 200
    for _ in range(200):
        answered(process.port, request(encoded(delivery()), key="wrong-key"))
    assert process.stop() == 0
    log = process.log.read_text()
    assert f"INFO 200 accepted: subscription sub-ende, {len(encoded(delivery()))} bytes" in log
    assert "WARNING 401 wrong key: subscription sub-ende, 0 bytes" in log
    told = [line for line in log.splitlines() if "401 wrong key" in line]
    assert sum(int(line.split(": ")[1].split(" more")[0]) if " more" in line else 1 for line in told) == 200
    for secret in (CAPABILITY, KEY, "wrong-key", "Ada", "secret.example", "e1\n", "Launch", "Traceback"):
        assert secret not in log


def test_the_window_is_around_now(known: Warehouse) -> None:
    """Three days back and ahead, to the second."""
    clock = [NOW]
    with serving(receiver(known, now=lambda: clock[0])) as port:
        got = []
        for away in (-3 * 86400 - 1, -3 * 86400, 3 * 86400, 3 * 86400 + 1):
            clock[0] = NOW - timedelta(seconds=away)
            got.append(answered(port, request(encoded(delivery(f"i{away}")))))
    assert got == [400, 200, 200, 400]


def test_an_invocation_that_tells_of_two_events_is_two_hints(known: Warehouse) -> None:
    """Should Sequel give all of a subscription's deliveries one id, the second event would be taken for a repetition."""
    with serving(receiver(known)) as port:
        for event_id in ("e1", "e2", "e1"):
            assert answered(port, request(encoded(delivery(details={"eventId": event_id})))) == 200
    assert [row["event_id"] for row in stored(known)] == ["e1", "e2"]


def test_times_are_stored_in_utc_whatever_zone_they_come_in(known: Warehouse) -> None:
    """A zone of the sender's is one moment, as is a number of seconds or milliseconds."""
    stamps: list[Any] = ["2026-03-09T16:07:00+01:00", "2026-03-09T15:07:00", "2026-03-09T15:07:00.000Z"]
    stamps += [NOW.timestamp(), str(int(NOW.timestamp() * 1000)), "Mon, 09 Mar 2026 15:07:00 GMT"]
    with serving(receiver(known)) as port:
        for number, stamp in enumerate(stamps):
            assert answered(port, request(encoded(delivery(f"i{number}", timestamp=stamp)))) == 200
    assert [row["sent_at"] for row in stored(known)] == [datetime(2026, 3, 9, 15, 7, tzinfo=UTC)] * 6
