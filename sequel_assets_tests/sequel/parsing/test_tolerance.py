"""The contract's last section, quirk by quirk: what is borne, and what is refused by name."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sequel_assets.sequel import Company, Event, InvalidResponse, SequelClient
from sequel_assets.sequel.endpoints.directory import (
    companies_from,
    event_from,
    events_from,
    hub_from,
)
from sequel_assets.sequel.endpoints.engagement import activity_page_from, concurrency_from
from sequel_assets.sequel.endpoints.interactions import interactions_from
from sequel_assets.sequel.parsing.fields import WrongShapeError
from sequel_assets_tests.sequel.conftest import Wire


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


def test_a_wrong_shape_is_an_invalid_answer_with_path_and_attempts(wire: Wire, client: SequelClient) -> None:
    """Asked once more, since it may have been an accident; then told."""
    wire.replies = [httpx.Response(200, json=[{"uid": "a"}, {"name": "Ann"}])]
    with pytest.raises(InvalidResponse) as caught:
        client.events("c/1")
    assert str(caught.value) == (
        "an answer that makes no sense: events[1].uid is missing (/api/v1/company/c%2F1/events), tried 2 times"
    )
    assert (caught.value.attempts, caught.value.is_retryable, caught.value.fault) == (2, True, "wrong shape")
