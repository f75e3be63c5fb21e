"""HTTP as it comes over a real socket: what of it is taken, in whatever pieces, and where its bounds are."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.webhooks.receiver import app as receiver_module
from sequel_assets.webhooks.receiver import server as http_server
from sequel_assets.webhooks.receiver.server import HEADER_BYTES, listen, server
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    CAPABILITY,
    HEADER,
    KEY,
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

pytestmark = pytest.mark.parametrize("engine_kind", ["sqlite"])
GOOD = encoded(delivery())


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """A warehouse with companies and a subscription."""
    settle_companies(warehouse)
    subscribe(warehouse)
    return warehouse


@pytest.fixture
def port(known: Warehouse) -> Iterator[int]:
    """Where a receiver listens."""
    with serving(receiver(known)) as found:
        yield found


def long_request(length: int, name: str = "x-long") -> bytes:
    """Return a delivery whose request line and headers are so long, to the byte."""
    before = request(GOOD, **{name: ""})
    missing = length - (len(before) - len(GOOD))
    return request(GOOD, **{name: "x" * missing})


def all_said(port: int, raw: bytes) -> list[int]:
    """Send at once and return the status of every answer until the connection is closed."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plug, contextlib.suppress(OSError):
        plug.sendall(raw)
        while piece := plug.recv(65536):
            said += piece
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def test_headers_of_sixteen_kib_are_taken_and_no_byte_more(port: int, known: Warehouse) -> None:
    """However they arrive: at once, a hundred KB at once, in one long name, in very many, or blank."""
    many = request(GOOD, **{f"x-{number}": "y" * 20 for number in range(1_000)})
    blank = request(GOOD, x_blank=" " * 100_000 + "y")
    named = request(GOOD, **{"x" * 100_000: "y"})
    target = request(GOOD).replace(b" HTTP", b"?" + b"x" * 100_000 + b" HTTP", 1)
    assert answered(port, long_request(HEADER_BYTES)) == 200
    refused = [long_request(HEADER_BYTES + 1), long_request(100_000), many, blank, named, target]
    assert {answered(port, raw) for raw in refused} <= {0, 400}
    assert len(stored(known)) == 1


def test_headers_behind_another_request_are_counted_too(port: int, known: Warehouse) -> None:
    """Pipelined, so that they are there when the first is answered."""
    second = long_request(100_000).replace(b"i1", b"i2")
    assert all_said(port, request(GOOD) + second) == [200, 400]
    assert [row["invocation_id"] for row in stored(known)] == ["i1"]


def test_headers_behind_a_body_are_counted_too(port: int, known: Warehouse) -> None:
    """Trailers, which nobody reads."""
    for length, status in ((100, 200), (100_000, 400)):
        raw = in_chunks(GOOD, end=b"0\r\nx-behind: " + b"y" * length + b"\r\n\r\n")
        assert answered(port, raw) in (status, 0 if status == 400 else status)
    assert len(stored(known)) == 1


