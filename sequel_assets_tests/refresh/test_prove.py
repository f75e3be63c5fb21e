"""Conservation: a messy list comes to the truth or is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.prove import Attendee, Listed, NotConserved, by_attendee, prove

ADA, ADA2, BO = Listed("Ada", "ada@x.org", 5), Listed("ADA ", " Ada@X.org", 3), Listed("Bo", None, 4)


def spelt(draw: st.DrawFn, email: str) -> str:
    """Return a spelling of an e-mail."""
    spelling = draw(st.sampled_from([str, str.upper, str.title, lambda e: unicodedata.normalize("NFD", e)]))
    return draw(st.sampled_from(["", " "])) + spelling(email) + draw(st.sampled_from(["", " "]))


@st.composite
def lists(draw: st.DrawFn) -> tuple[dict[Attendee, int], list[Listed], int]:
    """The true minutes by attendee, a messy list of them, and the number of users that Sequel promises with it."""
    truth: dict[Attendee, int] = {}
    rows: list[Listed] = []
    for number in range(draw(st.integers(0, 5))):
        email = draw(st.sampled_from([f"jürgen.{number}@x.org", None]))
        name = f"Guest {number}"
        minutes = draw(st.integers(1, 30))
        truth[Attendee(email, "" if email else name.lower())] = minutes
        parts = draw(st.integers(1, min(2, minutes))) if email else 1
        for part in range(parts):
            share = minutes // parts + (minutes % parts if part == 0 else 0)
            rows.append(Listed(name, spelt(draw, email) if email else None, share))
    users = len(truth) if draw(st.booleans()) else len(rows)
    mess = draw(st.sampled_from(["none", "duplicates"]))
    if mess == "duplicates" and rows and len(set(rows)) == len(rows):
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    return truth, draw(st.permutations(rows)), users


@given(lists())
@settings(max_examples=400)
def test_a_messy_list_comes_to_the_truth_or_is_refused(case: tuple[dict[Attendee, int], list[Listed], int]) -> None:
    """Spellings, rows told twice, people or spellings counted: never a wrong minute."""
    truth, rows, users = case
    try:
        proven = prove(users, sum(truth.values()), rows)
    except NotConserved:
        assert len(set(rows)) < len(rows)  # only what repeats may be beyond telling
        return
    assert {who: minutes for who, (_, minutes) in by_attendee(proven).items()} == truth


@given(lists(), st.data())
@settings(max_examples=400)
def test_a_list_that_lacks_somebody_is_refused_and_the_cap_is_named(
    case: tuple[dict[Attendee, int], list[Listed], int], data: st.DataObject
) -> None:
    """Whoever is missing; a cap is named where fewer rows came than people were promised."""
    truth, rows, users = case
    rows = list(dict.fromkeys(rows))
    if len(rows) < 2 or users > len(rows):
        return
    gone = data.draw(st.sampled_from(rows))
    with pytest.raises(NotConserved) as refused:
        prove(users, sum(truth.values()), [row for row in rows if row != gone])
    assert ("Sequel caps the list" in str(refused.value)) == (len(rows) - 1 < users)


@pytest.mark.parametrize(
    ("users", "minutes", "listed", "rows"),
    [
        (2, 9, [ADA, BO], [ADA, BO]),
        (2, 8, [ADA, ADA2], [ADA, ADA2]),
        (1, 8, [ADA, ADA2], [ADA, ADA2]),
        (1, 8, [ADA, ADA2, ADA], [ADA, ADA2]),
        (2, 8, [ADA, ADA2, ADA2], [ADA, ADA2]),
        (0, 0, [], []),
        (2, 8, [BO, BO], [BO, BO]),
    ],
)
def test_the_first_reading_that_meets_both_totals_is_taken(
    users: int, minutes: int, listed: list[Listed], rows: list[Listed]
) -> None:
    """As it stands, without repeats, with the spellings merged."""
    assert prove(users, minutes, listed) == rows


def test_what_does_not_fit_is_told_with_both_sums() -> None:
    """People and minutes, listed and promised; no name and no e-mail."""
    with pytest.raises(
        NotConserved, match=r"^1 people with 5 minutes listed, 3 with 9 promised: Sequel caps the list$"
    ):
        prove(3, 9, [ADA])
    with pytest.raises(NotConserved, match=r"^2 people with 9 minutes listed, 2 with 10 promised$"):
        prove(2, 10, [ADA, BO])


def test_attendees_without_an_email_are_told_apart_by_name_and_spellings_are_added_up() -> None:
    """The name is the last in order, trimmed."""
    assert by_attendee([ADA, ADA2, BO, Listed(" bo", None, 1), Listed("", " ", 2)]) == {
        Attendee("ada@x.org", ""): ("Ada", 8),
        Attendee(None, "bo"): ("bo", 5),
        Attendee(None, ""): ("", 2),
    }
