"""One response about an event: kept right, or refused by name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sequel_assets.refresh.datasets.activity import PAGE_SIZE, fetch_activity
from sequel_assets.refresh.datasets.endpoint import EventRequest, InvalidEventData, Rows
from sequel_assets.refresh.datasets.interactions import fetch_interactions
from sequel_assets.sequel import InvalidResponse, SequelClient, SequelConfig
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables import event_details as tables
from sequel_assets_tests.support.harness import at, day
from sequel_assets_tests.support.reference import person_id


@pytest.fixture
def event_request() -> EventRequest:
    """Return a request for an event's details."""
    known = KnownEvent("e", "virtualStageEvent", "E", at(3), at(4), None, False, None, None, None, None, None)
    return EventRequest("kid", known, day(3), "the key of the tests, 32 characters")


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[httpx.Request], Any]], SequelClient]]:
    """Return a maker of clients that are answered by a function at the wire."""
    made: list[SequelClient] = []

    def make(answer: Callable[[httpx.Request], Any]) -> SequelClient:
        def handle(request: httpx.Request) -> httpx.Response:
            if "token" in request.url.path:
                return httpx.Response(200, json={"access_token": "t"})
            told = answer(request)
            return httpx.Response(200, content=json.dumps(told).encode())

        config = SequelConfig(
            api_url="https://a.test", analytics_url="https://b.test", client_id="i", client_secret="s"
        )
        made.append(SequelClient(config, transport=httpx.MockTransport(handle), sleep=lambda _: None))
        return made[-1]

    yield make
    for client in made:
        client.close()


def entry(uid: str, **more: Any) -> dict[str, Any]:
    """Return an entry of user activity."""
    return {"uid": uid, "email": f"{uid}@example.org", "name": uid, **more}


def activity_of(rows: Rows) -> list[dict[str, Any]]:
    """Return the rows of activity by column."""
    names = tables.event_activity.columns.keys()
    return [dict(zip(names, row, strict=True)) for row in rows.by_table.get(tables.event_activity, [])]


def paged(pages: dict[int, list[dict[str, Any]]], total: Callable[[int], int]) -> Callable[[httpx.Request], Any]:
    """Answer pages; `total` of a page is its totalCount."""

    def answer(request: httpx.Request) -> Any:
        page = int(request.url.params["page"])
        return {"items": pages.get(page, []), "totalCount": total(page), "page": page, "size": PAGE_SIZE}

    return answer


def test_rows_that_arrive_between_pages_are_all_there_once(event_request: EventRequest, answering: Any) -> None:
    """A new row at the front pushes another onto the next page: it is told twice and kept once, the newest of it."""
    pages = {
        1: [entry("a"), entry("b", updatedOn="2026-03-03T10:00:00Z", comments=1)],
        2: [entry("b", updatedOn="2026-03-03 11:00:00+00:00", comments=2), entry("c", updatedOn=1772535600000)],
        3: [entry("b", updatedOn="2026-03-03T09:00:00Z", comments=9), entry("new")],
    }
    rows = activity_of(fetch_activity(answering(paged(pages, lambda page: 3 if page == 1 else 4)), event_request))
    assert sorted((row["entries"], row["comments"]) for row in rows if row["comments"]) == [(1, 2)]
    assert len(rows) == 4


def test_a_total_count_that_lies_is_refused_with_both_numbers(event_request: EventRequest, answering: Any) -> None:
    """After it was requested twice."""
    client = answering(paged({1: [entry("a"), entry("b")]}, lambda _: 3))
    with pytest.raises(InvalidEventData, match="lists 2 entries, and totalCount says 3, fetched twice"):
        fetch_activity(client, event_request)
    with pytest.raises(InvalidEventData, match="lists 2 entries, and totalCount says 1, fetched twice"):
        fetch_activity(answering(paged({1: [entry("a"), entry("b")]}, lambda _: 1)), event_request)


