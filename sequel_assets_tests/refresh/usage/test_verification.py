"""Conservation: a messy list comes to the truth or is refused."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.usage.verification import Counted, DoesNotReconcile, ListedPeople, verify

ADA, ADA2, BO = ListedPeople("Ada", "ada@x.org", 5), ListedPeople("ADA ", " Ada@X.org", 3), ListedPeople("Bo", None, 4)
GUEST, NAMELESS = ListedPeople("Guest", None, 3), ListedPeople("", None, 3)
ZOE, ZOE2 = ListedPeople("Zo\u00eb", None, 4), ListedPeople("Zoe\u0308", None, 6)


def spelt(draw: st.DrawFn, text: str) -> str:
    """Return a spelling of an e-mail or a name."""
    spelling = draw(st.sampled_from([str, str.upper, str.title, lambda e: unicodedata.normalize("NFD", e)]))
    return draw(st.sampled_from(["", " "])) + spelling(text) + draw(st.sampled_from(["", " "]))


NAMES = ("guest", "zoë", "")
Truth = Counter[tuple[str | None, str, int]]
"""(e-mail, name where there is none, minutes) of each person."""


@st.composite
def lists(draw: st.DrawFn) -> tuple[Truth, list[ListedPeople], int]:
    """The true people, a messy list of them, and the number of users that Sequel promises with it.

    It counts rows, or e-mails once each and rows without one; or names too.
    """
    rows: list[ListedPeople] = []
    minutes = st.integers(1, 30)
    for number in range(draw(st.integers(0, 3))):
        email = f"jürgen.{number}@x.org"
        rows += [ListedPeople("J", spelt(draw, email), draw(minutes)) for _ in range(draw(st.integers(1, 2)))]
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
        rows.append(
            ListedPeople(spelt(draw, name), draw(st.sampled_from([None, "", " "])), draw(st.sampled_from([3, 3, 7])))
        )
    counts = draw(st.sampled_from(["rows", "e-mails", "names"]))
    truth: Truth = Counter()
    merged: Counter[tuple[str | None, str]] = Counter()
    for row in rows:
        email = plain(row.email or "") or None
        if email is None and counts != "names":
            truth[None, plain(row.name), row.minutes] += 1
        else:
            merged[email, "" if email else plain(row.name)] += row.minutes
    truth += Counter((*who, total) for who, total in merged.items())
    users = len(rows) if counts == "rows" else truth.total()
    if draw(st.booleans()) and rows and len(set(rows)) == len(rows):
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    return truth, draw(st.permutations(rows)), users


def plain(text: str) -> str:
    """Return what the spellings of an e-mail or a name have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text.strip()).lower())


def as_truth(people: list[Counted]) -> Truth:
    """Return what was found in the form of the truth."""
    return Counter((one.email, one.unnamed_by, one.minutes) for one in people)


