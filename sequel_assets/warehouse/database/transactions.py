"""Waiting for a server that has gone away, and doing again as a whole what it took back; both bounded.

A server that is restarted is away for seconds. Whoever meets that waits, together with all others of the same warehouse, for
a minute from when it was first missed; after that everybody is told at once, until it is there again.
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

AWAY_SECONDS = 60.0
"""How long a server that was there is waited for."""
MAX_TRIES, MAX_SECONDS = 10, 180.0
"""How often, and for how long, a transaction is done again."""
_WAIT = wait_random_exponential(multiplier=0.05, max=2.0, min=0.02)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class ServerState:
    """What this process knows of a server, whichever of its warehouses learned it."""

    was_there: bool = False
    missed_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SERVERS: defaultdict[str, ServerState] = defaultdict(ServerState)


class TransactionRetries:
    """One warehouse's waiting for its server; patient ones of the same address wait together."""

    def __init__(self, address: str, *, is_patient: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_patient, self._clock = is_patient, clock
        self._server = _SERVERS[address] if is_patient else ServerState()

    def expect(self) -> None:
        """Take the server for one that was there: whoever started this process has reached it."""
        self._server.was_there = True

    def until_there(self, begin: Callable[[], T]) -> T:
        """Return what `begin` returns, once the server is there; its error where it is not in time, or was never there."""
        tries = Retrying(retry=self._is_worth_it, stop=stop_never, wait=self._wait, reraise=True)
        found = tries(begin)
        with self._server.lock:
            self._server.was_there, self._server.missed_at = True, None
        return found

    def _is_worth_it(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, exc.DBAPIError):
            return False
        if state.attempt_number == 1 and self._server.was_there and error.connection_invalidated:
            return True  # a connection of the pool that ended while nobody used it: another one, at once
        is_away = isinstance(error, exc.OperationalError) and (is_lost(error) or error.statement is None)
        if not (self._is_patient and is_away and (self._server.was_there or is_not_up(error))) or is_refused(error):
            return False
        with self._server.lock:
            if self._server.missed_at is None:
                self._server.missed_at = self._clock()
            return self._clock() - self._server.missed_at < AWAY_SECONDS

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        is_stale = state.attempt_number == 1 and getattr(error, "connection_invalidated", False)
        return 0.0 if is_stale else _WAIT(state)


def repeats(work: Callable[P, T]) -> Callable[P, T]:
    """Let a function be called again, from its beginning, when its transaction did not come to its end by no fault of its own.

    It must do nothing outside the warehouse that may not be done twice, and nothing in it that is otherwise when it is done
    a second time: where the connection ended during the commit, nobody knows whether the first time counted.
    """
    return _again(work, retry_if_exception_type(TransactionInterrupted))


def repeats_if_undone(work: Callable[P, T]) -> Callable[P, T]:
    """Do as `repeats`, but only where the first time surely did not count: for what tells its own work from another's."""
    return _again(
        work, retry_if_exception_type(TransactionInterrupted) & retry_if_not_exception_type(TransactionUncertain)
    )


def _again(work: Callable[P, T], retry: retry_base) -> Callable[P, T]:
    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
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
        raise WarehouseError(why)  # whoever is around it does not begin to count anew

    return again
