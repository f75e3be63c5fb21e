"""Requests of a test's client that need no socket: the sandbox's app is called in the thread that requests.

Half of the CPU of a request goes into sockets and HTTP/1.1 on both sides. A sandbox that injects a fault or a delay, or
is stopped, is still requested over its socket, so whatever goes wrong goes wrong on the wire.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from sequel_assets.sandbox import Sandbox


class InProcessTransport(httpx.HTTPTransport):
    """Calls a sandbox one request at a time, as its event loop would."""

    def __init__(self, sandbox: Sandbox, places: int) -> None:
        super().__init__(limits=httpx.Limits(max_connections=places, max_keepalive_connections=places))
        self._sandbox, self._turn = sandbox, threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, over the wire where the wire matters."""
        api = self._sandbox.api
        if not self._sandbox.is_serving or api.latency_ms or not api.faults.is_quiet:
            return super().handle_request(request)
        with self._turn:
            response = _driven(api.serve(_received(request)))
        return httpx.Response(response.status_code, headers=response.raw_headers, content=response.body)


def _received(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.partition(b"?")
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.read(), "more_body": False}

    return Request(scope, receive)


def _driven(call: Coroutine[Any, Any, Response]) -> Response:
    """Run a coroutine that waits for nothing but its turn."""
    while True:
        try:
            call.send(None)
        except StopIteration as end:
            response: Response = end.value
            return response
