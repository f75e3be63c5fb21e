"""Compares a company's totals by endpoints that Sequel's reference only names. They never fill a table.

Their response shapes are a guess, so nothing depends on them: without an answer or without numbers they are skipped,
and the reason is reported.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sequel_assets.reconciliation.decisions import COMPANY, ReconciliationFinding, ReconciliationResult
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.sequel import FATAL, InvalidResponse, NotFound, SequelClient, SequelError
from sequel_assets.sequel.endpoints.named_totals import DayUsage, Usage

LIFETIME, RANGE, BY_DAY = "lifetime_usage", "usage", "usage_by_day"
SCOPES = (LIFETIME, RANGE, BY_DAY)


@dataclass(frozen=True)
class Sums:
    """Minutes kept here of a company, over some days."""

    live: int = 0
    on_demand: int = 0
    engaged: int = 0


@dataclass(frozen=True)
class KeptTotals:
    """What is kept of a company, to compare its totals with."""

    days: Mapping[date, Sums]
    """The days of the range that have minutes."""
    lower: int
    """The least that all time may have: what is kept, and what Sequel holds from before the history."""
    upper: int
    """The most: also what came in since the last refresh, by the events' own all-time totals."""


class NamedTotals:
    """Requests the named endpoints.

    One that is refused or fails is not requested again in this run: retries take long.
    """

    def __init__(self, client: SequelClient) -> None:
        self._client = client
        self._given_up: dict[str, str] = {}

    def compare(self, company_id: str, span: Span, kept: KeptTotals) -> list[ReconciliationFinding]:
        """Return the result of each of the three endpoints; only errors that would fail every request are raised."""
        client = self._client
        return [
            self._one(LIFETIME, None, lambda: lifetime(client.lifetime_usage(company_id), kept)),
            self._one(
                RANGE, span, lambda: in_range(client.usage(company_id, start=span.first, end=span.last), span, kept)
            ),
            self._one(
                BY_DAY,
                span,
                lambda: by_day(client.usage_by_day(company_id, start=span.first, end=span.last), span, kept),
            ),
        ]

    def _one(
        self, scope: str, span: Span | None, compare: Callable[[], ReconciliationFinding]
    ) -> ReconciliationFinding:
        if scope not in self._given_up:
            try:
                return compare()
            except FATAL:
                raise
            except (NotFound, InvalidResponse) as error:
                return skipped(scope, span, str(error))
            except SequelError as error:
                self._given_up[scope] = str(error)
        return skipped(scope, span, self._given_up[scope])


def skipped(scope: str, span: Span | None, why: str) -> ReconciliationFinding:
    """Return that an endpoint was not compared."""
    return _finding(scope, span, 0, 0, ReconciliationResult.SKIPPED, why)


def _finding(
    scope: str, span: Span | None, found: int, expected: int, result: ReconciliationResult | None = None, why: str = ""
) -> ReconciliationFinding:
    """Return a company's own number; without a result it is right where both numbers are equal."""
    equal = ReconciliationResult.EQUAL if found == expected else ReconciliationResult.DIFFERS
    first, last = (span.first, span.last) if span else (None, None)
    return ReconciliationFinding(COMPANY, scope, first, last, found, expected, result or equal, why)


def lifetime(usage: Usage, kept: KeptTotals) -> ReconciliationFinding:
    """Compare the total of all time: it must lie between what is kept and what the events' own totals say."""
    if usage.total_minutes is None:
        return skipped(LIFETIME, None, "it has no totalMinutes")
    is_right = kept.lower <= usage.total_minutes <= max(kept.lower, kept.upper)
    result = ReconciliationResult.EQUAL if is_right else ReconciliationResult.DIFFERS
    return _finding(LIFETIME, None, kept.lower, usage.total_minutes, result)


def in_range(usage: Usage, span: Span, kept: KeptTotals) -> ReconciliationFinding:
    """Compare the minutes of the range, each kind that is there; the first that differs is named."""
    sums = _together(kept.days.values())
    pairs = [
        (found, expected)
        for found, expected in (
            (sums.engaged, usage.total_minutes),
            (sums.live, usage.live_minutes),
            (sums.on_demand, usage.on_demand_minutes),
        )
        if expected is not None
    ]
    if not pairs:
        return skipped(RANGE, span, "it has no minutes")
    found, expected = next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])
    return _finding(RANGE, span, found, expected)


def by_day(usage: Iterable[DayUsage], span: Span, kept: KeptTotals) -> ReconciliationFinding:
    """Compare each day; the first that differs is named. Minutes that moved between two days show only here."""
    expected: dict[date, int] = {}
    for row in usage:
        if not span.first <= row.day <= span.last:
            continue
        if row.virtual_stage_minutes is None or row.networking_minutes is None:
            return skipped(BY_DAY, span, f"it has no minutes of {row.day}")
        expected[row.day] = expected.get(row.day, 0) + row.virtual_stage_minutes + row.networking_minutes
    minutes = {day: sums.engaged for day, sums in kept.days.items()}
    for day in sorted(minutes.keys() | expected.keys()):
        if minutes.get(day, 0) != expected.get(day, 0):
            return _finding(BY_DAY, Span(day, day), minutes.get(day, 0), expected.get(day, 0))
    return _finding(BY_DAY, span, sum(minutes.values()), sum(expected.values()))


def _together(sums: Iterable[Sums]) -> Sums:
    sums = list(sums)
    return Sums(sum(s.live for s in sums), sum(s.on_demand for s in sums), sum(s.engaged for s in sums))
