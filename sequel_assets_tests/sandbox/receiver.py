"""A tiny far end for webhooks: keeps what it is sent, in order, and answers as it is told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from sequel_assets.sandbox import Sandbox


@dataclass(frozen=True)
class Received:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def in_short(self) -> tuple[str, str, str]:
        """Type, event, time: what a test asks for first."""
        return self.body["eventType"], self.body["details"]["eventId"], self.body["timestamp"]


class RecordingReceiver:
    """`statuses` are answered in turn, then 200 for ever. `delay` seconds pass before each answer."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self._lock = threading.Lock()
        receiver = self

        class ReceiverHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(Received(self.path, headers, body))
                self.wfile.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), ReceiverHandler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, received: Received) -> int:
        with self._lock:
            self.received.append(received)
            return self.statuses.pop(0) if self.statuses else 200

    def taken(self, sandbox: Sandbox) -> list[Received]:
        """What came since the last time, once the sandbox has sent all that is due."""
        sandbox.webhooks.wait_until_sent()
        with self._lock:
            taken, self.received = self.received, []
        return taken

    def in_short(self, sandbox: Sandbox) -> list[tuple[str, str, str]]:
        """The same in short."""
        return [one.in_short for one in self.taken(sandbox)]

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
