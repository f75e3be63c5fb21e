"""uvicorn, bounded from outside: headers in size and time, connections in number; no log of addresses, which are secret."""

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
STOP_SECONDS = 30
MOST_CONNECTIONS = 1_000


class CannotListenError(OSError):
    """The port cannot be had; the text says so in one line."""


def bounded_protocol(header_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with what it lacks: an end to headers that never end, and to too many connections."""

    class Bounded(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > MOST_CONNECTIONS:
                transport.abort()
            else:
                self._watch()

        def data_received(self, data: bytes) -> None:
            try:
                super().data_received(data)
            except h11.ProtocolError:  # nonsense in the middle of a body, while the answer is under way
                self.transport.abort()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_watching()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Run the timer exactly while a request is being waited for of which the headers are not complete."""
            is_waiting = self.cycle is None or self.cycle.response_complete
            if is_waiting and self._timer is None:
                self._timer = self.loop.call_later(header_seconds, self._give_up)
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


class Server(uvicorn.Server):
    """uvicorn that stops when it is told to: what has begun is finished, and the process ends as it likes."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's names
        """Stop gracefully at the first SIGINT or SIGTERM, at once at the second."""
        self.force_exit = self.should_exit
        self.should_exit = True


def server(app: ASGIApp, header_seconds: float, **different: Any) -> Server:
    """Return a server for an app; `run([listening_socket])` serves until SIGINT or SIGTERM."""
    settings: dict[str, Any] = {
        "http": bounded_protocol(header_seconds),
        "h11_max_incomplete_event_size": HEADER_BYTES,
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
    return Server(uvicorn.Config(app, **settings | different))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. `CannotListenError` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's waiting off only for a socket that says it is TCP
    plug = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.bind((host, port))
        plug.listen(512)
    except OSError as error:
        plug.close()
        why = error.strerror or error
        raise CannotListenError(f"cannot listen on {host}:{port}: {why}; choose another --host or --port") from None
    return plug