def changing(lists: dict[int, list[str]]) -> Callable[[httpx.Request], Any]:
    """Answer pages of a list that changes: `lists` says what it is from the n-th request on, counted from 1."""
    requests = itertools.count(1)

    def answer(request: httpx.Request) -> Any:
        number, page = next(requests), int(request.url.params["page"])
        there = lists[max(first for first in lists if first <= number)]
        items = [entry(uid) for uid in there[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        return {"items": items, "totalCount": len(there), "page": page, "size": PAGE_SIZE}

    return answer


EVERYBODY = [f"u{number:03}" for number in range(150)]


def test_an_entry_that_goes_between_two_pages_makes_it_ask_from_the_start(
    event_request: EventRequest, answering: Any
) -> None:
    """As many as there are to be were the wrong ones: who went was among them, and who slipped onto page 1 was not."""
    rows = fetch_activity(answering(changing({1: EVERYBODY, 2: EVERYBODY[1:]})), event_request)
    assert {person.email for person in rows.people.values()} == {f"{uid}@example.org" for uid in EVERYBODY[1:]}
    assert rows.by_table[tables.activity_totals] == [("kid", day(3), "e", 149)]


def test_a_list_that_shrinks_each_time_is_refused_with_the_counts(event_request: EventRequest, answering: Any) -> None:
    """Rather than kept wrong."""
    client = answering(changing({1: EVERYBODY, 2: EVERYBODY[1:], 4: EVERYBODY[2:]}))
    with pytest.raises(
        InvalidEventData,
        match="lists 148 entries, and totalCount says 148, after 149 on the page before, fetched twice",
    ):
        fetch_activity(client, event_request)


@pytest.mark.parametrize("arrived", [["new", *EVERYBODY], [*EVERYBODY, "new"]])
def test_an_entry_that_arrives_between_two_pages_is_kept(
    event_request: EventRequest, answering: Any, arrived: list[str]
) -> None:
    """At either end of the list: it shows on the next page, or when it is requested from the start."""
    rows = fetch_activity(answering(changing({1: EVERYBODY, 2: arrived})), event_request)
    assert {person.email for person in rows.people.values()} == {f"{uid}@example.org" for uid in arrived}


def test_a_page_that_never_ends_is_refused(
    event_request: EventRequest, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page brings somebody new, and the total runs ahead."""
    monkeypatch.setattr("sequel_assets.refresh.datasets.activity.MAX_PAGES", 30)

    def endless(request: httpx.Request) -> Any:
        page = int(request.url.params["page"])
        return {"items": [entry(f"u{page}")], "totalCount": 10**6, "page": page}

    with pytest.raises(InvalidEventData, match="has no end: more than 30 pages of 100"):
        fetch_activity(answering(endless), event_request)


def test_a_server_that_ignores_the_page_is_refused_soon(event_request: EventRequest, answering: Any) -> None:
    """A page that brings nothing new ends the asking."""
    client = answering(paged({page: [entry("a")] for page in range(1, 99)}, lambda _: 500))
    with pytest.raises(InvalidEventData, match="lists 1 entries, and totalCount says 500"):
        fetch_activity(client, event_request)
    assert client.stats.requests == 5


@pytest.mark.parametrize(
    ("time", "raw", "minutes"),
    [(90, "90", 90), ("90", "90", 90), (90.0, "90", 90), ("12m", "12m", 12), ("750s", "750s", 13), ("1.5 h", "1.5 h", 90),
     ("29 seconds", "29 seconds", 0), (None, None, None), ("", None, None), (0, "0", 0)],
)  # fmt: skip
def test_times_are_kept_as_received_and_in_minutes(
    event_request: EventRequest, answering: Any, time: object, raw: str | None, minutes: int | None
) -> None:
    """A plain number is taken for minutes; with a unit it is what it says."""
    rows = activity_of(fetch_activity(answering(paged({1: [entry("a", liveTime=time)]}, lambda _: 1)), event_request))
    assert [(row["live_time_raw"], row["live_minutes"]) for row in rows] == [(raw, minutes)]


@pytest.mark.parametrize("time", ["soon", "-5", -5, "12 parsecs", True, [1], "1e9"])
def test_a_time_that_is_none_is_refused_by_its_place(event_request: EventRequest, answering: Any, time: object) -> None:
    """And never quoted."""
    with pytest.raises(InvalidResponse, match=r"items\[0\]\.liveTime is"):
        fetch_activity(answering(paged({1: [entry("a", liveTime=time)]}, lambda _: 1)), event_request)


def test_spellings_of_a_person_are_one_and_the_nameless_stay_apart(event_request: EventRequest, answering: Any) -> None:
    """Times and counts are added up, of scores the largest counts, registered is the earliest."""
    items = [
        entry("a", email="Ada@example.org ", liveTime=10, leadScore=3, registrationDate="2026-03-02T10:00:00Z"),
        entry("b", email="ada@example.org", liveTime="5m", leadScore=7, registrationDate="2026-03-01T10:00:00+01:00"),
        {"uid": "x"},
        {"uid": "y"},
    ]
    rows = fetch_activity(answering(paged({1: items}, lambda _: 4)), event_request)
    found = activity_of(rows)
    ada = next(row for row in found if row["person_id"] == person_id("ada@example.org"))
    assert (ada["entries"], ada["live_minutes"], ada["live_time_raw"], ada["lead_score"]) == (2, 15, "10 + 5m", 7.0)
    assert ada["registered_at"] == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert (len(found), sum(row["entries"] for row in found), len(rows.people)) == (3, 4, 1)
    assert rows.by_table[tables.activity_totals] == [("kid", day(3), "e", 4)]


def test_odd_interactions_are_kept_right(event_request: EventRequest, answering: Any) -> None:
    """An answer to no option, a message of nobody, 1 MB of text, eleven code points, NUL and halves of surrogates."""
    emoji = "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿\ufe0f"
    assert len(emoji) == 11
    text = "x" * 1_000_000
    body = {
        "polls": [{"pollId": 7, "options": [{"optionId": "a", "text": "A"}],
                   "answers": [{"optionId": "gone", "answeredAt": "2026-03-03T09:00:00"}, {"optionId": "a"}]}],
        "chat": [{"messageId": "late", "text": text, "sentAt": "2026-03-03T10:00:00Z"},
                 {"messageId": "early", "text": "a\u0000b\ud800", "sentAt": 1772528400},
                 {"messageId": "early", "text": "a\u0000b\ud800", "sentAt": 1772528400}],
        "reactions": [{"emoji": emoji, "count": "2", "minute": 4}, {"emoji": emoji, "count": 1, "minute": 4},
                      {"emoji": emoji, "count": 5}],
    }  # fmt: skip
    rows = fetch_interactions(answering(lambda _: body), event_request).by_table
    start = ("kid", day(3), "e")
    assert rows[tables.poll_answers] == [
        (*start, "7", 1, None, "", False, at(3), "gone"),
        (*start, "7", 2, None, "a", True, None, None),
    ]
    assert rows[tables.chat_messages] == [
        (*start, "early", 1, None, "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}", at(3)),
        (*start, "late", 2, None, text, at(3, 10)),
    ]
    assert rows[tables.reactions] == [(*start, emoji, 4, 3), (*start, emoji, -1, 5)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"chat": [{"messageId": "m", "text": "a"}, {"messageId": "m", "text": "b"}]}, "a message stands twice"),
        ({"polls": [{"pollId": "p", "question": "a"}, {"pollId": "p", "question": "b"}]}, "a poll stands twice"),
        ({"reactions": [{"emoji": "x" * 201, "count": 1}]}, "an emoji of 201 characters"),
        ({"questions": [{"questionId": "q" * 5000}]}, "a question's id of 5000 characters"),
    ],
)
def test_what_contradicts_itself_or_is_no_key_is_refused_by_name(
    event_request: EventRequest, answering: Any, body: dict[str, Any], why: str
) -> None:
    """Nothing is quoted but lengths."""
    with pytest.raises(InvalidEventData, match=why):
        fetch_interactions(answering(lambda _: body), event_request)