@given(lists(), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_a_messy_list_comes_to_the_truth_or_is_refused(case: tuple[Truth, list[ListedPeople], int], random) -> None:
    """Spellings, rows told twice, people or rows counted, equal names: never a wrong minute, in any order of the list."""
    truth, rows, users = case
    minutes = sum(who[2] * count for who, count in truth.items())
    try:
        proven = verify(users, minutes, rows)
    except DoesNotReconcile:
        assert len(set(rows)) < len(rows)  # only what repeats may be beyond telling
        return
    if as_truth(proven) != truth:  # two readings meet both totals: then it is one with as many people as were promised
        assert len(proven) == users
        assert sum(one.minutes for one in proven) == minutes
    random.shuffle(rows)
    assert as_truth(verify(users, minutes, rows)) == as_truth(proven)


@given(lists(), st.data())
@settings(max_examples=150)
def test_a_list_that_lacks_somebody_is_refused_and_the_cap_is_named(
    case: tuple[Truth, list[ListedPeople], int], data: st.DataObject
) -> None:
    """Whoever is missing; a cap is named where fewer rows came than people were promised."""
    truth, rows, users = case
    rows = list(dict.fromkeys(rows))
    minutes = sum(who[2] * count for who, count in truth.items())
    if len(rows) < 2 or users > len(rows) or minutes != sum(row.minutes for row in rows):
        return
    gone = data.draw(st.sampled_from(rows))
    with pytest.raises(DoesNotReconcile) as refused:
        verify(users, minutes, [row for row in rows if row != gone])
    assert ("Sequel caps the list" in str(refused.value)) == (len(rows) - 1 < users)


def person(email: str | None, name: str, minutes: int, shown: str | None = None) -> Counted:
    """Return somebody counted; without an e-mail the name is who they are."""
    return Counted(email, "" if email else name.lower(), name if shown is None else shown, minutes)


ADA_IS, BO_IS = person("ada@x.org", "Ada", 5), person(None, "Bo", 4)


@pytest.mark.parametrize(
    ("users", "minutes", "listed", "people"),
    [
        (2, 9, [ADA, BO], [ADA_IS, BO_IS]),
        (2, 8, [ADA, ADA2], [person("ada@x.org", "Ada", 8)]),
        (1, 8, [ADA, ADA2], [person("ada@x.org", "Ada", 8)]),
        (1, 8, [ADA, ADA2, ADA], [person("ada@x.org", "Ada", 8)]),
        (2, 8, [ADA, ADA2, ADA2], [person("ada@x.org", "Ada", 8)]),
        (0, 0, [], []),
        # the promised number says whether equal rows are people or repeats
        (2, 8, [BO, BO], [BO_IS, BO_IS]),
        (1, 4, [BO, BO], [BO_IS]),
        (1, 8, [BO, BO], [person(None, "Bo", 8)]),
        (4, 12, [NAMELESS, GUEST, NAMELESS, GUEST], [person(None, "", 3)] * 2 + [person(None, "Guest", 3)] * 2),
        (2, 12, [NAMELESS, GUEST, NAMELESS, GUEST], [person(None, "", 6), person(None, "Guest", 6)]),
        (2, 6, [NAMELESS, GUEST, NAMELESS, GUEST], [person(None, "", 3), person(None, "Guest", 3)]),
        # one letter, written in two ways
        (1, 10, [ZOE, ZOE2], [person(None, "zo\u00eb", 10, "Zo\u00eb")]),
        (2, 10, [ZOE, ZOE2], [person(None, "zo\u00eb", 4, "Zo\u00eb"), person(None, "zo\u00eb", 6, "Zoe\u0308")]),
        (3, 16, [ZOE, ZOE2, GUEST, GUEST], [person(None, "zo\u00eb", 10, "Zo\u00eb")] + [person(None, "Guest", 3)] * 2),
        # an e-mail told twice to the letter beside two guests
        (3, 11, [ADA, GUEST, GUEST, ADA], [ADA_IS, *[person(None, "Guest", 3)] * 2]),
        # two guests, one of them told twice
        (2, 6, [GUEST, GUEST, GUEST], [person(None, "Guest", 3)] * 2),
        # spellings of an e-mail counted, those of a name not, and the other way about
        (3, 18, [ADA, ADA2, ZOE, ZOE2], [person("ada@x.org", "Ada", 8), person(None, "zo\u00eb", 4, "Zo\u00eb"), person(None, "zo\u00eb", 6, "Zoe\u0308")]),
        (2, 18, [ADA, ADA2, ZOE, ZOE2], [person("ada@x.org", "Ada", 8), person(None, "zo\u00eb", 10, "Zo\u00eb")]),
    ],
)  # fmt: skip
def test_the_first_reading_that_meets_both_totals_is_taken(
    users: int, minutes: int, listed: list[ListedPeople], people: list[Counted]
) -> None:
    """As it stands, without repeats, with the spellings merged."""
    assert Counter(verify(users, minutes, listed)) == Counter(people)
    assert Counter(verify(users, minutes, listed[::-1])) == Counter(people)


def test_what_does_not_fit_is_reported_with_both_sums() -> None:
    """People and minutes, listed and promised; no name and no e-mail."""
    with pytest.raises(
        DoesNotReconcile, match=r"^1 people with 5 minutes listed, 3 with 9 expected: Sequel caps the list$"
    ):
        verify(3, 9, [ADA])
    too_many = [ListedPeople("Ada", "ada@example.org", 7), ListedPeople("Bo", "bo@example.org", 4)]
    with pytest.raises(DoesNotReconcile, match=r"^2 people with 11 minutes listed, 2 with 10 expected$"):
        verify(2, 10, too_many)
    with pytest.raises(DoesNotReconcile, match=r"^2 people with 9 minutes listed, 2 with 10 expected$"):
        verify(2, 10, [ADA, BO])


@pytest.mark.parametrize("repeats", [2, 3, 4, 6])
def test_a_true_list_with_equal_rows_that_is_listed_several_times_has_each_of_its_people(repeats: int) -> None:
    """Each row stands there as often as all counts have in common, and only a part of that are repeats."""
    true_list = [GUEST, GUEST, GUEST, GUEST, ZOE, ZOE]
    people = [person(None, "guest", 3, "Guest")] * 4 + [person(None, "zo\u00eb", 4, "Zo\u00eb")] * 2
    assert Counter(verify(6, 20, true_list * repeats)) == Counter(people)


def test_repeats_that_may_be_of_one_or_of_another_are_refused() -> None:
    """Three people of three minutes each are promised, and either of two names may be the one that is told twice."""
    with pytest.raises(DoesNotReconcile, match="4 people with 12 minutes listed, 3 with 9 expected"):
        verify(3, 9, [GUEST, GUEST, NAMELESS, NAMELESS])


def test_a_long_list_with_many_repeats_is_answered_at_once() -> None:
    """All ways to leave repeats out are not tried."""
    rows = [ListedPeople(f"Guest {n}", None, 2**n) for n in range(18)] * 2
    with pytest.raises(DoesNotReconcile):
        verify(30, sum(row.minutes for row in rows) - 5, rows)
