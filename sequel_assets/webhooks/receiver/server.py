"""uvicorn with limits: headers in size and time, connections in number. It logs no addresses, which are secret."""

import asyncio
import socket
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_BYTES = 16 << 10
KEEP_ALIVE_SECONDS = 30
CROWDED_SECONDS = 2.0
"""How long headers are waited for while more than half of the connections are taken."""
FREE_PIECES, SMALLEST_PIECE = 2_000, 256
"""A body may come in so many pieces, and one more for each so many bytes: a piece costs as much CPU as some KiB."""
STOP_SECONDS = 30
MAX_CONNECTIONS = 1_000


class CannotListenError(OSError):
    """The port cannot be opened; the text says why in one line."""


class _Connection(h11.Connection):
    """h11 that gives up on too many headers, and on a body in very many very small pieces.

    h11 itself counts headers only while they are incomplete: whatever the socket hands over at once would be accepted.
    """

    _pieces, _bytes = 0, 0

    def next_event(self) -> Any:
        before = len(self.trailing_data[0]) if self.their_state is h11.IDLE else 0
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
            if before - len(self.trailing_data[0]) > HEADER_BYTES:
                raise h11.RemoteProtocolError("too many headers", error_status_hint=431)
        elif isinstance(event, h11.EndOfMessage):
            if sum(len(name) + len(value) for name, value in event.headers) > HEADER_BYTES:
                raise h11.RemoteProtocolError("too many headers behind the body")
        elif isinstance(event, h11.Data):
            self._pieces, self._bytes = self._pieces + 1, self._bytes + len(event.data)
            if self._pieces > FREE_PIECES + self._bytes // SMALLEST_PIECE:
                raise h11.RemoteProtocolError("a body in too many pieces")
        return event


def bounded_protocol(header_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with the limits that it lacks: on slow headers, tiny pieces and connections."""

    class Bounded(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.conn = _Connection(h11.SERVER, HEADER_BYTES)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > MAX_CONNECTIONS:
                transport.abort()
            else:
                self._watch()

        def data_received(self, data: bytes) -> None:
            try:
                super().data_received(data)
            except h11.ProtocolError:  # invalid data in the middle of a body, while the answer is being sent
                self.transport.abort()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_watching()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Run the timer exactly while the headers of a request are incomplete."""
            is_waiting = self.cycle is None or self.cycle.response_complete
            if is_waiting and self._timer is None:
                is_crowded = len(self.connections) > MAX_CONNECTIONS // 2
                seconds = min(header_seconds, CROWDED_SECONDS) if is_crowded else header_seconds
                self._timer = self.loop.call_later(seconds, self._give_up)
            elif not is_waiting:
                self._stop_watching()

        def _stop_watching(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            if self.cycle is None or self.cycle.response_complete:
                self.transport.abort()

    return Bounded


class ReceiverServer(uvicorn.Server):
    """uvicorn that stops at a signal, finishes what has begun, and does not raise the signal again."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's names
        """Stop gracefully at the first SIGINT or SIGTERM, at once at the second."""
        self.force_exit = self.should_exit
        self.should_exit = True


def server(app: ASGIApp, header_seconds: float, **different: Any) -> ReceiverServer:
    """Return a server for an app; `run([listening_socket])` serves until SIGINT or SIGTERM."""
    settings: dict[str, Any] = {
        "http": bounded_protocol(header_seconds),
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
        "log_config": None,
        "log_level": "critical",
        "access_log": False,
        "lifespan": "off",
        "ws": "none",
        "proxy_headers": False,
        "server_header": False,
        "date_header": False,
    }
    return ReceiverServer(uvicorn.Config(app, **settings | different))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. `CannotListenError` where it cannot be opened."""
    address_kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on a socket whose protocol is named
    listening = socket.socket(address_kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        why = error.strerror or error
        raise CannotListenError(f"cannot listen on {host}:{port}: {why}; choose another --host or --port") from None
    return listening
