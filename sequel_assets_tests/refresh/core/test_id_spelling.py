"""Ids that differ in case or blanks alone: which is meant, which are told twice, which are one."""

from __future__ import annotations

import pytest

from sequel_assets.refresh.core.id_spelling import Spellings, same_things, spelled_twice


@pytest.mark.parametrize(
    ("known", "spelled", "found"),
    [
        (["kid"], "kid", "kid"),
        (["kid"], "KID", "kid"),
        (["kid"], " Kid\t", "kid"),
        (["kid", "KID"], "KID", "KID"),
        (["kid", "KID"], "Kid", None),
        (["kid"], "kidd", None),
        (["straße"], "STRASSE", "straße"),
        ([" kid"], "kid", " kid"),
        ([], "", None),
    ],
)
def test_an_id_is_found_exactly_else_by_the_only_one_that_differs_in_case_or_blanks(
    known: list[str], spelled: str, found: str | None
) -> None:
    """Two that both exist stay two, and who spells as neither does means neither."""
    assert Spellings(known).find(spelled) == found


def test_repeated_ids_are_those_that_are_returned_now_in_another_spelling() -> None:
    """Among themselves, or beside a known one; what is known in two spellings and not told now is nobody's business."""
    assert spelled_twice(["a", "A", "b"], ["B ", "c", "C"]) == [["A", "a"], ["B ", "b"]]
    assert spelled_twice(["a"], ["a", "b"]) == []


@pytest.mark.parametrize(
    ("told", "known", "same"),
    [
        ({"A": "A", "a": "a"}, [], {}),
        ({"A": "a", "a": "a"}, [], {"A": "a"}),
        ({"A": "a", "a": "a"}, ["A"], {"a": "A"}),
        ({"A": None, "a": "a"}, [], {"A": "a"}),
        ({"A": None, "a": "a"}, ["A"], {"a": "A"}),
        ({"A": None, "a": None}, ["a"], {}),
        ({"A": "A", "a": "a", " a": "a"}, ["a"], {" a": "a"}),
        ({"A": "A", "a": "a", " a": None}, [], {}),
        ({"A": "x", "a": "x"}, [], {"a": "A"}),
    ],
)
def test_spellings_of_one_thing_are_those_that_answer_with_one_id(
    told: dict[str, str | None], known: list[str], same: dict[str, str]
) -> None:
    """The known one is kept, else Sequel's own."""
    assert same_things([list(told)], told, known) == same
