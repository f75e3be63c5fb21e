"""Sends one request over HTTP/1.1 with keep-alive and returns its response, or raises an error of our own.

Size and time of every part are bounded. What the libraries would log of a request is dropped (`log_filter`), since it
quotes the server. Cookies are refused. Nothing here retries.
"""

from __future__ import annotations

import http.cookiejar
import importlib.metadata
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.exceptions import Interrupted, InvalidResponse, SequelError, Unreachable
from sequel_assets.sequel.parsing.inflating import BrokenCompressionError, inflated
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.deadline import ENDLESS_HEAD, Exchange, bind
from sequel_assets.sequel.transport.limiter import LARGE_BYTES, LargeResponsePermit
from sequel_assets.sequel.transport.log_filter import quietly
from sequel_assets.sequel.transport.response_rules import CERTIFICATE, CONNECT_TIMEOUT

LONGEST_ERROR_BODY_BYTES = 64 * 1024
_BROKEN = "an answer whose compression is broken"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpResponse:
    """A response of whatever status. The body stays out of the repr: it has tokens and names of people."""

    status: int
    content_type: str
    date: str | None
    retry_after: str | None
    body: bytes = field(repr=False)


class Transport:
    """An httpx client that opens at the first request and is closed once. Safe to share between threads."""

    def __init__(
        self,
        config: SequelConfig,
        *,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._transport, self._monotonic = config, transport, monotonic
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._is_closed = False

    def send(self, call: Call, token: str | None, permit: LargeResponsePermit) -> HttpResponse:
        """One request, one response; no retries. Raises `Unreachable`, `Interrupted` or `InvalidResponse`."""
        host = self._config.api_url if call.host == "api" else self._config.analytics_url
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        failure: SequelError
        exchange = Exchange(self._config.total_timeout_seconds, self._monotonic)
        try:
            with quietly(), exchange.going_on():
                client = self._opened()
                # encoded here: httpx's `params` would parse the URL once more
                query = f"?{urlencode(call.params)}" if call.params else ""
                request = client.build_request(call.method, host + call.path + query, json=call.body, headers=headers)
                response = client.send(request, stream=True, follow_redirects=False)
                exchange.head_is_there()
                logger.info("%s %s%s: %d", call.method, host, call.path, response.status_code)
                return self._read(response, call, exchange, permit)
        except httpx.HTTPError as error:
            failure = _error_of(error, host, call.path)
            if exchange.is_over and isinstance(error, httpx.TimeoutException):
                reason = _deadline_message(self._config)
                failure = Interrupted(f"{reason} ({httpx.URL(host).host})", reason=reason, path=call.path)
        except (httpx.InvalidURL, UnicodeError):
            failure = InvalidResponse("an id too long, or too odd, for an address", path=call.path)
        raise failure  # outside the handler: a chained exception of httpx has the request, and the request the token

    def close(self) -> None:
        """Close the connections. A request after this raises `RuntimeError`."""
        with self._lock:
            client, self._client, self._is_closed = self._client, None, True
        if client is not None:
            client.close()

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this SequelClient is closed")
            if self._client is None:
                self._client = _client(self._config, self._transport)
            return self._client

    def _read(
        self, response: httpx.Response, call: Call, exchange: Exchange, permit: LargeResponsePermit
    ) -> HttpResponse:
        response.stream = _UntilDeadline(response.stream, exchange, _deadline_message(self._config), call.path)
        try:
            body = b"" if 300 <= response.status_code < 400 else self._body(response, call, exchange, permit)
        finally:
            response.close()
        return HttpResponse(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            date=response.headers.get("date"),
            retry_after=response.headers.get("retry-after"),
            body=body,
        )

    def _body(self, response: httpx.Response, call: Call, exchange: Exchange, permit: LargeResponsePermit) -> bytes:
        """The body, decompressed. That of an error is optional: an unreadable part of it is dropped."""
        is_error = response.status_code >= 400
        bound_bytes = LONGEST_ERROR_BODY_BYTES if is_error else self._config.max_body_bytes
        if "," in response.headers.get("content-encoding", ""):  # each layer multiplies the size by a thousand
            raise InvalidResponse("an answer compressed more than once", fault="too large", path=call.path)
        content = bytearray()  # not a list of pieces: the allocator would keep their memory for the thread
        try:
            for chunk in _pieces(response):
                if len(content) + len(chunk) > bound_bytes:
                    if is_error:
                        break
                    raise InvalidResponse(
                        f"an answer of more than {bound_bytes} bytes", fault="too large", path=call.path
                    )
                if len(content) + len(chunk) > LARGE_BYTES:
                    exchange.extend(permit.acquire())
                content += chunk
        except (httpx.HTTPError, Interrupted):
            if not is_error:
                raise
        except BrokenCompressionError:
            if not is_error:
                raise InvalidResponse(_BROKEN, fault="truncated", path=call.path) from None
        return bytes(content)


class _UntilDeadline(httpx.SyncByteStream):
    """The raw bytes of a response, until its deadline: a read time-out alone lets a server send a byte now and then.

    Checks every piece before it is decompressed, since pieces may decompress to nothing. Connections keep to the same
    deadline by themselves (`deadline`); this covers transports of other kinds and gives the error its reason.
    """

    def __init__(
        self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, exchange: Exchange, reason: str, path: str
    ) -> None:
        assert isinstance(stream, httpx.SyncByteStream)  # noqa: S101 -- of a client that is not asynchronous
        self._stream, self._exchange, self._reason, self._path = stream, exchange, reason, path

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if self._exchange.is_over:
                raise Interrupted(self._reason, reason=self._reason, path=self._path)
            yield piece

    def close(self) -> None:
        self._stream.close()


def _client(config: SequelConfig, transport: httpx.BaseTransport | None) -> httpx.Client:
    """A client whose connections keep to the deadline. Plain http uses no proxy, unless `allow_plain_http` is set."""
    places = 2 * config.max_concurrency  # for each of the two hosts
    no_cookies = http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    client = httpx.Client(
        transport=transport,
        mounts={} if config.allow_plain_http else {"http://": None},
        timeout=httpx.Timeout(config.read_timeout_seconds, connect=config.connect_timeout_seconds),
        limits=httpx.Limits(max_connections=places, max_keepalive_connections=places),
        headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": _user_agent()},
        cookies=no_cookies,
        follow_redirects=False,
        http2=False,
    )
    bind(client)
    return client


def _deadline_message(config: SequelConfig) -> str:
    return f"the answer took longer than {config.total_timeout_seconds:g} s"


def _pieces(response: httpx.Response) -> Iterable[bytes]:
    """The body, decompressed, in small pieces; a response of a mock transport is complete already."""
    if response.is_stream_consumed:
        return [response.content]
    return inflated(response.iter_raw(), response.headers.get("content-encoding", ""))


def _user_agent() -> str:
    try:
        version = importlib.metadata.version("sequel_assets")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    return f"sequel-assets/{version} (python-httpx/{httpx.__version__})"


def _error_of(error: httpx.HTTPError, host: str, path: str) -> SequelError:
    """Our error for an exception of httpx. Its own text is not used: that of a protocol error quotes the response."""
    name = httpx.URL(host).netloc.decode()  # with its port, where it has one
    match error:
        case httpx.ConnectTimeout():
            return Unreachable(f"cannot reach {name}: {CONNECT_TIMEOUT}", reason=CONNECT_TIMEOUT, path=path)
        case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
            reason = _why_no_connection(error)
            return Unreachable(f"cannot reach {name}: {reason}", reason=reason, path=path)
        case httpx.TimeoutException():
            reason = "the answer timed out"
        case httpx.DecodingError():
            return InvalidResponse(_BROKEN, fault="truncated", path=path)
        case httpx.RemoteProtocolError() if "complete message body" in str(error) or "incomplete chunked" in str(error):
            return InvalidResponse("a truncated answer", fault="truncated", path=path)
        case httpx.RemoteProtocolError() if str(error) == ENDLESS_HEAD:
            return InvalidResponse("an answer whose head has no end", fault="too large", path=path)
        case _:
            reason = "the connection was lost"
    return Interrupted(f"{reason} ({name})", reason=reason, path=path)


def _why_no_connection(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ProxyError):
        return "the proxy refused"
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    for kind, reason in (
        (ssl.SSLCertVerificationError, CERTIFICATE),
        (ssl.SSLError, "the TLS handshake failed"),
        (socket.gaierror, "the host name is not known (DNS)"),
        (ConnectionRefusedError, "the connection was refused"),
        (OSError, "there is no way to the host"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return "no connection came about"
