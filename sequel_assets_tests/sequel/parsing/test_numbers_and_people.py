"""Numbers of minutes, names and e-mails: which spellings are believed."""

import math

import pytest

from sequel_assets.sequel import Participant
from sequel_assets.sequel.endpoints.engagement import participants_from
from sequel_assets.sequel.parsing.fields import WrongShapeError, non_negative_integer


@pytest.mark.parametrize("value", [12, "12", 12.0, "12.0", " 12 ", "0012.000"])
def test_a_whole_number_may_be_told_in_many_ways(value: object) -> None:
    """Numbers as strings, averages as floats."""
    assert non_negative_integer(value) == 12


@pytest.mark.parametrize(
    "value",
    [
        12.5,
        "12.5",
        -1,
        "-1",
        math.nan,
        math.inf,
        True,
        False,
        10**9 + 1,
        1e300,
        None,
        "",
        "x",
        "1e3",
        "١٢",
        [],
        {},
        "+1",
    ],
)
def test_no_other_number_of_minutes_is_believed(value: object) -> None:
    """Rather no number than a wrong one."""
    with pytest.raises(WrongShapeError):
        non_negative_integer(value)


def test_names_and_emails_of_participants_come_to_the_letter() -> None:
    """Rows that repeat another to the letter, and spellings of one e-mail, must stay recognisable."""
    row = {"name": " Ann ", "userEmail": " Ann@X.y ", "engagedMinutes": "3"}
    answer = participants_from({"numberOfUsers": 1, "totalEngagedMinutes": 6, "topParticipants": [row, row, {**row}]})
    assert answer.participants == [Participant(name=" Ann ", email=" Ann@X.y ", engaged_minutes=3)] * 3


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n", "\u00a0"])
def test_a_blank_email_is_none(blank: object) -> None:
    """A participant without an e-mail is a person too."""
    row = {"userEmail": blank, "engagedMinutes": 1}
    answer = participants_from({"numberOfUsers": 1, "totalEngagedMinutes": 1, "topParticipants": [row]})
    assert answer.participants == [Participant(name="", email=None, engaged_minutes=1)]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({}, "numberOfUsers is missing"),
        ([], "the answer is not an object"),
        ({"numberOfUsers": 1}, "totalEngagedMinutes is missing"),
        ({"numberOfUsers": 1, "totalEngagedMinutes": 1}, "topParticipants is missing"),
        ({"numberOfUsers": 1, "totalEngagedMinutes": 1, "topParticipants": {}}, "topParticipants is not a list"),
        (
            {"numberOfUsers": 1, "totalEngagedMinutes": 1, "topParticipants": [{"engagedMinutes": 1}, {"name": "Ann"}]},
            "topParticipants[1].engagedMinutes is missing",
        ),
        (
            {"numberOfUsers": 1, "totalEngagedMinutes": 1, "topParticipants": [{"engagedMinutes": 1.5}]},
            "topParticipants[0].engagedMinutes is not a whole number from 0 to 1000000000",
        ),
        (
            {"numberOfUsers": 1, "totalEngagedMinutes": 1, "topParticipants": [None]},
            "topParticipants[0] is of the wrong kind (model_type)",
        ),
    ],
)
def test_participants_that_prove_nothing_are_refused_by_place(answer: object, complaint: str) -> None:
    """The complaint names the field and quotes no value."""
    with pytest.raises(WrongShapeError) as caught:
        participants_from(answer)
    assert str(caught.value) == complaint
