"""Waits for a server that is down, and repeats transactions that were rolled back; both bounded.

A restarted server is down for seconds. All callers of one warehouse wait together, for a minute from its first failed
connection; after that each call fails at once, until the server is up. Transactions themselves, and the lock of a
company, are begun by `Warehouse.write` in `engine.py`.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy import exc
from tenacity import (
    RetryCallState,
    Retrying,
    retry_base,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_never,
    wait_random_exponential,
)

from sequel_assets.warehouse.database.errors import (
    TransactionInterrupted,
    TransactionUncertain,
    WarehouseError,
    is_lost,
    is_not_up,
    is_refused,
)

MAX_OUTAGE_SECONDS = 60.0
"""How long a server that was reached before is waited for."""
MAX_TRIES, MAX_SECONDS = 10, 180.0
"""How often, and for how long, a transaction is repeated."""
_WAIT = wait_random_exponential(multiplier=0.05, max=2.0, min=0.02)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class ServerState:
    """What this process knows of a server, shared by its warehouses."""

    was_reached: bool = False
    unreachable_since: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SERVERS: defaultdict[str, ServerState] = defaultdict(ServerState)


class TransactionRetries:
    """Waits for one warehouse's server; those with `is_patient` and the same address wait together."""

    def __init__(self, address: str, *, is_patient: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_patient, self._clock = is_patient, clock
        self._server = _SERVERS[address] if is_patient else ServerState()

    def expect(self) -> None:
        """Treat the server as reached: the process that started this one has reached it."""
        self._server.was_reached = True

    def until_there(self, begin: Callable[[], T]) -> T:
        """Return what `begin` returns once the server is up; its error if that takes too long, or it was never up."""
        tries = Retrying(retry=self._is_worth_it, stop=stop_never, wait=self._wait, reraise=True)
        found = tries(begin)
        with self._server.lock:
            self._server.was_reached, self._server.unreachable_since = True, None
        return found

    def _is_worth_it(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, exc.DBAPIError):
            return False
        if state.attempt_number == 1 and self._server.was_reached and error.connection_invalidated:
            return True  # a pooled connection that ended while idle: take another one, at once
        is_away = isinstance(error, exc.OperationalError) and (is_lost(error) or error.statement is None)
        if not (self._is_patient and is_away and (self._server.was_reached or is_not_up(error))) or is_refused(error):
            return False
        with self._server.lock:
            if self._server.unreachable_since is None:
                self._server.unreachable_since = self._clock()
            return self._clock() - self._server.unreachable_since < MAX_OUTAGE_SECONDS

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        is_stale = state.attempt_number == 1 and getattr(error, "connection_invalidated", False)
        return 0.0 if is_stale else _WAIT(state)


def repeats(work: Callable[P, T]) -> Callable[P, T]:
    """Repeat a function from its beginning when its transaction was interrupted by a conflict or a lost connection.

    It must be idempotent, within the warehouse and outside: where the connection ended during the commit, it is unknown
    whether the first time was stored.
    """
    return _retried(work, retry_if_exception_type(TransactionInterrupted))


def repeats_if_undone(work: Callable[P, T]) -> Callable[P, T]:
    """Do as `repeats`, but only where the first time was surely not stored: for functions that are not idempotent."""
    return _retried(
        work, retry_if_exception_type(TransactionInterrupted) & retry_if_not_exception_type(TransactionUncertain)
    )


def _retried(work: Callable[P, T], retry: retry_base) -> Callable[P, T]:
    @wraps(work)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        tries = Retrying(
            retry=retry,
            stop=stop_any(stop_after_attempt(MAX_TRIES), stop_after_delay(MAX_SECONDS)),
            wait=_WAIT,
            reraise=True,
        )
        try:
            return tries(work, *args, **kwargs)
        except TransactionInterrupted as error:
            number = tries.statistics["attempt_number"]
            why = f"{error} (it was tried {number} times)" if number > 1 else str(error)
        raise WarehouseError(why)  # not an interruption any more: an outer `repeats` must not start counting from 0

    return repeated
