"""The arithmetic of silences: only what was final when it was told, and never a day that has minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.usage.empty_ranges import joined, last_final_day, learn, left_to_request, without
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores.empty_ranges import EmptyRange

FIRST = date(2026, 2, 20)
CALENDAR = [FIRST + timedelta(days=n) for n in range(24)]

days = st.sampled_from(CALENDAR)
spans = st.tuples(days, days).map(lambda ends: Span(min(ends), max(ends)))
hours = st.integers(0, 24 * 30).map(lambda n: datetime(2026, 2, 19, tzinfo=UTC) + timedelta(hours=n))
windows = st.sampled_from([timedelta(0), timedelta(hours=5), timedelta(hours=48)])
stretches = st.builds(lambda span, hour: EmptyRange(span.first, span.last, hour), spans, hours)
tellings = st.tuples(st.lists(spans, max_size=3), st.sets(days, max_size=5), hours)


def covered(silences: list[EmptyRange]) -> set[date]:
    """Every day of silences."""
    return {day for silence in silences for day in days_between(silence.first, silence.last)}


@given(hours, windows)
def test_the_last_final_day_is_the_last_whose_end_and_window_have_passed(hour: datetime, window: timedelta) -> None:
    """To the hour, by the words of the definition."""
    last = last_final_day(hour, window)
    assert day_end(last) + window <= hour < day_end(last + timedelta(days=1)) + window


@given(st.lists(stretches, max_size=6))
def test_joining_keeps_the_days_and_leaves_gaps_between_what_is_left(silences: list[EmptyRange]) -> None:
    """In order, at least a day apart, each with the earliest hour of what it was made of; joining again changes nothing."""
    found = joined(silences)
    assert covered(found) == covered(silences)
    assert all((b.first - a.last).days > 1 for a, b in pairwise(found))
    for one in found:
        inside = [s for s in silences if one.first <= s.first and s.last <= one.last]
        assert one.through == min(s.through for s in inside)
    assert joined(found) == found


@given(st.lists(stretches, max_size=6), st.sets(days))
def test_taking_days_out_takes_these_days_and_no_others(silences: list[EmptyRange], loud: set[date]) -> None:
    """Whatever lies around them stays, with its hour."""
    found = without(silences, loud)
    assert covered(found) == covered(silences) - loud
    assert {s.through for s in found} <= {s.through for s in silences}
    assert all(s.first <= s.last for s in found)


@given(st.lists(tellings, max_size=8), windows)
def test_what_is_known_is_what_was_returned_last_of_each_day_that_was_final_then(
    told: list[tuple[list[Span], set[date], datetime]], window: timedelta
) -> None:
    """Against a dictionary of days: silent when told so at or after its end plus the window, and not loud since."""
    stored: list[EmptyRange] = []
    known: dict[date, datetime] = {}
    for silent, loud, hour in told:
        stored = learn(stored, silent, loud, through=hour, late_window=window)
        for day in {day for span in silent for day in days_between(span.first, span.last)}:
            if day_end(day) + window <= hour:
                known[day] = hour
        for day in loud:
            known.pop(day, None)
    assert covered(stored) == known.keys()
    assert joined(stored) == stored
    for day in covered(stored):
        assert any(s.first <= day <= s.last and s.through <= known[day] for s in stored)


@given(st.sets(days), st.lists(stretches, max_size=6))
def test_what_is_left_to_request_is_what_no_empty_range_covers(wanted: set[date], silences: list[EmptyRange]) -> None:
    """In order."""
    assert left_to_request(wanted, silences) == sorted(wanted - covered(silences))
