"""What Sequel's answers of one refresh show of how it reads a request: end of a range, dates, types, totals.

For a refresh without what `sequel-assets doctor` learns. An assumption is proven by any answer that the other reading
could not give. This module only takes notes; it requests nothing. Shared by all threads of a run.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal


class Assumption(StrEnum):
    """What a refresh takes for granted of a list of participants."""

    END_DATE = "a range includes its last day"
    DATES = "the dates of a range are honoured"
    TYPES = "the engagement type is honoured"
    TOTALS = "totals cover everybody, whatever the limit is"


Kind = Literal["all", "live", "onDemand"]


@dataclass(frozen=True)
class Seen:
    """One answer: what was requested, and the totals and rows that came."""

    kind: Kind
    first: date
    last: date
    limit: int
    users: int
    minutes: int
    rows: int


class Assumptions:
    """The notes of one run. `refuted` says why no minutes can be had; empty while nothing speaks against them."""

    def __init__(self, taken_for_granted: Iterable[Assumption] = ()) -> None:
        self.refuted = ""
        self.counts_from_start = False
        """True once an event's concurrency shows that its minutes count from the event's start."""
        self.checking = threading.Lock()
        """Held by who requests something to prove an assumption: one company at a time."""
        self._lock = threading.Lock()
        self._proven = set(taken_for_granted)
        self._answers: dict[str, list[Seen]] = {}

    def is_proven(self, *assumptions: Assumption) -> bool:
        """Say whether all of these are proven."""
        return self._proven.issuperset(assumptions)

    def prove(self, *assumptions: Assumption) -> None:
        """Note that these hold; what was kept to decide them goes."""
        with self._lock:
            self._proven.update(assumptions)
            if self.is_proven(*Assumption):
                self._answers.clear()

    def note(self, event_id: str, seen: Seen) -> None:
        """Take in an answer about an event."""
        if self.is_proven(*Assumption):
            return
        with self._lock:
            answers = self._answers.setdefault(event_id, [])
            self._proven |= proven_by(seen, answers)
            answers.append(seen)

    def take(self, event_ids: Collection[str]) -> Mapping[str, list[Seen]]:
        """Return the answers about events that were not looked into yet, once each."""
        with self._lock:
            return {event_id: self._answers.pop(event_id) for event_id in event_ids if event_id in self._answers}


def proven_by(seen: Seen, others: Iterable[Seen]) -> set[Assumption]:
    """Return what an answer proves, by itself and beside other answers about the same event. Pure."""
    proven = set()
    if seen.minutes and seen.first == seen.last:
        proven.add(Assumption.END_DATE)  # without its last day the range would be empty
    if seen.users > seen.rows:
        proven.add(Assumption.TOTALS)
    for other in others:
        if not _is_far(seen.minutes, other.minutes):
            continue
        is_same_range = (seen.first, seen.last) == (other.first, other.last)
        if seen.kind == other.kind and not is_same_range and not min(seen.minutes, other.minutes):
            proven.add(Assumption.DATES)
        if seen.kind != other.kind and is_same_range:
            proven.add(Assumption.TYPES)
    return proven


def _is_far(one: int, other: int) -> bool:
    """Say whether two numbers of minutes differ by more than Sequel's recomputing between two answers explains."""
    return max(one, other) > 2 * min(one, other)
