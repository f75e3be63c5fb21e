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
from pathlib import Path

from sequel_assets.sequel import SequelClient
from sequel_assets.sequel.transport.limiter import ALONE, Limiter
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import request_places
from sequel_assets.warehouse.stores.request_places import LEASE, LOCK, Demand, PlacesLease, Throttle

RENEW_SECONDS = 1.0
SAFETY_SECONDS = 5.0
"""A process takes its lease for ended so long before the database does."""
HURRY_SECONDS, HURRIES = 0.2, 4
"""While places change hands it renews sooner, so often at most."""
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
        self._throttle: Throttle | None = None
        self._throttles: int | None = None
        self._is_away, self._is_settled, self._hurries = False, True, 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="request places", daemon=True)

    def start(self) -> None:
        """Get the first lease, and keep it from now on."""
        self._limiter.on_throttled = self.report
        self._limiter.share(0, float("inf"))  # what it has not got yet it does not hold
        self.renew()
        self._thread.start()

    def stop(self) -> None:
        """Give the lease up; where that cannot be written it ends by itself."""
        self._limiter.on_throttled = None
        self._limiter.share(ALONE, float("inf"))
        self._ended.set()
        self._wake.set()
        self._thread.join(2 * BUSY_SECONDS)  # a renewal, and giving up
        self._warehouse.dispose()

    def report(self, pause_seconds: float, is_first: bool) -> None:
        """Let the others know of a 429, at once."""
        with self._lock:
            other = self._throttle or Throttle(0.0, None)
            seen = (self._throttles or 0) if is_first else other.seen
            self._throttle = Throttle(max(other.pause_seconds, pause_seconds), seen)
        self._wake.set()

    def _keep(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(HURRY_SECONDS if self._hurries else RENEW_SECONDS)
            self._wake.clear()
            if not self._ended.is_set():
                self.renew()
        with suppress(WarehouseError):
            self._warehouse.change(lambda connection: request_places.give_up(connection, self._holder), LOCK)

    def renew(self) -> None:
        """Renew the lease, and have the client do as it says."""
        with self._lock:
            throttle, self._throttle = self._throttle, None
        began, (reserved, wanted) = self._monotonic(), self._limiter.demand()
        work = partial(
            request_places.renew,
            holder=self._holder,
            host=self._host,
            demand=Demand(self._companies, wanted),
            places=self._limiter.maximum,
            reserved=reserved,
            throttle=throttle,
            has_ended=_has_ended,
        )
        try:
            lease = self._warehouse.change(work, LOCK)
        except WarehouseError as error:
            self._not_renewed(throttle, error)
            return
        self._apply(lease, until=began + LEASE.total_seconds() - SAFETY_SECONDS, sent=throttle)

    def _apply(self, lease: PlacesLease, *, until: float, sent: Throttle | None) -> None:
        if self._is_away:
            self._is_away = False
            LOG.warning("the warehouse is there again: %s requests at once", lease.places)
        self._until = until
        self._limiter.share(lease.places, until)
        if lease.pause_seconds > 0:
            self._limiter.pause(lease.pause_seconds)
        with self._lock:
            is_news = self._throttles is not None and lease.throttles > self._throttles
            halved = [one for one in (sent, self._throttle) if one is not None and one.seen is not None]
            self._throttles = lease.throttles
        if is_news and not halved:  # else the client has slowed down by itself
            self._limiter.slow_down()
        is_first = not lease.is_settled and self._is_settled
        self._hurries = HURRIES if is_first else 0 if lease.is_settled else max(0, self._hurries - 1)
        self._is_settled = lease.is_settled

    def _not_renewed(self, throttle: Throttle | None, error: WarehouseError) -> None:
        if throttle is not None:
            with self._lock:
                later = self._throttle or Throttle(0.0, None)
                seen = throttle.seen if later.seen is None else later.seen
                self._throttle = Throttle(max(throttle.pause_seconds, later.pause_seconds), seen)
        if not self._is_away and self._monotonic() >= self._until:
            self._is_away = True
            self._limiter.share(ALONE, float("inf"))
            LOG.warning("requests cannot be shared with other processes, so one at a time is made: %s", error)


def _here() -> str:
    """Return this host, with what no other has even by the same name: its boot, and its set of process numbers (containers)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{socket.gethostname()}/{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
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
