"""The totals of a company that Sequel's reference only names: held against ours where they answer, and never used to fill.

Their shapes are a proposal, so nothing depends on them: absent or without numbers they are skipped, and that is said.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sequel_assets.reconciliation.decisions import ReconciliationResult
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
class Ours:
    """What a company's totals are held against."""

    days: Mapping[date, Sums]
    """The days of the range that have minutes."""
    least: int
    """Engaged minutes of all time: what is kept, and what Sequel holds from before the history."""
    most: int
    """The same with what came in since the last refresh, by the events' own all-time totals."""


@dataclass(frozen=True)
class NamedTotal:
    """What one named endpoint says; `why` tells why it was skipped."""

    scope: str
    span: Span | None
    found: int
    promised: int
    verdict: ReconciliationResult
    why: str = ""


class NamedTotals:
    """Asks the named endpoints. One that is refused or fails is given up: such answers are tried long before they are believed."""

    def __init__(self, client: SequelClient) -> None:
        self._client = client
        self._given_up: dict[str, str] = {}

    def compare(self, company_id: str, span: Span, ours: Ours) -> list[NamedTotal]:
        """Return what each of the three endpoints says of a company; only what no request would survive is raised."""
        ask = self._client
        return [
            self._one(LIFETIME, None, lambda: lifetime(ask.lifetime_usage(company_id), ours)),
            self._one(
                RANGE, span, lambda: in_range(ask.usage(company_id, start=span.first, end=span.last), span, ours)
            ),
            self._one(
                BY_DAY,
                span,
                lambda: by_day(ask.usage_by_day(company_id, start=span.first, end=span.last), span, ours),
            ),
        ]

    def _one(self, scope: str, span: Span | None, compare: Callable[[], NamedTotal]) -> NamedTotal:
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


def skipped(scope: str, span: Span | None, why: str) -> NamedTotal:
    """Return that an endpoint was not compared."""
    return NamedTotal(scope, span, 0, 0, ReconciliationResult.SKIPPED, why)


def lifetime(told: Usage, ours: Ours) -> NamedTotal:
    """Hold the total of all time against ours: it lies between what is kept and what the events' own totals say."""
    if told.total_minutes is None:
        return skipped(LIFETIME, None, "it tells no totalMinutes")
    is_right = ours.least <= told.total_minutes <= max(ours.least, ours.most)
    return NamedTotal(
        LIFETIME,
        None,
        ours.least,
        told.total_minutes,
        ReconciliationResult.EQUAL if is_right else ReconciliationResult.DIFFERS,
    )


def in_range(told: Usage, span: Span, ours: Ours) -> NamedTotal:
    """Hold the minutes of the range against ours, each kind that is told; the first that differs is named."""
    sums = _together(ours.days.values())
    pairs = [
        (found, promised)
        for found, promised in (
            (sums.engaged, told.total_minutes),
            (sums.live, told.live_minutes),
            (sums.on_demand, told.on_demand_minutes),
        )
        if promised is not None
    ]
    if not pairs:
        return skipped(RANGE, span, "it tells no minutes")
    found, promised = next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])
    return NamedTotal(
        RANGE, span, found, promised, ReconciliationResult.EQUAL if found == promised else ReconciliationResult.DIFFERS
    )


def by_day(told: Iterable[DayUsage], span: Span, ours: Ours) -> NamedTotal:
    """Hold each day against ours; the first that differs is named. Minutes that moved between two days show here."""
    promised: dict[date, int] = {}
    for row in told:
        if not span.first <= row.day <= span.last:
            continue
        if row.virtual_stage_minutes is None or row.networking_minutes is None:
            return skipped(BY_DAY, span, f"it tells no minutes of {row.day}")
        promised[row.day] = promised.get(row.day, 0) + row.virtual_stage_minutes + row.networking_minutes
    kept = {day: sums.engaged for day, sums in ours.days.items()}
    for day in sorted(kept.keys() | promised.keys()):
        if kept.get(day, 0) != promised.get(day, 0):
            return NamedTotal(
                BY_DAY, Span(day, day), kept.get(day, 0), promised.get(day, 0), ReconciliationResult.DIFFERS
            )
    return NamedTotal(BY_DAY, span, sum(kept.values()), sum(promised.values()), ReconciliationResult.EQUAL)


def _together(sums: Iterable[Sums]) -> Sums:
    sums = list(sums)
    return Sums(sum(s.live for s in sums), sum(s.on_demand for s in sums), sum(s.engaged for s in sums))
