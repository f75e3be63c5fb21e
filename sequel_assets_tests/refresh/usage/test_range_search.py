"""The planner, as the pure function it is: it ends with the truth, asks little, and never in vain."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.usage.range_search import (
    Contradiction,
    Expected,
    RangePlan,
    RangeRequest,
    Span,
    Totals,
    around,
    gaps,
    halves,
    plan,
    split,
)

FIRST = date(2026, 1, 1)
Truth = dict[date, tuple[int, int, int]]
"""day -> minutes live, on demand, and both at once."""


def on(number: int) -> date:
    """Return a day by its number."""
    return FIRST + timedelta(days=number)


def total(truth: Truth, question: RangeRequest) -> int:
    """Answer a question as Sequel would."""
    days = [minutes for day, minutes in truth.items() if question.span.first <= day <= question.span.last]
    live, on_demand, both = (sum(part) for part in zip(*days, strict=True)) if days else (0, 0, 0)
    return {"all": live + on_demand - both, "live": live, "onDemand": on_demand}[question.engagement_type]


def ask_all(truth: Truth, span: Span, own: Span | None) -> tuple[RangePlan, list[RangeRequest]]:
    """Play the planner's game to its end."""
    answers: dict[RangeRequest, Totals] = {}
    asked: list[RangeRequest] = []
    while (step := plan(span, own, answers)).questions:
        for question in step.questions:
            assert question not in answers
            asked.append(question)
            answers[question] = Totals(1, total(truth, question))
    return step, asked


@st.composite
def games(draw: st.DrawFn) -> tuple[Truth, Span, Span | None]:
    """A span of up to 60 days, minutes on some of them, and the event's own days anywhere near, or unknown."""
    length = draw(st.integers(2, 60))
    days = draw(st.sets(st.integers(0, length - 1), max_size=8))
    truth: Truth = {}
    for number in days:
        live, on_demand = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        if live + on_demand:
            truth[on(number)] = (live, on_demand, draw(st.integers(0, min(live, on_demand))))
    start = draw(st.none() | st.integers(-20, length + 20))
    own = None if start is None else Span(on(start), on(start + draw(st.integers(0, 3))))
    return truth, Span(on(0), on(length - 1)), own


@given(games())
@settings(max_examples=400)
def test_true_answers_end_with_exactly_the_days_that_have_minutes(game: tuple[Truth, Span, Span | None]) -> None:
    """And with each day's minutes of each type; where minutes may have been both, that is said of the day."""
    truth, span, own = game
    step, _ = ask_all(truth, span, own)
    found = {day: (e.live, e.on_demand) for day, e in step.days.items() if e}
    assert found == {day: (live, on_demand) for day, (live, on_demand, _) in truth.items()}
    overlap = any(both for *_, both in truth.values())
    for day, (live, on_demand, _) in truth.items():
        assert step.days[day] == Expected(live, on_demand, overlap and bool(live and on_demand))


@given(games())
@settings(max_examples=400)
def test_no_question_is_asked_twice_outside_the_span_or_about_what_is_known_to_be_empty(
    game: tuple[Truth, Span, Span | None],
) -> None:
    """A span that answered 0 is never asked about again, nor any part of it."""
    truth, span, own = game
    _, asked = ask_all(truth, span, own)
    assert len(set(asked)) == len(asked)
    for place, question in enumerate(asked):
        assert span.first <= question.span.first <= question.span.last <= span.last
        for earlier in asked[:place]:
            inside = earlier.span.first <= question.span.first and question.span.last <= earlier.span.last
            same = earlier.engagement_type in {"all", question.engagement_type}
            assert not (inside and same and total(truth, earlier) == 0)


