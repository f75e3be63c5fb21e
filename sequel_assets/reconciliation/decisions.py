"""What the reconciliation requests and concludes: pure decisions over kept sums and Sequel's totals.

The totals of days add up to the total of a range. So a range whose total differs from what is kept has changed days,
and requesting ever smaller parts of it finds them. Minutes that moved from one day to another within the range leave
its total as it is: they cannot be found here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.refresh.usage.range_search import Span, around, halves
from sequel_assets.warehouse.slices.decisions import day_end

DAY = timedelta(days=1)
MAX_REQUESTS = 40
"""Parts of one event's range that are requested; what is not narrowed down by then is refreshed entirely."""


class ReconciliationResult(StrEnum):
    """How a total that Sequel answers compares with the minutes kept here."""

    EQUAL = "equal"
    BEFORE_START = "before_start"
    """All that is kept is right; Sequel holds more, from days before the history."""
    DIFFERS = "differs"
    SKIPPED = "skipped"
    """It could not be compared: an optional endpoint that Sequel does not answer."""


COMPANY = ""
"""Stands for the event where a number is the company's own."""


@dataclass(frozen=True)
class ReconciliationFinding:
    """One row of `reconciliations`; `why` says why a total was skipped, and is not stored."""

    event_id: str
    scope: str
    first_day: date | None
    last_day: date | None
    found: int
    expected: int
    result: ReconciliationResult
    why: str = ""


class Need(StrEnum):
    """Which total must be requested before there is a result."""

    BEFORE = "before"
    """The total of every day before the history."""
    AFTER = "after"
    """The total of every day after the range."""


@dataclass(frozen=True)
class Rest:
    """The minutes outside of the range: what Sequel has (all time less the range), and what is kept."""

    fetched: int
    kept_between: int
    """Kept on days of the history before the range: days that have not closed."""
    kept_after: int
    is_open: bool
    """Minutes may be coming in on the days after the range: it has some already, or is on."""


def known_range(slices: Mapping[date, Watermark], start: date) -> Span | None:
    """Return the unbroken run of closed days, not before `start`, that ends with the last closed day."""
    closed = {
        day for day, watermark in slices.items() if watermark.full_through and watermark.full_through >= day_end(day)
    }
    if not closed or (last := max(closed)) < start:
        return None
    first = last
    while first > start and first - DAY in closed:
        first -= DAY
    return Span(first, last)


def within(span: Span, kept: Mapping[date, int]) -> int:
    """Return the minutes kept on the days of a span."""
    return sum(minutes for day, minutes in kept.items() if span.first <= day <= span.last)


def search(span: Span, kept: Mapping[date, int], answers: Mapping[Span, int]) -> Span | list[date]:
    """Return the part to request next or, when enough is known, the days whose minutes differ from what is kept.

    `answers` holds the totals so far, that of the complete span among them.
    """
    return _search(span, answers[span], kept, answers)


def _search(span: Span, total: int, kept: Mapping[date, int], answers: Mapping[Span, int]) -> Span | list[date]:
    if total == within(span, kept):
        return []
    if span.days == 1:
        return [span.first]
    found: list[date] = []
    left, had = total, within(span, kept)
    parts = _parts(span, kept)
    for place, part in enumerate(parts):
        if left == had:
            break
        if place == len(parts) - 1:
            share = left
        elif part in answers:
            share = answers[part]
        elif len(answers) > MAX_REQUESTS:
            return found + [day for rest in parts[place:] for day in days_between(rest.first, rest.last)]
        else:
            return part
        moved = _search(part, share, kept, answers)
        if isinstance(moved, Span):
            return moved
        found += moved
        left, had = left - share, had - within(part, kept)
    return found


def _parts(span: Span, kept: Mapping[date, int]) -> list[Span]:
    """Return parts of a span: days with minutes are the likely ones, so they are what is halved."""
    likely = sorted(day for day, minutes in kept.items() if minutes and span.first <= day <= span.last)
    if not likely:
        return list(halves(span))
    if len(likely) == 1:
        alone = Span(likely[0], likely[0])
        return [alone, *around(span, alone)]
    middle = likely[len(likely) // 2 - 1]
    return [Span(span.first, middle), Span(middle + DAY, span.last)]


def classify_rest(
    rest: Rest, remembered: int | None, before: int | None = None, after: int | None = None
) -> ReconciliationResult | Need:
    """Return what the minutes outside of the range are, or what must be requested to know.

    `remembered` are the minutes before the history by an earlier reconciliation, None if it never had to request them;
    `before` and `after` are what was requested now.
    """
    kept = rest.kept_between + rest.kept_after
    known = before if before is not None else remembered or 0
    right = ReconciliationResult.BEFORE_START if known else ReconciliationResult.EQUAL
    if rest.fetched == kept + known:
        return right
    if rest.fetched < kept:
        return ReconciliationResult.DIFFERS
    may_grow = rest.is_open and rest.fetched > kept + known
    if before is None:
        return right if may_grow and remembered is not None else Need.BEFORE
    if may_grow:
        return right
    if rest.fetched < kept + known:
        return ReconciliationResult.DIFFERS
    if after is None:
        return Need.AFTER
    is_explained = rest.fetched - known - after == rest.kept_between and after >= rest.kept_after
    return right if is_explained else ReconciliationResult.DIFFERS


def windows(years: Iterable[int]) -> list[tuple[date | None, date | None]]:
    """Return a window of dates for each year from the first to the last, and those before and after, without an end."""
    years = list(years)
    first, last = min(years), max(years)
    inside = [(date(year, 1, 1), date(year, 12, 31)) for year in range(first, last + 1)]
    return [(None, date(first - 1, 12, 31)), *inside, (date(last + 1, 1, 1), None)]