def in_chunks(body: bytes, size: int = 50, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a delivery in chunks."""
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


SAID_OTHERWISE = {
    "names in capitals": (200, request(GOOD).replace(HEADER.encode(), HEADER.upper().encode())),
    "blanks around the key": (200, request(GOOD, key=f"  {KEY} \t")),
    "chunks": (200, in_chunks(GOOD)),
    "chunks with extensions": (200, in_chunks(GOOD, 1000, b"0;last=1\r\n\r\n")),
    "HTTP/1.0": (200, request(GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")),
    "HTTP/1.0 without a host": (200, request(GOOD).replace(b"HTTP/1.1\r\nhost: x", b"HTTP/1.0")),
    "blank lines in front": (400, b"\r\n\r\n" + request(GOOD)),
    "an address with a question": (200, request(GOOD).replace(CAPABILITY.encode(), CAPABILITY.encode() + b"?x=1")),
    "an address in escapes": (200, request(GOOD).replace(b"/hooks/c", b"/hooks/%63")),
    "the key twice": (401, request(GOOD, **{HEADER: KEY})),
    "the key twice, once in capitals": (401, request(GOOD, **{HEADER.upper(): KEY})),
    "the key in the body alone": (401, request(GOOD[:-1] + f', "{HEADER}": "{KEY}"}}'.encode(), key=None)),
    "an address in other letters": (404, request(GOOD, CAPABILITY.upper())),
    "an address that goes up": (404, request(GOOD).replace(b"/hooks/", b"/hooks/x/../")),
    "the whole address": (404, request(GOOD).replace(b"/hooks/", b"http://x/hooks/")),
    "a lower-case method": (405, request(GOOD).replace(b"POST", b"post")),
    "PUT": (405, request(GOOD).replace(b"POST", b"PUT")),
    "no host": (400, request(GOOD).replace(b"host: x\r\n", b"")),
    "two lengths": (400, request(GOOD, content_length="3")),
    "a length and chunks": (200, in_chunks(GOOD).replace(b"host: x", b"host: x\r\ncontent-length: 3")),
    "a length below nothing": (400, request(GOOD).replace(b"content-length: ", b"content-length: -")),
    "a length in other digits": (400, request(GOOD).replace(b"content-length: ", "content-length: ٣".encode())),
    "chunks of another coding": (400, in_chunks(GOOD).replace(b"chunked", b"gzip, chunked")),
    "chunks that never come": (500, request(GOOD).replace(f"content-length: {len(GOOD)}".encode(), b"transfer-encoding: chunked")),
    "a line that is folded": (200, request(GOOD).replace(b"host: x", b"host: x\r\nx-a: b\r\n  c")),
    "a blank in a name": (400, request(GOOD).replace(b"host: x", b"host: x\r\nx a: b")),
    "HTTP/2": (404, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
}  # fmt: skip


def test_whatever_http_allows_is_taken_and_what_it_does_not_is_refused(port: int, known: Warehouse) -> None:
    """Each is the same delivery, so it is one row."""
    got = {name: answered(port, raw) for name, (_, raw) in SAID_OTHERWISE.items()}
    assert {name: status for name, status in got.items() if status != SAID_OTHERWISE[name][0]} == {}
    assert [(row["event_id"], row["delivery_key"]) for row in stored(known)] == [("e1", "i1/e1/")]


def test_who_waits_to_be_let_in_is_let_in(port: int) -> None:
    """`Expect: 100-continue`: 100 before the body, as a refusal too, whose answer would else be lost."""
    for key, status in ((KEY, b"200"), ("wrong", b"401")):
        head, _, body = request(GOOD, key=key, expect="100-continue").partition(b"\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
            plug.sendall(head + b"\r\n\r\n")
            assert plug.recv(4096).startswith(b"HTTP/1.1 100 ")
            plug.sendall(body)
            assert plug.recv(4096).startswith(b"HTTP/1.1 " + status)


def test_a_strangers_body_is_waited_for_so_long_and_so_far(known: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KiB, a second; who has the address is listened to in full while the key is in doubt."""
    assert (receiver_module.UNAUTHENTICATED_BYTES, receiver_module.UNAUTHENTICATED_SECONDS) == (64 << 10, 1.0)
    monkeypatch.setattr(receiver_module, "UNAUTHENTICATED_SECONDS", 0.2)
    subscribe(known, "d" * 43, None)
    kib = b" " * 1024

    def said_after(capability: str, pieces: int, patience: float = 20) -> list[bytes]:
        """What is answered to so many KiB of a body that is longer, and to all of it."""
        raw = request(GOOD + kib * 100, capability)
        head = raw[: -100 * 1024]
        answers = []
        with socket.create_connection(("127.0.0.1", port), timeout=patience) as plug:
            plug.sendall(head + kib * pieces)
            for rest in (b"", kib * (100 - pieces)):
                with contextlib.suppress(OSError):
                    plug.sendall(rest)
                plug.settimeout(20 if rest else patience)
                try:
                    answers.append(plug.recv(4096)[9:12])
                except OSError as error:
                    answers.append(b"" if isinstance(error, TimeoutError) else b"closed")
        return answers

    with serving(receiver(known, bounds=replace(BOUNDS, read_seconds=20, body_bytes=1 << 20))) as port:
        began = time.monotonic()
        assert said_after("x" * 43, 1)[0] == b"404"
        assert said_after("x" * 43, 90)[0] == b"404"
        assert time.monotonic() - began < 15
        assert said_after("d" * 43, 90, 1) == [b"", b"429"]


def test_a_stop_waits_for_what_has_begun_so_long_and_no_longer(
    known: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 seconds, here less; meanwhile it takes no new connection."""
    assert http_server.STOP_SECONDS == 30
    monkeypatch.setattr(http_server, "STOP_SECONDS", 1)
    receiving = receiver(known, bounds=replace(BOUNDS, read_seconds=20))
    plug = listen("127.0.0.1", 0)
    number = plug.getsockname()[1]
    running = server(receiving.app("/hooks"), 20, loop="asyncio")
    thread = threading.Thread(target=running.run, args=([plug],), daemon=True)
    thread.start()
    with socket.create_connection(("127.0.0.1", number), timeout=20) as hanging:
        hanging.sendall(request(GOOD)[:-1])
        until = time.monotonic() + 20
        while not receiving._under_way and time.monotonic() < until:
            time.sleep(0.01)
        began = time.monotonic()
        running.handle_exit(15, None)
        is_open = True
        while is_open and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.02)
            try:
                socket.create_connection(("127.0.0.1", number), timeout=1).close()
            except OSError:
                is_open = False
        assert (is_open, thread.is_alive()) == (False, True)
        thread.join(20)
    receiving.close()
    assert not thread.is_alive()
    assert 0.9 < time.monotonic() - began < 10
    assert stored(known) == []
