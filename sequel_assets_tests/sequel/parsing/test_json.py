"""Any bytes and any JSON are a value or are refused; ids are one segment of a path."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import Paths, SequelClient
from sequel_assets.sequel.endpoints.directory import (
    companies_from,
    events_from,
    hub_from,
    hub_participants_from,
)
from sequel_assets.sequel.endpoints.engagement import activity_page_from, concurrency_from, participants_from
from sequel_assets.sequel.endpoints.interactions import interactions_from
from sequel_assets.sequel.endpoints.named_totals import days_from, usage_from
from sequel_assets.sequel.parsing.decoding import NotJsonError, UnsafeJsonError, decoded
from sequel_assets.sequel.parsing.fields import WrongShapeError
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
