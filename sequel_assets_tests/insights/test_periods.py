"""Which days a period has and what it is compared with, written down by hand where a calendar is unkind."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.insights.periods import COMPARED_WITH, PERIODS, ROLLING, Days, full_period, is_over, other, to_date
from sequel_assets_tests.support.reference import companies as oracle

D = date.fromisoformat
BY_HAND = [
    # day, period, compared with, its first day, the other range
    ("2024-02-29", "day", "previous", "2024-02-29", "2024-02-28", "2024-02-28"),
    ("2024-02-29", "day", "year_before", "2024-02-29", "2023-02-28", "2023-02-28"),
    ("2024-02-29", "month", "previous", "2024-02-01", "2024-01-01", "2024-01-31"),  # it is over: whole with whole
    ("2024-02-29", "month", "year_before", "2024-02-01", "2023-02-01", "2023-02-28"),
    ("2024-02-29", "year", "previous", "2024-01-01", "2023-01-01", "2023-03-01"),  # 60 days each
    ("2024-02-29", "last_28_days", "year_before", "2024-02-02", "2023-02-01", "2023-02-28"),
    ("2025-02-28", "month", "year_before", "2025-02-01", "2024-02-01", "2024-02-29"),
    ("2025-02-28", "day", "year_before", "2025-02-28", "2024-02-28", "2024-02-28"),
    ("2026-03-01", "month", "previous", "2026-03-01", "2026-02-01", "2026-02-01"),  # the first of a month
    ("2026-03-01", "quarter", "previous", "2026-01-01", "2025-10-01", "2025-11-29"),
    ("2026-01-01", "year", "year_before", "2026-01-01", "2025-01-01", "2025-01-01"),
    ("2026-04-01", "month", "previous", "2026-04-01", "2026-03-01", "2026-03-01"),  # after a month of 31 days
    ("2026-04-30", "month", "previous", "2026-04-01", "2026-03-01", "2026-03-31"),  # 30 days with 31: per day
    ("2026-03-30", "month", "previous", "2026-03-01", "2026-02-01", "2026-02-28"),  # at most all of February
    ("2026-03-31", "quarter", "previous", "2026-01-01", "2025-10-01", "2025-12-31"),
    ("2026-12-31", "week", "previous", "2026-12-28", "2026-12-21", "2026-12-24"),
    ("2026-12-31", "week", "year_before", "2026-12-28", "2025-12-22", "2025-12-25"),  # week 53; 2025 has 52
    ("2027-01-03", "week", "year_before", "2026-12-28", "2025-12-22", "2025-12-28"),
    ("2027-01-04", "week", "year_before", "2027-01-04", "2025-12-29", "2025-12-29"),  # week 1 begins in December
    ("2021-12-31", "week", "year_before", "2021-12-27", "2020-12-21", "2020-12-25"),  # week 52; 2020 had a 53rd
    ("2026-11-23", "last_7_days", "previous", "2026-11-17", "2026-11-10", "2026-11-16"),
    ("2026-11-23", "last_90_days", "year_before", "2026-08-26", "2025-08-26", "2025-11-23"),
]


@pytest.mark.parametrize(("day", "period", "how", "first", "other_first", "other_last"), BY_HAND)
def test_unkind_days_are_compared_with_what_the_calendar_says(
    day: str, period: str, how: str, first: str, other_first: str, other_last: str
) -> None:
    """29 February, the first of a month, a day after a month of 31, ISO's week 53."""
    assert to_date(period, D(day)) == Days(D(first), D(day))
    assert other(period, how, D(day)) == Days(D(other_first), D(other_last))


@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)), st.sampled_from(PERIODS), st.sampled_from(COMPARED_WITH))
def test_any_day_is_compared_as_a_plain_walk_through_the_calendar_says(day: date, period: str, how: str) -> None:
    """Also: like is compared with like, as many days as have gone by, or a whole one with a whole one."""
    first, last = oracle.period_of(period, day)
    assert (full_period(period, day), is_over(period, day)) == (Days(first, last), day == last)
    against = other(period, how, day)
    assert (against.first, against.last) == oracle.compared(period, how, day)
    assert against.last < to_date(period, day).first or period not in ROLLING or how == "year_before"
    if period in ROLLING:
        assert len(against) == ROLLING[period]
    elif is_over(period, day):
        assert against == full_period(period, against.first)
    else:
        assert len(against) == min(len(to_date(period, day)), len(full_period(period, against.first)))
