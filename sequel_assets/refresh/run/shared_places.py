"""Shares the requests under way with every other process that asks Sequel for this warehouse, on whatever host.

A thread renews this process's lease every second (`warehouse/stores/request_places.py`) and sets how many requests the
client may have under way. Without a renewal the lease ends before the database gives its places to others, and
the process goes on with one request at a time: what it could not write it could not keep either.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from sequel_assets.sequel import SequelClient
from sequel_assets.sequel.transport.limiter import ALONE, Limiter
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import request_places
from sequel_assets.warehouse.stores.request_places import LEASE, LOCK, Demand, PlacesLease

RENEW_SECONDS = 1.0
SAFETY_SECONDS = 5.0
"""A process takes its lease for ended so long before the database does."""
BUSY_SECONDS = 5
"""How long a renewal waits for the database at most; the next one follows at once."""
LOG = logging.getLogger(__name__)


class SharedPlaces:
    """A process's lease, and the thread that renews it."""

    def __init__(
        self,
        limiter: Limiter,
        warehouse: Warehouse,
        *,
        companies: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limiter, self._companies, self._monotonic = limiter, companies, monotonic
        self._warehouse = warehouse.beside(BUSY_SECONDS)
        """Of its own: it never waits for what the process writes meanwhile, nor long for the server."""
        self._until = -float("inf")
        self._holder, self._host = uuid.uuid4().hex, f"{_here()}:{os.getpid()}"
        self._wake, self._ended = threading.Event(), threading.Event()
        self._throttled: float | None = None
        self._throttles: int | None = None
        self._is_away = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="request places", daemon=True)

    def start(self) -> None:
        """Get the first lease, and keep it from now on."""
        self._limiter.on_throttled = self._report
        self._renew()
        self._thread.start()

    def stop(self) -> None:
        """Give the lease up; where that cannot be written it ends by itself."""
        self._ended.set()
        self._wake.set()
        self._thread.join(BUSY_SECONDS)
        self._limiter.on_throttled = None
        with suppress(WarehouseError):
            self._warehouse.change(lambda connection: request_places.give_up(connection, self._holder), LOCK)
        self._warehouse.dispose()

    def _report(self, pause_seconds: float) -> None:
        """Let the others know of a 429, at once."""
        with self._lock:
            self._throttled = max(self._throttled or 0.0, pause_seconds)
        self._wake.set()

    def _keep(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(RENEW_SECONDS)
            self._wake.clear()
            if not self._ended.is_set():
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            throttled, self._throttled = self._throttled, None
        began, (under_way, wanted) = self._monotonic(), self._limiter.demand()
        work = partial(
            request_places.renew,
            holder=self._holder,
            host=self._host,
            demand=Demand(self._companies, wanted),
            places=self._limiter.maximum,
            under_way=under_way,
            throttled_seconds=throttled,
            has_ended=_has_ended,
        )
        try:
            lease = self._warehouse.change(work, LOCK)
        except WarehouseError as error:
            self._not_renewed(throttled, error)
            return
        self._apply(lease, until=began + LEASE.total_seconds() - SAFETY_SECONDS, is_mine=throttled is not None)

    def _apply(self, lease: PlacesLease, *, until: float, is_mine: bool) -> None:
        if self._is_away:
            self._is_away = False
            LOG.warning("the warehouse is there again: %s requests at once", lease.places)
        self._until = until
        self._limiter.share(lease.places, until)
        is_news = self._throttles is not None and lease.throttles > self._throttles
        if is_news and not is_mine:
            self._limiter.slow_down()
        if lease.pause_seconds > 0 and not is_mine:
            self._limiter.pause(lease.pause_seconds)
        self._throttles = lease.throttles

    def _not_renewed(self, throttled: float | None, error: WarehouseError) -> None:
        if throttled is not None:
            self._report(throttled)
        if not self._is_away and self._monotonic() >= self._until:
            self._is_away = True
            self._limiter.share(ALONE, float("inf"))
            LOG.warning("requests cannot be shared with other processes, so one at a time is made: %s", error)


def _here() -> str:
    """Return this host, and where it has several sets of process numbers (containers) which of them this is."""
    try:
        return f"{socket.gethostname()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _has_ended(host: str) -> bool:
    """Say whether a process is of this host and gone; of others nothing is known."""
    here, _, number = host.rpartition(":")
    if here != _here() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


@contextmanager
def sharing(client: SequelClient, warehouse: Warehouse, *, companies: int = 1) -> Iterator[None]:
    """Share the client's requests under way with all processes until the end; `companies` is how many it works on."""
    shared = SharedPlaces(client.limiter, warehouse, companies=companies)
    shared.start()
    try:
        yield
    finally:
        shared.stop()
