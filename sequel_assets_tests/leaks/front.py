"""A server in front of the sandbox that answers some calls with errors that name somebody, bytes of its own making."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import httpx

from sequel_assets_tests.leaks.planting import ERRORS

Choose = Callable[[str, str], str | None]
"""Of an endpoint and the id it is asked for: the error that it gets, or None."""

ENDPOINTS = {
    name: re.compile(pattern)
    for name, pattern in {
        "token": r"/api/oauth/token",
        "company": r"/api/v1/company/([^/]+)",
        "sub_companies": r"/api/v1/company/([^/]+)/list",
        "events": r"/api/v1/company/([^/]+)/events",
        "event": r"/api/v1/event/([^/]+)",
        "registrants": r"/api/v1/event/([^/]+)/registrants",
        "available_replays": r"/api/v1/event/([^/]+)/availableReplays",
        "hub": r"/api/v1/networking/([^/]+)",
        "hub_participants": r"/api/v1/networking/([^/]+)/participantsList",
        "participants": r".*/events/([^/]+)/top-participants",
        "concurrency": r".*/getVideoWatchOverTime/([^/]+)",
        "user_activity": r"/api/analytics/events/([^/]+)/user-activity",
        "event_interactions": r"/api/analytics/events/([^/]+)/polls",
    }.items()
}


def endpoint_of(path: str) -> tuple[str, str]:
    """The endpoint of a path, and the id in it."""
    for name, pattern in ENDPOINTS.items():
        if found := pattern.fullmatch(path):
            return name, unquote(found[1]) if found.groups() else ""
    return "", ""


class Front:
    """Counts who was named: each path that fails names another person."""

    def __init__(self, url: str, choose: Choose) -> None:
        self._url, self._choose = url, choose
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self.told: set[tuple[str, str]] = set()
        """Endpoints and errors that were given."""
        self.port = 0

    @property
    def people(self) -> int:
        """How many were named."""
        return len(self._numbers)

    def error(self, path: str) -> bytes | None:
        """The bytes instead of an answer; None: the sandbox answers."""
        endpoint, an_id = endpoint_of(path)
        kind = self._choose(endpoint, an_id) if endpoint else None
        if kind is None:
            return None
        with self._lock:
            number = self._numbers.setdefault(path, len(self._numbers))
            self.told.add((endpoint, kind))
        return ERRORS[kind](number)

    def handler(self, beyond: httpx.Client) -> type[BaseHTTPRequestHandler]:
        """What the server does with each request."""
        front = self

        class FrontHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(b"")

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))

            def answer(self, body: bytes) -> None:
                error = front.error(urlsplit(self.path).path)
                if error is not None:
                    self.wfile.write(error)
                    self.close_connection = True
                    return
                kept = {k: v for k, v in self.headers.items() if k.lower() in {"authorization", "content-type"}}
                answer = beyond.request(self.command, front._url + self.path, content=body, headers=kept)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("content-type", ""))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return FrontHandler


@contextmanager
def standing_before(url: str, choose: Choose) -> Iterator[Front]:
    """Serve until the end."""
    front = Front(url, choose)
    with (
        httpx.Client(trust_env=False, timeout=30) as beyond,
        ThreadingHTTPServer(("127.0.0.1", 0), front.handler(beyond)) as server,
    ):
        server.daemon_threads = True
        front.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield front
        server.shutdown()
        thread.join()
