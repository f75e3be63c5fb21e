"""Responses as bytes on the wire: complete ones, and those that are truncated, reset, or huge."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sequel_assets.sandbox.api.faults import Fault

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
JSON = "application/json; charset=utf-8"

STATUS_PAGES = {
    "http_500": (500, "500 Internal Server Error"),
    "http_502": (502, "502 Bad Gateway"),
    "http_503": (503, "503 Service Temporarily Unavailable"),
    "html_200": (200, "Just a moment..."),
}


def encoded(document: Any) -> bytes:
    """JSON as the API sends it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def answer(status: int, body: Any) -> Response:
    """JSON, or plain text for a text."""
    if isinstance(body, str):
        return Response(body, status, media_type="text/plain")
    return json_answer(status, encoded(body))


def json_answer(status: int, body: bytes) -> Response:
    """JSON that is encoded already."""
    return Response(body, status, media_type=JSON)


def replacement_for(fault: Fault) -> Response | None:
    """The answer that a fault gives in place of the right one; None when the right one is still needed."""
    if fault.kind in STATUS_PAGES:
        status, title = STATUS_PAGES[fault.kind]
        return Response(HTML.format(title), status, media_type="text/html")
    if fault.kind == "http_401_json":
        return answer(401, {"hasError": True, "errorMessage": "Token not found"})
    if fault.kind == "http_403":
        return answer(403, {"hasError": True, "errorMessage": "Forbidden"})
    if fault.kind in ("http_404", "vanished"):
        return answer(404, "Event not found")
    if fault.kind in ("http_429", "http_429_retry_after"):
        response = answer(429, {"hasError": True, "errorMessage": "Too many requests"})
        if fault.kind == "http_429_retry_after":
            response.headers["Retry-After"] = str(round(fault.seconds))
        return response
    if fault.kind == "has_error":
        return answer(200, {"hasError": True, "errorMessage": "Something went wrong"})
    if fault.kind == "not_json":
        return Response('{"VideoViews": [[1, 2], oops', 200, media_type=JSON)
    return HangUp(resets=fault.kind == "reset") if fault.kind in ("reset", "closed") else None


def damaged(response: Response, fault: Fault) -> Response:
    """The right response, truncated in the middle or preceded by megabytes of blanks."""
    if fault.kind == "truncated":
        return Truncated(response)
    return _huge(response, fault.megabytes) if fault.kind == "huge" else response


def zipped(response: Response, accepts: str) -> Response:
    """The answer in gzip, if the client takes it."""
    if "gzip" not in accepts or isinstance(response, HangUp | Truncated | StreamingResponse):
        return response
    packed = Response(gzip.compress(bytes(response.body), 1), response.status_code)
    packed.headers.update({"Content-Type": response.headers["content-type"], "Content-Encoding": "gzip"})
    return packed


class HangUp(Response):
    """No answer: the connection is closed, or reset, before a byte is sent."""

    def __init__(self, *, resets: bool) -> None:
        super().__init__(status_code=200)
        self._resets = resets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's names
        """Close the connection at its transport: uvicorn has no public way to do that."""
        transport: asyncio.Transport = receive.__self__.transport  # type: ignore[attr-defined]
        if self._resets:
            plug: socket.socket = transport.get_extra_info("socket")
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            await asyncio.sleep(0)


class Truncated(Response):
    """The right head, half of the body, and then the end of the connection."""

    def __init__(self, complete: Response) -> None:
        super().__init__(complete.body, complete.status_code, headers=dict(complete.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's names
        """Send half and leave: uvicorn closes a connection whose answer is not complete."""
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _huge(response: Response, megabytes: int) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        blanks = b" " * 1_000_000
        for _ in range(megabytes):
            yield blanks
        yield bytes(response.body)

    return StreamingResponse(chunks(), response.status_code, media_type=JSON)
