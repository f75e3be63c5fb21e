"""How far a refresh is, in requests: those it made, and an estimate of those it still has to make."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class ProgressReading:
    """How far a refresh is at one time."""

    requests: int = 0
    left: int | None = None
    """Requests still to be made, estimated from those that were; None while there is nothing to estimate from."""


class Progress:
    """Counts, over all companies of a refresh, events that are explored and their days that are worked on.

    An event that is not explored yet costs as much as the others did, and has as many days; a day costs what the days
    did until now, and before the first of them one request per event that has any, for its concurrency.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events = self._explored = self._with_days = self._days = self._worked = 0
        self._exploring = self._working = self._beside = 0

    def expect(self, events: int) -> None:
        """Count events that are going to be explored."""
        with self._lock:
            self._events += events

    def explored(self, requests: int, days: int) -> None:
        """Count an event that is explored: what it cost, and its days that have minutes."""
        with self._lock:
            self._explored += 1
            self._exploring += requests
            self._days += days
            self._with_days += bool(days)

    def worked(self, requests: int) -> None:
        """Count a day of an event that is worked on."""
        with self._lock:
            self._worked += 1
            self._working += requests

    def also(self, requests: int) -> None:
        """Count requests beside those for minutes: for event details and lists."""
        with self._lock:
            self._beside += requests

    def read(self) -> ProgressReading:
        """Return how far it is."""
        with self._lock:
            requests = self._exploring + self._working + self._beside
            if not self._explored:
                return ProgressReading(requests, None if self._events else 0)
            share = self._events / self._explored
            days_left = max(0.0, self._days * share - self._worked)
            each = self._working / self._worked if self._worked else self._with_days / max(1, self._days)
            return ProgressReading(requests, round(self._exploring * (share - 1) + days_left * each))
