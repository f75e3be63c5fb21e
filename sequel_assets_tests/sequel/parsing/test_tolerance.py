"""The contract's last section, quirk by quirk: what is borne, and what is refused by name."""

import contextlib
import json
import math
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import Company, Event, InvalidResponse, Participant, Paths, SequelClient
from sequel_assets.sequel.endpoints.directory import (
    companies_from,
    event_from,
    events_from,
    hub_from,
    hub_participants_from,
)
from sequel_assets.sequel.endpoints.engagement import activity_page_from, concurrency_from, participants_from
from sequel_assets.sequel.endpoints.interactions import interactions_from
from sequel_assets.sequel.endpoints.named_totals import days_from, usage_from
from sequel_assets.sequel.parsing.decoding import NotJsonError, UnsafeJsonError, decoded
from sequel_assets.sequel.parsing.fields import WrongShapeError, non_negative_integer
from sequel_assets.sequel.paths import escaped
from sequel_assets_tests.sequel.conftest import Wire

PARSERS = [
    companies_from,
    events_from,
    hub_from,
    hub_participants_from,
    participants_from,
    concurrency_from,
    activity_page_from,
    usage_from,
    days_from,
    interactions_from,
]
_KEYS = st.sampled_from(
    [
        "uid",
        "name",
        "company",
        "id",
        "startDate",
        "isEventLive",
        "networkingHub",
        "numberOfUsers",
        "totalEngagedMinutes",
        "topParticipants",
        "userEmail",
        "engagedMinutes",
        "VideoViews",
        "items",
        "totalCount",
        "meta",
        "when",
        "pollId",
        "answers",
        "date",
        "days",
        "polls",
        "eventIds",
        "hasError",
        "liveEventManagement",
        "createdOn",
        "networkingHubRooms",
        "maxSlots",
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.datetimes().map(str)
ANY_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6), max_leaves=20
)


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


def test_everything_of_an_event_but_its_id_may_be_missing_or_null() -> None:
    """Company and live-event management too."""
    nulls = dict.fromkeys(("companyUid", "company", "liveEventManagement", "startDate", "networkingHub", "name"))
    assert events_from([{"uid": "a"}, {"uid": "b", **nulls}]) == [Event(uid="a"), Event(uid="b")]


def test_an_odd_event_is_kept_with_its_odd_fields_named() -> None:
    """One bad date must not hide the other events of the list."""
    raw = {
        "uid": "a",
        "startDate": "next week",
        "endDate": "0001-01-01T00:00:00+14:00",
        "isEventCancelled": "perhaps",
        "name": {"en": "x"},
        "company": {"id": "c"},
        "networkingHub": {"uid": "h"},
    }
    assert event_from(raw) == Event(
        uid="a",
        company_uid="c",
        networking_hub="h",
        bad_fields=("name", "startDate", "endDate", "isEventCancelled"),
    )


@pytest.mark.parametrize(("hub", "read"), [("", None), ("  ", None), (" h ", "h"), ({"id": "h"}, "h"), ({}, None)])
def test_the_hub_of_an_event_is_an_id_or_none(hub: object, read: str | None) -> None:
    """Trimmed; an empty text is none."""
    assert event_from({"uid": "a", "networkingHub": hub}).networking_hub == read


@pytest.mark.parametrize("told", [{}, {"networkingHubRooms": None}])
def test_rooms_that_are_not_told_are_unknown_and_an_empty_list_is_none(told: dict[str, Any]) -> None:
    """Left out or null is no number of rooms; 0 is."""
    assert hub_from({"uid": "h", **told}).rooms is None
    assert hub_from({"uid": "h", "networkingHubRooms": []}).rooms == ()