@given(games())
@settings(max_examples=400)
def test_the_number_of_questions_is_bounded(game: tuple[Truth, Span, Span | None]) -> None:
    """With k days of a type among n: three for the range, and at most 2 + k * 3 * ceil(log2 n) + ceil(log2 n) per type.

    Each day is reached through at most `depth` splits of parts, where a split in halves asks one question and a split
    into ever longer stretches at most log2 n; the stretches at least halve what is left, so the depth of both together
    is at most 2 log2 n, and a split is entered only where it holds a day.
    """
    truth, span, own = game
    _, asked = ask_all(truth, span, own)
    log = math.ceil(math.log2(span.days))
    if not truth:
        assert len(asked) == 1
    for kind, place in (("live", 0), ("onDemand", 1)):
        days = sum(1 for minutes in truth.values() if minutes[place])
        of_kind = [q for q in asked if q.engagement_type == kind and q.span != span]
        assert len(of_kind) <= (2 + log + days * 3 * log if days else 0)
    assert sum(q.span == span for q in asked) <= 3


@given(games())
def test_the_parts_of_a_span_are_the_span(game: tuple[Truth, Span, Span | None]) -> None:
    """Each day is in exactly one part, and there are at least two."""
    _, span, own = game
    parts = list(split(span, own))
    days = sorted(part.first + timedelta(days=n) for part in parts for n in range(part.days))
    assert days == [span.first + timedelta(days=n) for n in range(span.days)]
    assert len(parts) >= 2
    assert len(list(halves(span))) == 2


@given(games(), st.integers(0, 59))
def test_gaps_and_what_is_around_a_span_are_the_rest_of_it(game: tuple[Truth, Span, Span | None], number: int) -> None:
    """With the days themselves they are the whole."""
    truth, span, _ = game
    days = {gap.first + timedelta(days=n) for gap in gaps(span, truth) for n in range(gap.days)}
    assert days | truth.keys() == {span.first + timedelta(days=n) for n in range(span.days)}
    assert not days & truth.keys()
    one = Span(on(number % span.days), on(number % span.days))
    assert sum(part.days for part in around(span, one)) == span.days - 1


@given(games(), st.data())
@settings(max_examples=300)
def test_one_total_that_is_too_high_never_hides_a_day_unnoticed(
    game: tuple[Truth, Span, Span | None], data: st.DataObject
) -> None:
    """It raises, or some day's expected minutes are not the day's: what is confirmed by the day's own list."""
    truth, span, own = game
    _, asked = ask_all(truth, span, own)
    wrong = data.draw(st.sampled_from(asked))
    answers: dict[RangeRequest, Totals] = {}
    try:
        while (step := plan(span, own, answers)).questions:
            for question in step.questions:
                answers[question] = Totals(1, total(truth, question) + (question == wrong))
    except Contradiction:
        return
    found = {day: (e.live, e.on_demand) for day, e in step.days.items() if e}
    right = {day: (live, on_demand) for day, (live, on_demand, _) in truth.items()}
    overlaps = {day for day, e in step.days.items() if e and e.overlaps}
    if right.keys() - found.keys():
        assert any(right.get(day, (0, 0)) != minutes for day, minutes in found.items())
    if found == right and any(both for *_, both in truth.values()):
        assert overlaps or wrong == RangeRequest("all", span)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({("all", 0, 3): 5, ("onDemand", 0, 3): 1, ("live", 0, 3): 3}, "do not reach the 5 of all"),
        ({("all", 0, 3): 5, ("onDemand", 0, 3): 0, ("live", 0, 1): 6}, "are more than the 5 left of"),
    ],
)
def test_totals_that_cannot_all_be_true_are_refused(told: dict[tuple[str, int, int], int], words: str) -> None:
    """The reason has the numbers."""
    answers = {RangeRequest(kind, Span(on(a), on(b))): Totals(1, m) for (kind, a, b), m in told.items()}  # type: ignore[arg-type]
    with pytest.raises(Contradiction, match=words):
        plan(Span(on(0), on(3)), None, answers)


def test_a_single_day_is_left_to_the_day_itself() -> None:
    """No question: its lists answer the totals too."""
    assert plan(Span(on(0), on(0)), None, {}) == RangePlan(days={on(0): None})
