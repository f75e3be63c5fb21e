"""Whatever drips is left when the time is over."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from sequel_assets.sequel import Interrupted, InvalidResponse, SequelClient, SequelError, Unreachable
from sequel_assets_tests.sequel.conftest import config
from sequel_assets_tests.sequel.transport.served import _no_proxy

__all__ = ["_no_proxy"]
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
    assert isinstance(error, InvalidResponse)
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
