"""The patrol's decisions, as the pure functions they are: what moved is found, and growth is no mistake."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.reconciliation.decisions import (
    MAX_REQUESTS,
    Need,
    ReconciliationResult,
    Rest,
    classify_rest,
    known_range,
    search,
    windows,
    within,
)
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.refresh.usage.range_search import Span

FIRST = date(2026, 1, 1)


def on(number: int) -> date:
    """Return a day by its number."""
    return FIRST + timedelta(days=number)


def play(span: Span, kept: dict[date, int], truth: dict[date, int]) -> tuple[list[date], int]:
    """Play the game to its end; return the days and how many parts were asked."""
    answers = {span: within(span, truth)}
    while isinstance(step := search(span, kept, answers), Span):
        assert step not in answers
        assert span.first <= step.first <= step.last <= span.last
        answers[step] = within(step, truth)
    return step, len(answers) - 1


minutes = st.dictionaries(st.integers(0, 399).map(on), st.integers(1, 500), max_size=30)


@given(kept=minutes, grown=minutes, length=st.integers(1, 400))
def test_days_that_grew_are_all_found_and_no_others(kept: dict[date, int], grown: dict[date, int], length: int) -> None:
    """Each part that is right is left alone; within the bound exactly the moved days come out."""
    span = Span(FIRST, on(length - 1))
    truth = {day: kept.get(day, 0) + grown.get(day, 0) for day in kept.keys() | grown.keys()}
    found, asked = play(span, kept, truth)
    moved = {day for day in grown if day <= span.last}
    assert moved <= set(found)
    assert len(set(found)) == len(found)
    assert asked <= MAX_REQUESTS
    if asked < MAX_REQUESTS:
        assert set(found) == moved


@given(kept=minutes, moved=minutes, length=st.integers(1, 400))
def test_whatever_moves_the_range_moves_a_day_that_is_found(
    kept: dict[date, int], moved: dict[date, int], length: int
) -> None:
    """Up and down at once: what cancels out may hide, but what is found has moved, and so has the sum of it."""
    span = Span(FIRST, on(length - 1))
    found, asked = play(span, kept, moved)
    shift = within(span, moved) - within(span, kept)
    assert bool(found) == bool(shift)
    if asked < MAX_REQUESTS:
        assert all(kept.get(day, 0) != moved.get(day, 0) for day in found)
        assert sum(moved.get(day, 0) - kept.get(day, 0) for day in found) == shift


@given(kept=minutes, fetched=st.lists(st.integers(0, 10_000), min_size=MAX_REQUESTS + 2), length=st.integers(2, 400))
def test_nonsense_ends_too(kept: dict[date, int], fetched: list[int], length: int) -> None:
    """Totals that contradict each other: the search is bounded all the same, and finds days of the span."""
    span = Span(FIRST, on(length - 1))
    answers, numbers = {span: fetched[0]}, iter(fetched[1:])
    while isinstance(step := search(span, kept, answers), Span):
        answers[step] = next(numbers)
    assert all(span.first <= day <= span.last for day in step)


def test_a_year_with_one_restated_day_costs_few_questions() -> None:
    """An event of one day: that day alone is asked. One of many days: halves of them."""
    span = Span(FIRST, on(364))
    assert play(span, {on(40): 100}, {on(40): 90}) == ([on(40)], 1)
    weekly = {on(7 * n): 50 for n in range(52)}
    found, asked = play(span, weekly, weekly | {on(70): 60})
    assert (found, asked <= 7) == ([on(70)], True)
    found, asked = play(span, {}, {on(200): 5})
    assert (found, asked <= 9) == ([on(200)], True)


@given(
    before=st.integers(0, 50),
    between=st.integers(0, 50),
    after=st.integers(0, 50),
    grown=st.integers(0, 50),
    remembered=st.none() | st.integers(0, 50),
)
def test_growth_and_minutes_before_the_start_are_never_a_mistake(
    before: int, between: int, after: int, grown: int, remembered: int | None
) -> None:
    """What is kept is right: no verdict says otherwise, whatever was remembered."""
    rest = Rest(before + between + after + grown, between, after, is_open=after > 0)
    asked: dict[Need, int] = {}
    truth = {Need.BEFORE: before, Need.AFTER: after + grown}
    while isinstance(step := classify_rest(rest, remembered, asked.get(Need.BEFORE), asked.get(Need.AFTER)), Need):
        asked[step] = truth[step]
    assert step is not ReconciliationResult.DIFFERS or (remembered or 0) > 0
    if Need.BEFORE in asked:
        assert step is (ReconciliationResult.BEFORE_START if before else ReconciliationResult.EQUAL)


@given(between=st.integers(1, 50), after=st.integers(0, 50), lost=st.integers(1, 50))
def test_less_than_is_kept_always_differs(between: int, after: int, lost: int) -> None:
    """Open or not; nothing more is asked."""
    for is_open in (True, False):
        rest = Rest(between + after - lost, between, after, is_open)
        assert classify_rest(rest, None) is ReconciliationResult.DIFFERS


def test_the_third_question_is_asked_once() -> None:
    """Remembered, and again when the difference is another one."""
    rest = Rest(30, 0, 0, is_open=False)
    assert classify_rest(rest, None) is Need.BEFORE
    assert classify_rest(rest, None, 30) is ReconciliationResult.BEFORE_START
    assert classify_rest(rest, 30) is ReconciliationResult.BEFORE_START
    assert classify_rest(Rest(35, 0, 0, is_open=False), 30) is Need.BEFORE
    assert classify_rest(Rest(35, 0, 0, is_open=False), 30, 30) is Need.AFTER
    assert classify_rest(Rest(35, 0, 0, is_open=False), 30, 30, 0) is ReconciliationResult.DIFFERS
    assert classify_rest(Rest(35, 0, 0, is_open=False), 30, 30, 5) is ReconciliationResult.BEFORE_START
    assert classify_rest(Rest(0, 0, 0, is_open=False), 30) is Need.BEFORE
    assert classify_rest(Rest(0, 0, 0, is_open=False), 30, 0) is ReconciliationResult.EQUAL
    assert classify_rest(Rest(35, 0, 5, is_open=True), 0) is ReconciliationResult.EQUAL


def quarantined(day: date, *, closed: bool) -> Watermark:
    """Return a slice that has closed or not."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    full = end if closed else end - timedelta(hours=1)
    return Watermark(full, full, False)


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ([], None),
        ([0, 1, 2], (0, 2)),
        ([0, 1, 3, 4], (3, 4)),
        ([4], (4, 4)),
        ([-3, -2, -1, 0, 1], (0, 1)),
        ([-3, -2], None),
    ],
)
def test_the_known_range_ends_with_the_last_closed_day(closed: list[int], expected: tuple[int, int] | None) -> None:
    """And goes back over closed days without a break, not beyond the start."""
    slices = {on(n): quarantined(on(n), closed=n in closed) for n in range(-4, 8)}
    found = known_range(slices, FIRST)
    assert found == (expected and Span(on(expected[0]), on(expected[1])))


def test_windows_cover_every_day_once() -> None:
    """A year each, and what lies before and after."""
    found = windows((2024, 2026))
    assert (found[0], found[-1]) == ((None, date(2023, 12, 31)), (date(2027, 1, 1), None))
    inside = [day for first, last in found[1:-1] if first and last for day in days_between(first, last)]
    assert inside == days_between(date(2024, 1, 1), date(2026, 12, 31))
