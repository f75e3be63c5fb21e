"""One deadline for all of an exchange: connecting, TLS, the proxy, heads, interim responses and body.

httpx bounds each single read, so a server that sends a byte now and then, or one `102 Processing` after the other,
would block a thread for ever. Here every read and write of a connection may take only what is left of its thread's
exchange.

Not bounded: name resolution (the resolver has time-outs of its own), and TLS within TLS to a proxy that uses https.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

LARGEST_HEAD_BYTES = 1024 * 1024
"""Of all that precedes the body: endless interim responses would otherwise be read at full speed until the deadline."""
ENDLESS_HEAD = "a head without end"


class Exchange:
    """One request and its response: its deadline, and how many bytes may precede its body."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds
        self._head_bytes_left: int | None = LARGEST_HEAD_BYTES

    @property
    def left_seconds(self) -> float:
        """The seconds left; 0 or less when it is over."""
        return self._until - self._monotonic()

    @property
    def is_over(self) -> bool:
        """Whether its time is over."""
        return self.left_seconds <= 0

    def extend(self, seconds: float) -> None:
        """Add time that it spent waiting for us."""
        self._until += seconds

    def head_is_there(self) -> None:
        """The head is complete; the body, which follows, has a bound of its own."""
        self._head_bytes_left = None

    def received(self, size_bytes: int) -> None:
        """Count what was read; raises `httpcore.RemoteProtocolError` for a head without end."""
        if self._head_bytes_left is not None:
            self._head_bytes_left -= size_bytes
            if self._head_bytes_left < 0:
                raise httpcore.RemoteProtocolError(ENDLESS_HEAD)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Make it the exchange of this thread, whose connections it bounds."""
        _here.exchange = self
        try:
            yield
        finally:
            _here.exchange = None


_here = threading.local()


def bind(client: httpx.Client) -> None:
    """Make the connections of a client, those through proxies too, obey the exchange of the thread that uses them."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            assert isinstance(pool._network_backend, httpcore.NetworkBackend)  # noqa: S101 -- or httpcore has changed
            pool._network_backend = _Backend(pool._network_backend)


def _left(timeout: float | None, too_late: type[Exception]) -> float | None:
    """The time-out of one operation: the given one, but not more than is left."""
    exchange: Exchange | None = getattr(_here, "exchange", None)
    if exchange is None:
        return timeout
    left_seconds = exchange.left_seconds
    if left_seconds <= 0:
        raise too_late("the time of the whole exchange is over")
    return left_seconds if timeout is None else min(timeout, left_seconds)


class _Backend(httpcore.NetworkBackend):
    """Makes connections that keep to the deadline."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation keeps to the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        piece = self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        exchange: Exchange | None = getattr(_here, "exchange", None)
        if exchange is not None:
            exchange.received(len(piece))
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
