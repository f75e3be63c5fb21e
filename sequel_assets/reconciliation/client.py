"""Fetches totals of one company's events, several at once.

Requests are counted, and one event's failure stops no other.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from sequel_assets.refresh.core.outcomes import Outcome, unexpected
from sequel_assets.sequel import FATAL, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.database.errors import WarehouseError

T = TypeVar("T")


@dataclass(frozen=True)
class EventFailure:
    """What could not be reconciled, and why; `event_id` is empty where it is the company itself."""

    company_id: str
    event_id: str
    reason: str


@dataclass
class ReconciliationReport:
    """What the reconciliation of some companies found and did. `fatal` is the error that ended it, if there was one."""

    companies: int = 0
    events: int = 0
    requests: int = 0
    """Totals of events that were requested; lists of events, repairs and the named endpoints come on top."""
    repaired: list[tuple[str, str, date]] = field(default_factory=list)
    """(company, event, day) that had moved and were refreshed."""
    differing: int = 0
    """Totals that are not what is kept, after the repair."""
    hidden: list[tuple[str, str]] = field(default_factory=list)
    """(company, event) that Sequel's complete list does not show."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Named endpoint -> why it was not compared."""
    failures: list[EventFailure] = field(default_factory=list)
    repaired_slices: list[Outcome] = field(default_factory=list)
    """Slices that changed, of facts and insights."""
    fatal: SequelError | None = None

    def add(self, found: "ReconciliationReport") -> None:
        """Take in what was found at other companies."""
        self.companies += found.companies
        self.events += found.events
        self.requests += found.requests
        self.repaired += found.repaired
        self.differing += found.differing
        self.hidden += found.hidden
        self.skipped |= found.skipped
        self.failures += found.failures
        self.repaired_slices += found.repaired_slices


class TotalsClient:
    """Requests for totals of one company's events. What fails is added to `report`."""

    def __init__(self, client: SequelClient, pool: Executor, company_id: str, report: ReconciliationReport) -> None:
        self._client, self._pool, self._company_id, self._report = client, pool, company_id, report
        self._lock = threading.Lock()

    def total(self, event_id: str, first: date | None, last: date | None) -> int:
        """Return the engaged minutes that Sequel has of an event; a 404 is requested once more."""
        for attempt in (1, 2):
            with self._lock:
                self._report.requests += 1
            try:
                answer = self._client.participants(event_id, start=first, end=last, engagement_type="all", limit=1)
                return answer.total_engaged_minutes
            except NotFound:
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def each(self, event_ids: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
        """Return what the work gave for each event; an event that fails is reported and left out."""
        event_ids = list(event_ids)
        results = self._pool.map(lambda event_id: self.guarded(event_id, lambda: work(event_id)), event_ids)
        return {event_id: got for event_id, got in zip(event_ids, results, strict=True) if got is not None}

    def guarded(self, event_id: str, call: Callable[[], T]) -> T | None:
        """Return what a call gives; None where it fails, which is reported.

        Errors that would fail every request are raised.
        """
        try:
            return call()
        except (*FATAL, WarehouseError):
            raise
        except SequelError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - our own mistake must not fail other events
            reason = unexpected(error)
        self._report.failures.append(EventFailure(self._company_id, event_id, reason))
        return None
