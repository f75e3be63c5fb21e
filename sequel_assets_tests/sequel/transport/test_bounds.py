"""What one answer may take: time, from the first byte to the last, and memory, however small it came."""

from __future__ import annotations

import gc
import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import Interrupted, InvalidAnswer, SequelClient, SequelError, Unreachable
from sequel_assets.sequel.parsing import decoding
from sequel_assets.sequel.parsing.decoding import (
    DEEPEST_NESTING,
    TooManyValuesError,
    UnsafeJsonError,
    decoded,
    values_at_most,
)
from sequel_assets.sequel.parsing.inflating import PIECE_BYTES, BrokenCompressionError, inflated
from sequel_assets.sequel.parsing.shapes import MAX_ITEMS
from sequel_assets.sequel.transport.large_answers import LARGE_BYTES, LargeAnswerPlace
from sequel_assets_tests.sequel.conftest import Wire, config

TOTAL_SECONDS = 0.2
Drip = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(behave: Drip) -> Iterator[int]:
    """A server that does to each connection what a test wants, until the client hangs up; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                behave(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def endlessly(connection: socket.socket, piece: bytes, pause_seconds: float = 0.01) -> None:
    while True:
        connection.sendall(piece)
        time.sleep(pause_seconds)


def a_head_that_drips(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    endlessly(connection, b"x")


def a_status_line_that_drips(connection: socket.socket) -> None:
    connection.recv(65536)
    endlessly(connection, b"H", 0.02)


def interim(status: bytes) -> Drip:
    def answers(connection: socket.socket) -> None:
        connection.recv(65536)
        endlessly(connection, b"HTTP/1.1 " + status + b"\r\n\r\n")

    return answers


def a_body_that_drips(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    endlessly(connection, b" ")


def chunks_that_drip(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    endlessly(connection, b"1\r\n \r\n")


def trailers_that_drip(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Slow: ")
    endlessly(connection, b"x")


def the_body_of_an_error_that_drips(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 500 no\r\nContent-Length: 100000\r\n\r\n")
    endlessly(connection, b" ")


DRIPS: dict[str, Drip] = {
    "a head": a_head_that_drips,
    "a status line": a_status_line_that_drips,
    "102s": interim(b"102 Processing"),
    "103s": interim(b"103 Early Hints"),
    "100s": interim(b"100 Continue"),
    "a body": a_body_that_drips,
    "chunks": chunks_that_drip,
    "trailers": trailers_that_drip,
}


def requested(port: int, scheme: str = "http", **changes: object) -> tuple[SequelError, float]:
    """The error of one attempt, and the seconds that it took."""
    url = f"{scheme}://127.0.0.1:{port}"
    settings = {"total_timeout_seconds": TOTAL_SECONDS, "max_attempts": 1, **changes}
    with closing(SequelClient(config(api_url=url, analytics_url=url, **settings))) as client:
        began = time.monotonic()
        with pytest.raises(SequelError) as caught:
            client.company("c")
        return caught.value, time.monotonic() - began


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("drip", DRIPS)
def test_whatever_drips_is_left_when_the_time_is_over(drip: str) -> None:
    """Each of its bytes comes long before the read time-out of a minute."""
    with serving(DRIPS[drip]) as port:
        error, seconds = requested(port)
    assert (type(error), getattr(error, "reason", "")) == (Interrupted, "the answer took longer than 0.2 s")
    assert TOTAL_SECONDS <= seconds < TOTAL_SECONDS + 1


def test_the_dripping_body_of_an_error_is_left_and_its_status_told() -> None:
    """It is a courtesy; the time is bounded all the same."""
    with serving(the_body_of_an_error_that_drips) as port:
        error, seconds = requested(port)
    assert (error.status, seconds < TOTAL_SECONDS + 1) == (500, True)


def test_interim_answers_without_end_are_not_read_at_full_speed_until_then() -> None:
    """A megabyte before the body is no head."""
    with serving(lambda connection: endlessly(connection, b"HTTP/1.1 102 Processing\r\n\r\n" * 2000, 0)) as port:
        error, seconds = requested(port, total_timeout_seconds=60)
    assert isinstance(error, InvalidAnswer)
    assert (error.fault, error.message, seconds < 10) == ("too large", "an answer whose head has no end", True)


@pytest.mark.parametrize("says", [b"", b"\x16\x03\x03\x40\x00"], ids=["silence", "a record that drips"])
def test_a_handshake_that_drips_is_left(says: bytes) -> None:
    """TLS has no head, but it can be as slow."""

    def shake(connection: socket.socket) -> None:
        connection.sendall(says)
        endlessly(connection, b"\x00" if says else b"")

    with serving(shake) as port:
        error, seconds = requested(port, scheme="https")
    assert isinstance(error, Unreachable | Interrupted)
    assert seconds < TOTAL_SECONDS + 1


def test_a_proxy_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands between us and Sequel, and its answer to CONNECT is a head as well."""
    with serving(a_head_that_drips) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with closing(
            SequelClient(config(api_url="https://api.test", total_timeout_seconds=TOTAL_SECONDS, max_attempts=1))
        ) as client:
            began = time.monotonic()
            with pytest.raises(Interrupted, match="the answer took longer than"):
                client.company("c")
    assert time.monotonic() - began < TOTAL_SECONDS + 1


