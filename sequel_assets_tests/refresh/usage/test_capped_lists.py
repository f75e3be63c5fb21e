"""Lists that Sequel caps: whoever is kept has exact numbers, and what is left makes the totals."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.usage.capped_lists import Unlisted, first_people
from sequel_assets.refresh.usage.facts_of_day import NO_LIST, VerifiedList, on_both, together_of
from sequel_assets.refresh.usage.range_search import Totals
from sequel_assets.refresh.usage.verification import DoesNotReconcile, ListedPeople

DAY = date(2026, 3, 1)
Truth = dict[str, tuple[int, int, int]]
"""e-mail -> live, on-demand and engaged minutes."""


def capped(truth: Truth, place: int, cap: int) -> VerifiedList:
    """Return the list of one type as it is when Sequel lists so many of those with most minutes."""
    rows = [ListedPeople(email, email, numbers[place]) for email, numbers in truth.items() if numbers[place]]
    rows.sort(key=lambda row: (-row.minutes, row.name))
    totals = Totals(len(rows), sum(row.minutes for row in rows))
    if not rows:
        return NO_LIST
    return VerifiedList(totals, tuple(first_people(totals, rows[:cap])), is_capped=len(rows) > cap)


@st.composite
def crowds(draw: st.DrawFn) -> Truth:
    """Some people with live minutes, minutes on demand, or both, some of which are at once."""
    truth = {}
    for number in range(draw(st.integers(1, 12))):
        live, on_demand = draw(st.tuples(st.integers(0, 6), st.integers(0, 6)))
        if live + on_demand:
            engaged = draw(st.integers(max(live, on_demand), live + on_demand))
            truth[f"p{number}@example.org"] = (live, on_demand, engaged)
    return truth


@given(crowds(), st.integers(1, 12))
def test_people_are_exact_and_the_rest_makes_the_totals(truth: Truth, cap: int) -> None:
    """For whatever people there are and however short the lists are."""
    live, replay, everybody = (capped(truth, place, cap) for place in range(3))
    both = on_both(live, replay)
    facts = together_of(DAY, live, replay, everybody if both.emails or both.unnamed else None)
    known = {one.attendee.email or "": (one.live, one.on_demand, one.engaged) for one in facts.minutes}
    assert known.items() <= truth.items()
    left = facts.unlisted or Unlisted(Totals(0, 0), Totals(0, 0), Totals(0, 0))
    for place, rest in enumerate((left.live, left.on_demand, left.engaged)):
        unknown = [numbers[place] for email, numbers in truth.items() if email not in known and numbers[place]]
        assert rest == Totals(len(unknown), sum(unknown))
    assert facts.engaged_minutes == sum(engaged for _, _, engaged in truth.values())


def test_of_one_type_alone_everybody_who_is_listed_is_known() -> None:
    truth = {f"p{number}@example.org": (10 + number, 0, 10 + number) for number in range(5)}
    facts = together_of(DAY, capped(truth, 0, 3), NO_LIST, None)
    assert [(one.attendee.email, one.engaged) for one in facts.minutes] == [
        ("p2@example.org", 12),
        ("p3@example.org", 13),
        ("p4@example.org", 14),
    ]
    assert facts.unlisted == Unlisted(Totals(2, 21), Totals(0, 0), Totals(2, 21))
    assert facts.has_minutes


def test_a_row_that_repeats_another_counts_once_and_spellings_of_an_email_are_one_person() -> None:
    """What they may have more is with the rest, and nobody has too much."""
    rows = [ListedPeople("Ada", "ada@example.org", 9), ListedPeople("Ada", "ada@example.org", 9)]
    rows += [ListedPeople("Ada", "ADA@example.org", 4), ListedPeople("Guest", None, 3)]
    people = first_people(Totals(9, 100), rows)
    assert [(one.email, one.unnamed_by, one.minutes) for one in people] == [
        ("ada@example.org", "", 13),
        (None, "guest", 3),
    ]


def test_listed_people_with_more_minutes_than_the_totals_do_not_reconcile() -> None:
    with pytest.raises(DoesNotReconcile, match="2 people of a list that Sequel caps have more than all 9"):
        first_people(Totals(9, 20), [ListedPeople("A", "a@x.org", 11), ListedPeople("B", "b@x.org", 10)])
