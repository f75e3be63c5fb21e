"""The log of requests: each with its faults and its status."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LoggedRequest:
    """One request: path and query as sent, `at` the sandbox's time. Status 0: the connection was hung up."""

    method: str
    path: str
    query: str
    status: int
    fault: str | None
    at: datetime
    seconds: float


class RequestLog:
    """The last requests (bounded), and how many there were in all."""

    def __init__(self, keep: int = 100_000) -> None:
        self._kept: deque[LoggedRequest] = deque(maxlen=keep)
        self.count = 0

    def add(self, request: LoggedRequest) -> None:
        """Note a request."""
        self.count += 1
        self._kept.append(request)

    def clear(self) -> None:
        """Forget them and count from 0."""
        self._kept.clear()
        self.count = 0

    def __iter__(self) -> Iterator[LoggedRequest]:
        """Over what is kept, oldest first."""
        return iter(list(self._kept))

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def __getitem__(self, index: int) -> LoggedRequest:
        """One of those kept; -1 is the last."""
        return self._kept[index]
