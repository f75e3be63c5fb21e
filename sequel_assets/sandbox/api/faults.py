"""Faults on demand: by rate, by path, or scripted. Decides which response is affected; `quirks` and `wire` change it.

A *quirk* leaves a response right, and a client must accept it; after a *fault* it must repeat the request or fail.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote

ROWS = frozenset({"participants"})
ANALYTICS = frozenset({"participants", "concurrency", "activity", "lifetime", "usage", "usage_by_day", "polls"})
OF_AN_EVENT = frozenset({"event", "registrants", "replays", "participants", "concurrency", "activity", "polls"})
DOCUMENTS = frozenset(
    {"webhooks", "company", "list", "events", *OF_AN_EVENT, "networking", "networking_participants", *ANALYTICS}
)
EVERYWHERE = frozenset({"token", *DOCUMENTS})

FAULT_SHAPES: dict[str, frozenset[str]] = {
    "http_401": DOCUMENTS,
    "http_401_json": DOCUMENTS,
    "revoke_tokens": DOCUMENTS,
    "http_403": DOCUMENTS,
    "http_404": DOCUMENTS,
    "http_429": EVERYWHERE,
    "http_429_retry_after": EVERYWHERE,
    "http_500": EVERYWHERE,
    "http_502": EVERYWHERE,
    "http_503": EVERYWHERE,
    "has_error": EVERYWHERE,
    "html_200": EVERYWHERE,
    "not_json": EVERYWHERE,
    "truncated": EVERYWHERE,
    "reset": EVERYWHERE,
    "closed": EVERYWHERE,
    "slow": EVERYWHERE,
    "huge": DOCUMENTS,
    "vanished": OF_AN_EVENT,
    "capped": ROWS,
    "wrong_users": ROWS,
    "wrong_minutes": ROWS,
}
QUIRK_SHAPES: dict[str, frozenset[str]] = {
    "duplicate_rows": ROWS,
    "split_rows": ROWS,
    "numbers_as_strings": ANALYTICS,
    "floats": ANALYTICS,
    "missing_fields": DOCUMENTS,
    "nulls": DOCUMENTS,
    "extra_fields": EVERYWHERE,
    "concurrency_gap": frozenset({"concurrency"}),
    "concurrency_twice": frozenset({"concurrency"}),
    "concurrency_disorder": frozenset({"concurrency"}),
    "empty_concurrency_404": frozenset({"concurrency"}),
    "company_loop": frozenset({"list"}),
    "two_parents": frozenset({"list"}),
    "sub_companies_ignored": frozenset({"events"}),
    "gzip": EVERYWHERE,
    "date_skewed": EVERYWHERE,
}
FAULTS = frozenset(FAULT_SHAPES)
QUIRKS = frozenset(QUIRK_SHAPES)


@dataclass(frozen=True)
class Fault:
    """A fault or quirk, and how much: seconds (slow, date_skewed, Retry-After), rows (capped), megabytes (huge)."""

    kind: str
    seconds: float = 1.0
    rows: int = 10
    megabytes: int = 64

    def __post_init__(self) -> None:
        """Refuse a kind that there is not."""
        if self.kind not in FAULTS | QUIRKS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(sorted(FAULTS | QUIRKS))}")

    @property
    def shapes(self) -> frozenset[str]:
        """The calls that it can affect."""
        return FAULT_SHAPES.get(self.kind) or QUIRK_SHAPES[self.kind]


Kind = str | Fault


@dataclass
class _Line:
    pattern: str
    fault: Fault
    left: int | None


class Faults:
    """Chooses the faults of a request. Thread-safe, and deterministic by the sequence of requests per path and query.

    `rates`: kind -> share of requests, on paths that match `only`. `paths`: (pattern, fault), for ever. `script`:
    (pattern, fault, times), in order. A pattern is fnmatch's, of the path as sent or decoded, with or without `?query`.
    By rate the same path and query is hit at most `max_in_a_row` times in a row, so that retries succeed.
    """

    def __init__(
        self,
        rates: Mapping[Kind, float] | None = None,
        *,
        paths: Iterable[tuple[str, Kind]] = (),
        script: Iterable[tuple[str, Kind, int]] = (),
        only: str = "*",
        seed: int = 0,
        max_in_a_row: int = 2,
    ) -> None:
        self.only = only
        self.seed = seed
        self.max_in_a_row = max_in_a_row
        self._lock = threading.Lock()
        self._rates: list[tuple[Fault, float]] = []
        self._lines: list[_Line] = []
        self._request_counts: dict[str, int] = {}
        self._in_a_row: dict[str, int] = {}
        self.rate(rates or {})
        for pattern, fault in paths:
            self.always(pattern, fault)
        for pattern, fault, times in script:
            self.script(pattern, fault, times)

    @classmethod
    def parse(cls, text: str, *, seed: int = 0) -> Faults:
        """Faults by rate as the command line takes them: `http_500=0.02,slow=0.01`."""
        rates: dict[Kind, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            kind, _, rate = part.partition("=")
            try:
                rates[kind.strip()] = float(rate)
            except ValueError:
                raise ValueError(f"a fault is given as kind=rate, not {part!r}") from None
        return cls(rates, seed=seed)

    def rate(self, rates: Mapping[Kind, float]) -> None:
        """Replace the rates."""
        made = [(_fault(kind), share) for kind, share in rates.items()]
        for fault, share in made:
            if not 0 <= share <= 1:
                raise ValueError(f"a rate lies between 0 and 1: {fault.kind}={share}")
        with self._lock:
            self._rates = made

    def script(self, pattern: str, fault: Kind, times: int = 1) -> None:
        """The next `times` requests that match get this fault, after those that were scripted before."""
        with self._lock:
            self._lines.append(_Line(pattern, _fault(fault), times))

    def always(self, pattern: str, fault: Kind) -> None:
        """Every request that matches gets this fault, until `clear`."""
        with self._lock:
            self._lines.append(_Line(pattern, _fault(fault), None))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._rates, self._lines = [], []

    @property
    def pending(self) -> int:
        """How many scripted faults have not happened yet."""
        with self._lock:
            return sum(line.left or 0 for line in self._lines)

    @property
    def is_quiet(self) -> bool:
        """Whether no fault is set."""
        with self._lock:
            return not self._lines and not self._rates

    def choose(self, path: str, query: str, shape: str) -> list[Fault]:
        """The faults of this request: any number of quirks, and at most one fault."""
        if self.is_quiet:
            return []
        with self._lock:
            return self._scripted(path, query, shape) or self._by_rate(path, query, shape)

    def _scripted(self, path: str, query: str, shape: str) -> list[Fault]:
        chosen: list[Fault] = []
        for line in self._lines:
            is_due = line.left is None or line.left > 0
            if not is_due or shape not in line.fault.shapes or not _matches(line.pattern, path, query):
                continue
            is_fault = line.fault.kind in FAULTS
            if line.fault in chosen or (is_fault and any(fault.kind in FAULTS for fault in chosen)):
                continue
            chosen.append(line.fault)
            if line.left is not None:
                line.left -= 1
        return chosen

    def _by_rate(self, path: str, query: str, shape: str) -> list[Fault]:
        if not self._rates or not _matches(self.only, path, query):
            return []
        request = f"{path}?{query}"
        count = self._request_counts[request] = self._request_counts.get(request, 0) + 1
        applied = [
            fault
            for fault, share in self._rates
            if shape in fault.shapes and random.Random(f"{self.seed}/{fault.kind}/{request}/{count}").random() < share
        ]
        quirks = [fault for fault in applied if fault.kind in QUIRKS]
        faults = [fault for fault in applied if fault.kind in FAULTS][:1]
        if not faults or self._in_a_row.get(request, 0) >= self.max_in_a_row:
            self._in_a_row[request] = 0
            return quirks
        self._in_a_row[request] = self._in_a_row.get(request, 0) + 1
        return [*quirks, *faults]


def _fault(kind: Kind) -> Fault:
    return kind if isinstance(kind, Fault) else Fault(kind)


def _matches(pattern: str, path: str, query: str) -> bool:
    if pattern == "*":
        return True
    return any(
        fnmatchcase(candidate, pattern)
        for plain in (path, unquote(path))
        for candidate in (plain, f"{plain}?{query}", f"{plain}?{unquote(query)}")
    )