@pytest.mark.parametrize(
    ("rooms", "complaint"),
    [
        ({}, "networkingHubRooms is not a list"),
        ([None], "networkingHubRooms[0] is of the wrong kind (model_type)"),
        ([{"name": []}], "networkingHubRooms[0].name is not a text"),
        *(
            ([{}, {"maxSlots": slots}], "networkingHubRooms[1].maxSlots is not a whole number from 0 to 1000000000")
            for slots in (-1, True, "many", "", 1.5, 10**9 + 1)
        ),
    ],
)
def test_rooms_that_are_none_are_refused_by_place(rooms: object, complaint: str) -> None:
    """The complaint names the field and quotes no value."""
    with pytest.raises(WrongShapeError) as caught:
        hub_from({"uid": "h", "networkingHubRooms": rooms})
    assert str(caught.value) == complaint


def test_a_time_without_a_zone_is_utc() -> None:
    """As the contract's dates are."""
    assert event_from({"uid": "a", "startDate": "2026-02-02T10:00:00.5"}).starts_at == datetime(
        2026, 2, 2, 10, 0, 0, 500_000, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("told", "time"),
    [
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2099-12-31T23:59:59.9999999Z", datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2000-01-01T02:00:00+02:00", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2000-01-01T00:00:00+00:01", None),
        ("1999-12-31T23:59:59Z", None),
        ("2100-01-01", None),
        ("2099-12-31T23:00:00-05:00", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1970-01-01T00:00:00Z", None),
        ("1899-12-30", None),
    ],
)
def test_a_time_outside_the_calendar_is_unknown_and_named(told: str, time: datetime | None) -> None:
    """Of an event, and of a person's activity, whose other fields and neighbours stay what they are."""
    event = event_from({"uid": "a", "startDate": told})
    assert (event.starts_at, event.bad_fields) == (time, () if time else ("startDate",))
    items = [{"uid": "u", "registrationDate": told, "comments": 2}, {"uid": "v"}]
    one, other = activity_page_from({"items": items, "totalCount": 2}).items
    assert (one.registration_date, one.outside) == (time, () if time else ("registrationDate",))
    assert (one.comments, other.outside) == (2, ())


@pytest.mark.parametrize(
    ("told", "time"),
    [
        (946684800, datetime(2000, 1, 1, tzinfo=UTC)),
        ("946684799", None),
        (4102444799, datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (4102444800, None),
        (9999999999, None),
        (4102444800000, None),
        (9999999999999, None),
        (946684800000.0, datetime(2000, 1, 1, tzinfo=UTC)),
        (0, None),
        (-62135596800, None),
        ("-62135596800000", None),
        (253402300799, None),
        (253402300799999, None),
        (10**19, None),
        (1772535600.5, None),
        (20260303, datetime(2026, 3, 3, tzinfo=UTC)),
    ],
)
def test_a_number_that_is_a_time_outside_the_calendar_is_unknown_and_named(told: object, time: datetime | None) -> None:
    """Seconds and milliseconds since 1970."""
    chat = [{"messageId": "m", "text": "hi", "sentAt": told}]
    (message,) = interactions_from({"chat": chat}).chat or ()
    assert (message.sent_at, message.outside) == (time, () if time else ("sentAt",))


def test_an_odd_company_is_kept_with_its_odd_fields_named() -> None:
    """One bad field must not hide the other companies of the list."""
    odd = {"uid": "a", "name": {"en": "x"}, "parentCompanyId": [], "eventIds": ["e", None, 7, {}]}
    assert companies_from([odd, {"uid": "b", "eventIds": "e"}, {"uid": "c", "eventIds": []}, {"uid": "d"}]) == [
        Company(uid="a", event_ids=("e", "7"), bad_fields=("eventIds", "name", "parentCompanyId")),
        Company(uid="b", event_ids=None, bad_fields=("eventIds",)),
        Company(uid="c", event_ids=()),
        Company(uid="d", event_ids=None),
    ]


@pytest.mark.parametrize("nobody", [{}, {"uid": None}, {"uid": " "}, {"uid": []}])
def test_a_list_item_without_an_id_is_named_and_never_dropped(nobody: dict[str, Any]) -> None:
    """A silently shorter list would look like a vanished event."""
    with pytest.raises(WrongShapeError, match=r"^events\[1\]\.uid is "):
        events_from([{"uid": "a"}, nobody])


def test_concurrency_without_its_list_is_refused() -> None:
    """An empty object is not an empty list; null is."""
    with pytest.raises(WrongShapeError, match="VideoViews is missing"):
        concurrency_from({})
    with pytest.raises(WrongShapeError, match=r"VideoViews\[0\]"):
        concurrency_from({"VideoViews": [[1, 2, 3]]})
    assert concurrency_from({"VideoViews": None}) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"a": 1, "a": 2}', "a repeated key"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "a number of too many digits"),
        (b"[1e999]", "a number too large"),
        (b"[NaN]", "NaN, which is no JSON"),
    ],
)
def test_monstrous_json_is_refused(body: bytes, complaint: str) -> None:
    """Never a crash, never the last of two values."""
    with pytest.raises(UnsafeJsonError) as caught:
        decoded(body)
    assert (str(caught.value), caught.value.__context__, caught.value.__cause__) == (complaint, None, None)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b" ", "an empty body instead of JSON"),
        (b"<html>", "HTML instead of JSON"),
        (b'{"a": ', "no JSON, or a part of it"),
        (b"\xff\xfe", "no JSON, or a part of it"),
        (b'["\x00"]', "no JSON, or a part of it"),
    ],
)
def test_what_is_no_json_is_told_without_quoting_it(body: bytes, complaint: str) -> None:
    """Not even its parser's exception is chained: that one holds the whole body."""
    with pytest.raises(NotJsonError) as caught:
        decoded(body)
    assert (str(caught.value), caught.value.__context__, caught.value.__cause__) == (complaint, None, None)


