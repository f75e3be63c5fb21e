"""The sandbox over a real socket: in a background thread for tests and demos, or in the foreground for people."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC
from types import TracebackType
from typing import Literal, Self

from sequel_assets.sandbox.api import controls
from sequel_assets.sandbox.api.app import Api
from sequel_assets.sandbox.api.faults import Faults, Kind
from sequel_assets.sandbox.api.request_log import LoggedRequest, RequestLog
from sequel_assets.sandbox.api.signin import Credentials, SignIn
from sequel_assets.sandbox.api.variations import Variations
from sequel_assets.sandbox.uvicorn_server import QuickServer
from sequel_assets.sandbox.webhooks.dispatcher import Webhooks
from sequel_assets.sandbox.world.clock import Clock
from sequel_assets.sandbox.world.world import World


class PortTakenError(OSError):
    """Another program listens on the port; the text says so in one line."""


class Sandbox:
    """A simulator of Sequel: a context manager that serves a world from a background thread.

    `clock` defaults to one pinned at the world's `now`, or to the real time; `faults` may be given as rates;
    `port=0` takes any free port.
    `token_seconds`, `sends_expiry` and `opaque_tokens` are about tokens; `count_by` says whether `numberOfUsers` counts
    spellings or people; `named_endpoints=False` answers 404 to all that the API documents by name only; with
    `keeps_days` the analytics of a day are forgotten once it ended longer ago than that; `variations` make it
    another Sequel.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Clock | None = None,
        faults: Faults | Mapping[Kind, float] | None = None,
        latency_ms: float = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
        token_seconds: float = 86_400,
        sends_expiry: bool = True,
        opaque_tokens: bool = False,
        named_endpoints: bool = True,
        count_by: Literal["spelling", "person"] = "spelling",
        on_request: Callable[[LoggedRequest], None] | None = None,
        keeps_days: int | None = None,
        variations: Variations | None = None,
    ) -> None:
        self.host = host
        self._wanted_port = port
        self.credentials, varied = credentials or Credentials(), variations or Variations()
        sends_expiry, opaque = sends_expiry and not varied.no_expiry, opaque_tokens or varied.no_expiry
        sign_in = SignIn(self.credentials, token_seconds=token_seconds, sends_expiry=sends_expiry, opaque=opaque)
        pinned = Clock.pinned(world.now) if world.now else Clock()
        self.api = Api(
            world,
            clock or pinned,
            faults if isinstance(faults, Faults) else Faults(faults),
            sign_in,
            latency_ms,
            named_endpoints,
            count_by,
            on_request,
            keeps_days,
            varied,
        )
        self._socket: socket.socket | None = None
        self._server: QuickServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Listen, and serve from a thread; back when requests are answered. PortTakenError if the port is taken."""
        self._listen()
        server = self._server = QuickServer(self.api.app(*controls.routes(self.api)))
        self._thread = threading.Thread(target=server.run, args=([self._socket],), name="sequel-sandbox", daemon=True)
        self._thread.start()
        self.webhooks.start()
        if not server.ready.wait(10):
            raise RuntimeError("the sandbox did not start within 10 seconds")

    def stop(self) -> None:
        """Stop at once; requests under way are dropped."""
        if self._server and self._thread:
            self._server.leave()
            self._thread.join(10)
        self.api.webhooks.stop()
        self._server = self._thread = None

    def serve(self, *, on_listening: Callable[[], None] | None = None) -> None:
        """Serve in this thread until SIGINT or SIGTERM. PortTakenError if the port is taken."""
        self._listen()
        if on_listening:
            on_listening()
        QuickServer(self.api.app(*controls.routes(self.api))).run([self._socket] if self._socket else None)
        self.api.webhooks.stop()

    def _listen(self) -> None:
        # asyncio sets TCP_NODELAY only on a socket whose protocol is TCP; without it each response takes 40 ms
        plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plug.bind((self.host, self._wanted_port))
            plug.listen(512)
        except OSError as error:
            plug.close()
            reason = error.strerror or str(error)
            raise PortTakenError(
                f"cannot listen on {self.host}:{self._wanted_port}: {reason}; choose another --port"
            ) from None
        self._socket, self._port = plug, plug.getsockname()[1]

    @property
    def is_serving(self) -> bool:
        """Whether it answers from its background thread."""
        return self._server is not None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._port)

    @property
    def url(self) -> str:
        """The address of both the API and the analytics."""
        return f"http://{self.host}:{self.port}"

    @property
    def client_id(self) -> str:
        """Who may sign in."""
        return self.credentials.client_id

    @property
    def client_secret(self) -> str:
        """With what."""
        return self.credentials.client_secret

    @property
    def audience(self) -> str:
        """And for what."""
        return self.credentials.audience

    @property
    def root_company_id(self) -> str:
        """The root of the company hierarchy."""
        return self.world.root.id

    @property
    def requests(self) -> RequestLog:
        """The log of requests; `.count` is how many there were."""
        return self.api.requests

    @property
    def clock(self) -> Clock:
        """The clock; may be replaced."""
        return self.api.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self.api.clock = clock

    @property
    def world(self) -> World:
        """The world; may be replaced, which is faster than starting another sandbox."""
        return self.api.world

    @world.setter
    def world(self, world: World) -> None:
        self.api.world = world
        self.webhooks.watch(world)

    @property
    def faults(self) -> Faults:
        """The faults of the API; may be replaced."""
        return self.api.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.api.faults = faults

    @property
    def webhooks(self) -> Webhooks:
        """Subscriptions, deliveries, and the faults of deliveries."""
        return self.api.webhooks

    def start_event(self, event_id: str) -> None:
        """The host starts an event now."""
        self.webhooks.start_event(event_id)

    def end_event(self, event_id: str) -> None:
        """The host ends an event now."""
        self.webhooks.end_event(event_id)

    def revoke_tokens(self) -> None:
        """Every token dies at once."""
        self.api.sign_in.revoke_all()

    def environment(self) -> dict[str, str]:
        """The variables that a client needs; SEQUEL_NOW only while the clock is pinned."""
        variables = {
            "SEQUEL_API_URL": self.url,
            "SEQUEL_ANALYTICS_URL": self.url,
            "SEQUEL_CLIENT_ID": self.client_id,
            "SEQUEL_CLIENT_SECRET": self.client_secret,
            "SEQUEL_AUDIENCE": self.audience,
            "SEQUEL_COMPANY_ID": self.root_company_id,
        }
        if self.clock.is_pinned:
            variables["SEQUEL_NOW"] = self.clock.now().astimezone(UTC).isoformat().replace("+00:00", "Z")
        return variables