def test_a_kept_connection_has_a_new_deadline_for_each_exchange() -> None:
    """The time of an exchange that is over must not end the next one."""
    body = b'{"access_token": "t", "uid": "c"}'

    def answer(connection: socket.socket) -> None:
        while connection.recv(65536):
            time.sleep(0.08)
            connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with serving(answer) as port:
        url = f"http://127.0.0.1:{port}"
        with closing(SequelClient(config(api_url=url, total_timeout_seconds=TOTAL_SECONDS))) as client:
            assert [client.company("c").uid for _ in range(4)] == ["c"] * 4
            assert client.stats.retries == 0


# ---------------------------------------------------------------------- memory

BOMBS = {
    "lists": b"[" + b"[]," * 21_000 + b"[]]",
    "objects": b"[" + b'{"a":1},' * 11_000 + b"1]",
    "numbers": b"[" + b"0," * 21_000 + b"0]",
    "texts": b"[" + b'"",' * 21_000 + b'""]',
    "with a long text": b'["' + b"," * 1000 + b'",' + b"0," * 21_000 + b"0]",
    "cut off": b'{"a":[' + b"[]," * 21_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_too_many_values_are_refused_before_there_is_one(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take up to fifty times the memory of what came; what counts them takes a few times that."""
    monkeypatch.setattr(decoding, "WINDOW_BYTES", 4096)
    body = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(TooManyValuesError, match=r"^more than 20,000 values$"):
            decoded(body, most_values=20_000)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body) + 200_000
    finally:
        tracemalloc.stop()


def test_commas_and_brackets_within_texts_are_no_values() -> None:
    """Somebody's text may hold as many as it likes, escaped quotes too."""
    text = ',[{"\\' * 30
    assert decoded(json.dumps([text, {text: text}]).encode(), most_values=5) == [text, {text: text}]
    with pytest.raises(TooManyValuesError):
        decoded(json.dumps([text, {text: text}, 1, 2]).encode(), most_values=5)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('",[]{}\\:a', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('",[]{}\\:a', max_size=3), inner, max_size=4),
    max_leaves=30,
)


def counted(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(counted(one) for one in inner)


@given(NESTED)
def test_the_bound_is_never_below_the_number_of_values(value: object) -> None:
    """Also compact and with blanks, whatever the texts hold."""
    for body in (json.dumps(value).encode(), json.dumps(value, separators=(",", ":"), indent=1).encode()):
        assert values_at_most(body) >= counted(value)
        assert decoded(body, most_values=max(2, 2 * counted(value))) == value  # a pair of brackets more than its values


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: [{"]}": inner}, 1]])
def test_nesting_is_bounded_whatever_it_is_made_of(wrap: Callable[[object], object]) -> None:
    """As deep as the bound is taken, a step more is not."""
    steps = 2 if b"]}" in json.dumps(wrap(0)).encode() else 1
    value: object = 0
    for _ in range(DEEPEST_NESTING // steps):
        value = wrap(value)
    many = [1] * 200
    assert decoded(json.dumps([many, value][1]).encode()) == value
    for _ in range(2):
        value = wrap(value)
    for body in (json.dumps(value), json.dumps([many, value, [[]] * 100])):
        with pytest.raises(UnsafeJsonError, match=r"^nested too deeply$"):
            decoded(body.encode())


def test_numbers_of_too_many_digits_are_refused() -> None:
    """Of fractions too."""
    for digits in ("1" * 65, "0." + "0" * 70 + "1", "-" + "1" * 65, "1e" + "0" * 70 + "1"):
        with pytest.raises(UnsafeJsonError, match=r"^a number of too many digits$"):
            decoded(f"[{digits}]".encode())


def test_a_small_answer_that_would_grow_is_refused_at_once(wire: Wire) -> None:
    """56 KB of gzip are 57 MB of JSON, and were 1.5 GB of memory."""
    small = gzip.compress(b"[" + b"[]," * 19_000_000 + b"[]]", 9)
    assert len(small) < 60_000
    headers = {"content-encoding": "gzip"}
    wire.answer = lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(small))
    with wire.client() as client, pytest.raises(InvalidAnswer) as caught:
        client.company("c")
    assert (caught.value.message, caught.value.fault, caught.value.attempts) == (
        "an answer of more than 2,000,000 values",
        "too large",
        1,
    )


