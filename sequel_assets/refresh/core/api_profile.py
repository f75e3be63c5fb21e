"""How Sequel answers this account, where that is not as documented or assumed: what `sequel-assets doctor` has learned.

A refresh requests by it. A fact that makes numbers impossible fails the slices concerned by name: a number that only
looks right must never be stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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