def test_characters_that_no_database_stores_are_replaced() -> None:
    """NUL and halves of surrogate pairs; whole pairs stay what they are."""
    body = rb'{"a\u0000": ["x\u0000y", "\ud83d\ude00", "\uD800!"], "b": {"c": "\udfff"}}'
    assert decoded(body) == {"a\ufffd": ["x\ufffdy", "😀", "\ufffd!"], "b": {"c": "\ufffd"}}


@given(ANY_JSON)
def test_any_json_is_a_model_or_is_refused(value: object) -> None:
    """The parsers raise nothing else, whatever comes."""
    body = json.dumps(value).encode()
    try:
        value = decoded(body)
    except UnsafeJsonError:
        return
    for parse in PARSERS:
        try:
            parse(value)
        except WrongShapeError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_are_refused(body: bytes) -> None:
    """Nothing crashes the decoder."""
    with contextlib.suppress(NotJsonError, UnsafeJsonError):
        decoded(body)


@given(st.text(min_size=1, max_size=20))
def test_an_id_is_always_one_segment_of_plain_ascii(an_id: str) -> None:
    """Ids are of any characters."""
    segment = escaped(an_id)
    assert segment.isascii()
    assert not set(segment) & set("/?#|+ \\")
    assert segment not in {".", ".."}


def test_an_empty_id_is_a_mistake_of_the_caller(client: SequelClient) -> None:
    """It would ask for the list instead of the item."""
    with pytest.raises(ValueError, match="an id must not be empty"):
        client.event("")


def test_a_path_that_has_no_place_for_its_id_is_refused(wire: Wire) -> None:
    """Else every event would get the answer of one."""
    with wire.client(paths=Paths(event="/event")) as client, pytest.raises(ValueError, match="no place"):
        client.event("e")


def test_a_wrong_shape_is_an_invalid_answer_with_path_and_attempts(wire: Wire, client: SequelClient) -> None:
    """Asked once more, since it may have been an accident; then told."""
    wire.replies = [httpx.Response(200, json=[{"uid": "a"}, {"name": "Ann"}])]
    with pytest.raises(InvalidResponse) as caught:
        client.events("c/1")
    assert str(caught.value) == (
        "an answer that makes no sense: events[1].uid is missing (/api/v1/company/c%2F1/events), tried 2 times"
    )
    assert (caught.value.attempts, caught.value.is_retryable, caught.value.fault) == (2, True, "wrong shape")