TEXT = b'{"a": "' + b"x" * 700_000 + b'"}'


def bare(text: bytes) -> bytes:
    squeezed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezed.compress(text) + squeezed.flush()


@pytest.mark.parametrize("size", [1, 7, 10**9], ids=["byte by byte", "sevens", "whole"])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT[:2000]),
        ("Identity", TEXT[:2000]),
        ("gzip", gzip.compress(TEXT)),
        (" X-GZIP ", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]) + b"\0\0"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
    ],
    ids=["plain", "identity", "gzip", "members", "zlib", "bare"],
)
def test_compressed_bodies_come_out_whole_and_in_small_pieces(encoding: str, packed: bytes, size: int) -> None:
    """However they are cut into packets."""
    packets = [packed[start : start + size] for start in range(0, len(packed), size)]
    pieces = list(inflated([b"", *packets, b""], encoding))
    assert b"".join(pieces) == (TEXT if len(packed) != 2000 else TEXT[:2000])
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("gzip", gzip.compress(TEXT) + b"x"),
        ("gzip", b"plain"),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", b"x plain"),
        ("br", b"plain"),
        ("zstd", b""),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(encoding: str, packed: bytes) -> None:
    """Half of it would be half an answer."""
    with pytest.raises(BrokenCompressionError) as caught:
        list(inflated([packed], encoding))
    assert caught.value.__context__ is None


def test_an_error_holds_nothing_of_the_answer(wire: Wire) -> None:
    """Neither by its traceback: eight large answers that were refused would stay in memory until their errors are told."""
    wire.answer = lambda _: httpx.Response(200, content=b'["' + b"x" * 1_000_000 + b'"]')
    with wire.client() as client:
        tracemalloc.start()
        try:
            with pytest.raises(InvalidAnswer) as caught:
                client.company("c")
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 500_000
        finally:
            tracemalloc.stop()
    assert caught.value.fault == "wrong shape"


def test_a_list_longer_than_any_is_refused(wire: Wire) -> None:
    """Before its items become objects of a kilobyte each."""
    wire.answer = lambda _: httpx.Response(200, content=b"[" + b"1," * MAX_ITEMS + b"1]")
    with wire.client() as client, pytest.raises(InvalidAnswer, match="the answer has more than 200,000 items"):
        client.events("c")


def test_large_answers_come_one_at_a_time(wire: Wire) -> None:
    """From the first byte too many until they are what was asked for; small ones go on meanwhile."""
    at_once, most = 0, 0
    lock = threading.Lock()

    def body() -> Iterator[bytes]:
        nonlocal at_once, most
        yield b'{"uid": "c", "a": "' + b"x" * (LARGE_BYTES + 1)
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        yield b'"}'

    wire.answer = lambda request: (
        httpx.Response(200, content=body()) if "large" in str(request.url) else httpx.Response(200, json={"uid": "c"})
    )
    with wire.client() as client, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(client.company, ["large", "small"] * 8))
    assert ({one.uid for one in found}, most) == ({"c"}, 1)


def test_a_place_is_taken_once_and_given_back_once() -> None:
    """Also where nothing was taken."""
    lock = threading.Lock()
    place = LargeAnswerPlace(lock)
    place.give_back()
    place.take()
    assert place.take() == 0.0
    place.give_back()
    place.give_back()
    assert not lock.locked()


def test_waiting_for_its_place_is_not_counted_against_an_answer(wire: Wire) -> None:
    """Else the last of eight would be given up for the seven before it."""
    wire.replies = [httpx.Response(200, content=b'{"uid": "c", "a": "' + b"x" * (LARGE_BYTES + 1) + b'"}')]
    with wire.client(total_timeout_seconds=10) as client:
        waited = client._session._one_large = SlowLock(wire)  # type: ignore[assignment]
        assert client.company("c").uid == "c"
        assert waited.is_given_back


class SlowLock:
    """A place that is free after a minute by the test's clock."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self.is_given_back = wire, False

    def acquire(self) -> None:
        self._wire.clock.sleep(60)

    def release(self) -> None:
        self.is_given_back = True
