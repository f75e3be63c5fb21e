"""What to request next: from a whole range to the days that have minutes, without requesting empty halves.

A pure function from the answers so far to the next requests. It rests on one property: an engaged minute belongs to one
day and one engagement type's total of a range is the sum of its days'. So

* `all` over the range: nobody there, done with one request;
* `onDemand` (and `live`, if there was any on demand) over the range. Where live + onDemand = all, no minute was both,
  on no day and for nobody, and `all` need not be requested again;
* the days of each type are found by requesting parts of the range, the event's own days first, until the parts add up
  to the range; what is left then is empty, and the last part is known without a request.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

EngagementType = Literal["all", "live", "onDemand"]
DAY = timedelta(days=1)


class Contradiction(Exception):  # noqa: N818 - the word of the matter
    """Totals that cannot all be true: Sequel's numbers moved between two answers, or do not add up."""


@dataclass(frozen=True, order=True)
class Span:
    """Days from first to last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        """Return one day, or first to last."""
        return self.first.isoformat() if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class RangeRequest:
    """The totals of one event over a span, for one engagement type."""

    engagement_type: EngagementType
    span: Span


@dataclass(frozen=True)
class Totals:
    """What Sequel answers to a request, over everybody."""

    users: int
    minutes: int


Answers = Mapping[RangeRequest, Totals]


@dataclass(frozen=True)
class Expected:
    """What a day's lists must come to: minutes of each type, and whether some minute may have been both."""

    live: int
    on_demand: int
    overlaps: bool


@dataclass(frozen=True)
class RangePlan:
    """Either the next requests, or, when there are none, the days with minutes."""

    questions: tuple[RangeRequest, ...] = ()
    days: Mapping[date, Expected | None] = field(default_factory=dict)
    """None: nothing is known of the day but that it must be requested by itself."""


def plan(span: Span, own: Span | None, answers: Answers) -> RangePlan:
    """Return what to request next about an event over `span`; `own` are the days on which it takes place, if known."""
    if span.days == 1:
        return RangePlan(days={span.first: None})
    everything = RangeRequest("all", span)
    if everything not in answers:
        return RangePlan((everything,))
    engaged = answers[everything].minutes
    if not engaged:
        return RangePlan(days={})
    replay = RangeRequest("onDemand", span)
    if replay not in answers:
        return RangePlan((replay,))
    on_demand = answers[replay].minutes
    alive = RangeRequest("live", span)
    if on_demand and alive not in answers:
        return RangePlan((alive,))
    live = answers[alive].minutes if on_demand else engaged
    if live + on_demand < engaged:
        raise Contradiction(f"{span}: {live} live and {on_demand} on-demand minutes do not reach the {engaged} of all")
    found_live = _locate("live", span, live, own, answers)
    found_on_demand = _locate("onDemand", span, on_demand, own, answers)
    if isinstance(found_live, RangeRequest) or isinstance(found_on_demand, RangeRequest):
        return RangePlan(tuple(found for found in (found_live, found_on_demand) if isinstance(found, RangeRequest)))
    both = live + on_demand > engaged
    return RangePlan(
        days={
            day: Expected(
                found_live.get(day, 0),
                found_on_demand.get(day, 0),
                both and day in found_live and day in found_on_demand,
            )
            for day in sorted(found_live.keys() | found_on_demand.keys())
        }
    )


def gaps(span: Span, days: Iterable[date]) -> list[Span]:
    """Return the ranges of the span that were inferred or found to be empty.

    They are requested for verification: an API that ignored the dates would answer the same total everywhere, and
    every inference would follow it.
    """
    found, start = [], span.first
    for day in [*sorted(days), span.last + DAY]:
        if day > start:
            found.append(Span(start, day - DAY))
        start = day + DAY
    return found


def _locate(
    kind: EngagementType, span: Span, minutes: int, own: Span | None, answers: Answers
) -> dict[date, int] | RangeRequest:
    """Return the days that make up the minutes of a span, or the next request towards them."""
    if not minutes:
        return {}
    if span.days == 1:
        return {span.first: minutes}
    found: dict[date, int] = {}
    left = minutes
    parts = list(split(span, own))
    for place, part in enumerate(parts):
        question = RangeRequest(kind, part)
        if place == len(parts) - 1:
            share = left
        elif question in answers:
            share = answers[question].minutes
        else:
            return question
        if share > left:
            raise Contradiction(f"{part}: {share} {kind} minutes are more than the {left} left of {span}")
        within = _locate(kind, part, share, own, answers)
        if isinstance(within, RangeRequest):
            return within
        found |= within
        left -= share
        if not left:
            break
    return found


def split(span: Span, own: Span | None) -> Iterator[Span]:
    """Yield the parts of a span, the likely ones first: the event's own days, then ever longer ones after it."""
    inside = own and Span(max(span.first, own.first), min(span.last, own.last))
    if own is None or own.first > span.last or inside == span:
        yield from halves(span)
    elif inside is not None and inside.first <= inside.last:
        yield inside
        yield from _ever_longer(Span(inside.last + DAY, span.last))
        if span.first < inside.first:
            yield Span(span.first, inside.first - DAY)
    elif (span.first - own.last).days * 2 > span.days:
        yield from halves(span)
    else:
        yield from _ever_longer(span)


def runs_of(days: Iterable[date]) -> list[Span]:
    """Return the unbroken runs of sorted days."""
    spans: list[Span] = []
    for day in days:
        if spans and day - spans[-1].last == DAY:
            spans[-1] = Span(spans[-1].first, day)
        else:
            spans.append(Span(day, day))
    return spans


def around(span: Span, inner: Span) -> Iterator[Span]:
    """Yield what of a span lies before and after an inner one."""
    if span.first < inner.first:
        yield Span(span.first, inner.first - DAY)
    if inner.last < span.last:
        yield Span(inner.last + DAY, span.last)


def halves(span: Span) -> Iterator[Span]:
    """Yield the two halves of a span of more than one day."""
    middle = span.first + DAY * ((span.days - 1) // 2)
    yield Span(span.first, middle)
    yield Span(middle + DAY, span.last)


def _ever_longer(span: Span) -> Iterator[Span]:
    start, length = span.first, 1
    while start <= span.last:
        end = min(span.last, start + DAY * (length - 1))
        yield Span(start, end)
        start, length = end + DAY, length if start == span.first else length * 2
