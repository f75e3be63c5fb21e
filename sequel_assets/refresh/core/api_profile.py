"""How Sequel answers this account, where that is not as documented or assumed: what `sequel-assets doctor` has learned.

A refresh requests by it. A fact that makes numbers impossible fails the slices concerned by name: a number that only
looks right must never be stored. `Assumptions` is for what was not learned: notes of what the answers of one run confirm.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from sequel_assets.warehouse.stores.api_profile import LearnedFact


class Fact(StrEnum):
    """What can be learned."""

    ANALYTICS_URL = "analytics_url"
    """The address of the analytics that answers; it may have a path."""
    END_DATE = "end_date"
    """`excluded`: a range ends before its endDate."""
    LIST_CAP = "list_cap"
    """How many rows a list of participants has at most."""
    ACTIVITY_UNIT = "activity_unit"
    """The unit of the user activity's times, a name of `UNIT_SECONDS`."""
    ENGAGEMENT_TYPE = "engagement_type"
    DATES = "dates"
    TOTALS = "totals"
    DAYS = "days"
    CONCURRENCY = "concurrency"


EXCLUDED = "excluded"
UNIT_SECONDS: Mapping[str, float] = {"minutes": 60.0, "seconds": 1.0, "milliseconds": 0.001, "hours": 3600.0}
NO_USAGE: Mapping[Fact, str] = {
    Fact.ENGAGEMENT_TYPE: "Sequel ignores engagementType, so live and on demand cannot be separated",
    Fact.DATES: "Sequel ignores the dates of a range, so minutes have no day",
    Fact.TOTALS: "Sequel's totals cover the listed people alone, so nothing shows whether a list is complete",
    Fact.DAYS: "Sequel's days are not UTC days, so minutes would stand on another day than they belong to",
}
"""Facts that make minutes impossible, and why."""
NO_CONCURRENCY: Mapping[Fact, str] = {
    Fact.CONCURRENCY: "Sequel does not count the minutes of the concurrency from the event's start, so they have no time",
}
"""Facts that make concurrency impossible, and why."""
WHAT_TO_DO = (
    "(found by sequel-assets doctor; ask Sequel, then run it once more; doctor --forget drops what was learned)"
)


def to_find_out(event_id: str) -> str:
    """Return what to do where an answer looks as if Sequel answered otherwise than is documented."""
    return f"to find out: sequel-assets doctor --event {event_id}"


@dataclass(frozen=True)
class ApiProfile:
    """What was learned, as a refresh needs it. The defaults are the documented API."""

    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def analytics_url(self) -> str | None:
        """Return the address of the analytics; None where nothing was learned."""
        return self.facts.get(Fact.ANALYTICS_URL)

    @property
    def end_date_is_included(self) -> bool:
        """Say whether a range includes its endDate."""
        return self.facts.get(Fact.END_DATE) != EXCLUDED

    @property
    def list_cap(self) -> int | None:
        """Return how many rows a list has at most; None where there is no bound that is known."""
        cap = self.facts.get(Fact.LIST_CAP, "")
        return int(cap) if cap.isdecimal() and int(cap) else None

    @property
    def activity_unit_seconds(self) -> float:
        """Return how many seconds the user activity's times count in."""
        return UNIT_SECONDS.get(self.facts.get(Fact.ACTIVITY_UNIT, ""), UNIT_SECONDS["minutes"])

    @property
    def why_no_usage(self) -> str:
        """Return why minutes cannot be had, in one line; empty where they can."""
        return self._why(NO_USAGE)

    @property
    def why_no_concurrency(self) -> str:
        """Return why concurrency cannot be had, in one line; empty where it can."""
        return self._why(NO_CONCURRENCY)

    def _why(self, reasons: Mapping[Fact, str]) -> str:
        found = [reason for fact, reason in reasons.items() if fact in self.facts]
        return f"{'; '.join(found)} {WHAT_TO_DO}" if found else ""


def profile_of(facts: Iterable[LearnedFact]) -> ApiProfile:
    """Return the profile of stored facts."""
    return ApiProfile({one.fact: one.value for one in facts})


class Assumption(StrEnum):
    """What a refresh takes for granted of a list of participants."""

    END_DATE = "a range includes its last day"
    DATES = "the dates of a range are honoured"
    TYPES = "the engagement type is honoured"
    TOTALS = "totals cover everybody, whatever the limit is"


Kind = Literal["all", "live", "onDemand"]


@dataclass(frozen=True)
class SeenAnswer:
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
        """Held by who requests something to confirm an assumption: one company at a time."""
        self._lock = threading.Lock()
        self._confirmed = set(taken_for_granted)
        self._answers: dict[str, list[SeenAnswer]] = {}

    def is_confirmed(self, *assumptions: Assumption) -> bool:
        """Say whether all of these are confirmed."""
        return self._confirmed.issuperset(assumptions)

    def confirm(self, *assumptions: Assumption) -> None:
        """Note that these hold; what was kept to decide them goes."""
        with self._lock:
            self._confirmed.update(assumptions)
            if self.is_confirmed(*Assumption):
                self._answers.clear()

    def note(self, event_id: str, seen: SeenAnswer) -> None:
        """Take in an answer about an event."""
        if self.is_confirmed(*Assumption):
            return
        with self._lock:
            answers = self._answers.setdefault(event_id, [])
            self._confirmed |= confirmed_by(seen, answers)
            answers.append(seen)

    def take(self, event_ids: Collection[str]) -> Mapping[str, list[SeenAnswer]]:
        """Return the answers about events that were not looked into yet, once each."""
        with self._lock:
            return {event_id: self._answers.pop(event_id) for event_id in event_ids if event_id in self._answers}


def confirmed_by(seen: SeenAnswer, others: Iterable[SeenAnswer]) -> set[Assumption]:
    """Return what an answer confirms, by itself and beside other answers about the same event. Pure."""
    confirmed = set()
    if seen.minutes and seen.first == seen.last:
        confirmed.add(Assumption.END_DATE)  # without its last day the range would be empty
    if seen.users > seen.rows:
        confirmed.add(Assumption.TOTALS)
    for other in others:
        if not _is_far(seen.minutes, other.minutes):
            continue
        is_same_range = (seen.first, seen.last) == (other.first, other.last)
        if seen.kind == other.kind and not is_same_range and not min(seen.minutes, other.minutes):
            confirmed.add(Assumption.DATES)
        if seen.kind != other.kind and is_same_range:
            confirmed.add(Assumption.TYPES)
    return confirmed


def _is_far(one: int, other: int) -> bool:
    """Say whether two numbers of minutes differ by more than Sequel's recomputing between two answers explains."""
    return max(one, other) > 2 * min(one, other)
