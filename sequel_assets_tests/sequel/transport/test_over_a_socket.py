"""What only a real connection shows: escaping, keep-alive, truncation, TLS, a server that drips."""

import itertools
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from sequel_assets.sequel import Company, Interrupted, InvalidResponse, SequelClient, Unreachable
from sequel_assets.sequel.exceptions import SequelError
from sequel_assets_tests.sequel.conftest import SECRET, config

Behave = Callable[["ScriptedHandler"], None]


class ScriptedHandler(BaseHTTPRequestHandler):
    """Signs in whoever asks; everything else is the test's."""

    protocol_version = "HTTP/1.1"
    server: "ScriptedServer"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.say(200, {"access_token": "the-token"})

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("authorization"), self.client_address[1]))
        self.server.behave(self)

    def say(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=sticky; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


class ScriptedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.seen: list[tuple[str, str | None, int]] = []
        self.behave: Behave = lambda handler: handler.say(200, {"uid": "c"})

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some of these tests want."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client(server: ScriptedServer, scheme: str = "http", **changes: object) -> SequelClient:
    url = f"{scheme}://localhost:{server.server_address[1]}"
    return SequelClient(config(api_url=url, analytics_url=url, **changes), sleep=lambda _seconds: None)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")


@pytest.mark.parametrize(
    ("an_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("a b", "a%20b"),
        ("für", "f%C3%BCr"),
        ("u|||e", "u%7C%7C%7Ce"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("a+b", "a%2Bb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a\\b\nc", "a%5Cb%0Ac"),
    ],
)
def test_an_id_of_any_characters_arrives_escaped_once(server: ScriptedServer, an_id: str, segment: str) -> None:
    """Neither decoded, nor encoded twice, nor taken for a way up."""
    with client(server) as sequel:
        assert sequel.company(an_id) == Company(uid="c")
    assert [path for path, _, _ in server.seen] == [f"/api/v1/company/{segment}"]


def test_connections_are_kept_and_shared(server: ScriptedServer) -> None:
    """Forty calls of four threads need no more than four connections, and carry no cookies."""
    with client(server, max_concurrency=4) as sequel, ThreadPoolExecutor(4) as threads:
        list(threads.map(sequel.company, ["c"] * 40))
        assert sequel.stats.requests == 41
    assert len({port for _, _, port in server.seen}) <= 4


def test_a_truncated_body_is_told_as_such(server: ScriptedServer) -> None:
    """Fewer bytes than promised are never half an answer."""

    def cut(handler: ScriptedHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"uid": "c"}')
        handler.close_connection = True

    server.behave = cut
    with client(server, max_attempts=2) as sequel, pytest.raises(InvalidResponse) as caught:
        sequel.company("c")
    assert (caught.value.fault, caught.value.attempts) == ("truncated", 2)


def test_a_connection_that_is_cut_before_the_answer_is_tried_again(server: ScriptedServer) -> None:
    """As happens to a kept connection that the server closes at that moment."""
    calls = itertools.count()

    def hang_up_once(handler: ScriptedHandler) -> None:
        if next(calls):
            handler.say(200, {"uid": "c"})
        else:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

    server.behave = hang_up_once
    with client(server) as sequel:
        assert sequel.company("c") == Company(uid="c")
        assert sequel.stats.retries == 1


def test_a_server_that_drips_is_left(server: ScriptedServer) -> None:
    """Each byte comes in time, the whole never would. The clock of this test counts a minute per look."""
    pause = threading.Event()

    def drip(handler: ScriptedHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while True:  # until the client hangs up
            handler.wfile.write(b" ")
            pause.wait(0.001)

    server.behave = drip
    clock = itertools.count(0, 60)
    url = f"http://localhost:{server.server_address[1]}"
    sequel = SequelClient(config(api_url=url, analytics_url=url, max_attempts=1), monotonic=lambda: float(next(clock)))
    with sequel, pytest.raises(Interrupted) as caught:
        sequel.company("c")
    assert caught.value.reason == "the answer took longer than 300 s"


def test_a_host_that_nobody_listens_on_is_unreachable() -> None:
    """With the reason in words, after a few attempts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        sequel = SequelClient(config(api_url=url), sleep=lambda _seconds: None)
        with sequel, pytest.raises(Unreachable) as caught:
            sequel.company("c")
    assert (str(caught.value), caught.value.reason) == (
        f"cannot reach {url.removeprefix('http://')}: the connection was refused (/api/oauth/token), tried 3 times",
        "the connection was refused",
    )


def test_a_certificate_that_nobody_vouches_for_is_told_at_once(server: ScriptedServer) -> None:
    """No second attempt: it will not become trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with client(server, scheme="https") as sequel, pytest.raises(Unreachable) as caught:
        sequel.company("c")
    assert (caught.value.reason, caught.value.attempts) == ("the TLS certificate is not trusted", 1)


def test_tls_spoken_to_a_plain_server_is_told(server: ScriptedServer) -> None:
    """The commonest mistake with a local address."""
    with client(server, scheme="https") as sequel, pytest.raises(SequelError) as caught:
        sequel.company("c")
    assert isinstance(caught.value, Unreachable)
    assert caught.value.reason == "the TLS handshake failed"


def test_the_most_talkative_logs_hold_no_token(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    """httpx and httpcore at DEBUG: URLs, and the headers of answers; never those of requests."""  # noqa: D403
    caplog.set_level(logging.DEBUG)
    with client(server) as sequel:
        sequel.company("c")
    assert [authorization for _, authorization, _ in server.seen] == ["Bearer the-token"]
    assert "GET http://localhost" in caplog.text
    assert "httpcore" in {record.name.split(".")[0] for record in caplog.records}
    assert not [word for word in ("the-token", SECRET, "Bearer") if word in caplog.text]
