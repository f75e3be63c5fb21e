"""What an answer confirms of how Sequel reads requests."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.core.api_profile import Assumption, Assumptions, SeenAnswer, confirmed_by

MONDAY, TUESDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 8)


def seen(
    kind: str = "all", first: date = MONDAY, last: date = SUNDAY, users: int = 1, minutes: int = 9, rows: int = 1
) -> SeenAnswer:
    """Return an answer to a request for one row."""
    return SeenAnswer(kind, first, last, 1, users, minutes, rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "others", "expected"),
    [
        (seen(), [], set()),
        (seen(last=MONDAY), [], {Assumption.END_DATE}),
        (seen(last=MONDAY, users=0, minutes=0, rows=0), [], set()),
        (seen(users=2), [], {Assumption.TOTALS}),
        (seen(first=TUESDAY, users=0, minutes=0, rows=0), [seen()], {Assumption.DATES}),
        (seen(first=TUESDAY, minutes=8), [seen()], set()),
        (seen("live", minutes=9), [seen()], set()),
        (seen("onDemand", minutes=0, users=0, rows=0), [seen()], {Assumption.TYPES}),
        (seen("onDemand", minutes=6), [seen("live")], set()),
        (seen("onDemand", minutes=4), [seen("live")], {Assumption.TYPES}),
    ],
)
def test_an_answer_confirms_what_the_other_reading_could_not_give(
    one: SeenAnswer, others: list[SeenAnswer], expected: set[Assumption]
) -> None:
    assert confirmed_by(one, others) == expected


@given(st.lists(st.tuples(st.sampled_from(["all", "live", "onDemand"]), st.sampled_from([MONDAY, SUNDAY]))))
def test_equal_answers_to_every_request_confirm_nothing_of_dates_and_types(requests: list[tuple[str, date]]) -> None:
    """As of a Sequel that ignores both."""
    notes = Assumptions()
    for kind, last in requests:
        notes.note("e", seen(kind, last=last))
    assert not notes.is_confirmed(Assumption.DATES)
    assert not notes.is_confirmed(Assumption.TYPES)


def test_answers_are_looked_into_once_and_not_kept_where_all_is_confirmed() -> None:
    notes = Assumptions({Assumption.END_DATE})
    notes.note("e", seen())
    assert notes.take(["e", "other"]) == {"e": [seen()]}
    assert notes.take(["e"]) == {}
    notes.confirm(*Assumption)
    notes.note("e", seen())
    assert notes.take(["e"]) == {}
