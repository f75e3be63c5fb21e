"""The receiver over a real socket: each answer, and that what is acknowledged is stored, once."""

from __future__ import annotations

import hashlib
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.webhooks.receiver.verify import Verification
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    CAPABILITY,
    CREATED,
    HEADER,
    KEY,
    NOW,
    OTHER_CAPABILITY,
    OTHER_KEY,
    Process,
    answered,
    delivery,
    encoded,
    receiver,
    request,
    serving,
    stored,
)
from sequel_assets_tests.webhooks.receiver.known_rules import OUTSIDE, known

__all__ = ["known"]


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


def test_prometheus_reads_how_deliveries_were_answered(known: Warehouse) -> None:
    """`/metrics` needs no key, counts each delivery once, and has no word of any of them."""
    with serving(receiver(known), path="") as port:
        for _ in range(2):
            assert answered(port, request(encoded(delivery())).replace(b"/hooks", b"", 1)) == 200
        assert answered(port, request(encoded(delivery()), key="wrong").replace(b"/hooks", b"", 1)) == 401
        assert answered(port, request(b"{}", capability="metrics").replace(b"/hooks", b"", 1)) == 404
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    deliveries = {
        (sample.labels["result"], int(sample.labels["status"])): sample.value
        for sample in families["sequel_receiver_deliveries"].samples
        if sample.name.endswith("_total")
    }
    assert {result: count for result, count in deliveries.items() if count} == {
        ("accepted", 200): 2,
        ("wrong_key", 401): 1,
        ("no_such_address", 404): 1,
    }
    assert deliveries.keys() == {(result.name.lower(), result.status) for result in Verification}
    (count,) = (
        one.value for one in families["sequel_receiver_delivery_seconds"].samples if one.name.endswith("_count")
    )
    assert count == 4
    assert families["sequel_receiver_deliveries_under_way"].samples[0].value == 0
    assert families["sequel_receiver_last_accepted_timestamp_seconds"].samples[0].value > 1_700_000_000
    assert families.keys() >= {"process_resident_memory_bytes"}
    assert [word for word in (CAPABILITY, KEY, "acme", "e1", "Ada", "secret.example") if word in answer.text] == []
