"""What belongs to events as a whole: refused or kept right, unavailable and back, moved with its event, filled up later."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.insights.person_engagement import person_engagement
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.refresh.datasets.activity import PAGE_SIZE, fetch_activity
from sequel_assets.refresh.datasets.endpoint import EventRequest, InvalidEventData, Rows
from sequel_assets.refresh.datasets.interactions import fetch_interactions
from sequel_assets.sandbox import HUB, Attendance, Event, Fault, Faults, Person, Room
from sequel_assets.sequel import InvalidResponse, SequelClient, SequelConfig
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables import event_details as tables
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.support.harness import ADA, BO, DAYS, Platform, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import dump, person_id
from sequel_assets_tests.support.reference_details import SLICED

TALK: dict[str, Any] = {
    "polls": [{
        "pollId": "p", "question": "Why?", "options": [{"optionId": "a", "text": "So"}],
        "answers": [{"userEmail": "ada@example.org", "name": "Ada", "optionId": "a", "answeredAt": "2026-03-03T09:05:00Z"}],
    }],
    "questions": [],
    "chat": [{"messageId": "m", "userEmail": "bo@example.org", "name": "Bo", "text": "hi", "sentAt": "2026-03-03T09:01:00Z"}],
    "reactions": [{"emoji": "👏", "count": 2, "minute": 1}],
}  # fmt: skip
INTERACTIONS = tuple(name for name in SLICED if name not in ("event_activity", "replays"))


def talking(event_id: str = "e", on: int = 3, **more: Any) -> Event:
    """Return an event with a poll, a message and a registrant who never came."""
    rows = [Attendance(ADA, live=[(at(on), 30)]), Attendance(BO, live=[(at(on), 9)])]
    return event(event_id, "kid", at(on), rows, talk=TALK, absentees=[Person("Cy", "cy@example.org")], **more)


# ------------------------------------------------------------------ one answer, kept right or refused by name


@pytest.fixture
def asked() -> EventRequest:
    """Return an event to be asked."""
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


def test_rows_that_arrive_between_pages_are_all_there_once(asked: EventRequest, answering: Any) -> None:
    """A new row at the front pushes another onto the next page: it is told twice and kept once, the newest of it."""
    pages = {
        1: [entry("a"), entry("b", updatedOn="2026-03-03T10:00:00Z", comments=1)],
        2: [entry("b", updatedOn="2026-03-03 11:00:00+00:00", comments=2), entry("c", updatedOn=1772535600000)],
        3: [entry("b", updatedOn="2026-03-03T09:00:00Z", comments=9), entry("new")],
    }
    rows = activity_of(fetch_activity(answering(paged(pages, lambda page: 3 if page == 1 else 4)), asked))
    assert sorted((row["entries"], row["comments"]) for row in rows if row["comments"]) == [(1, 2)]
    assert len(rows) == 4


def test_a_total_count_that_lies_is_refused_with_both_numbers(asked: EventRequest, answering: Any) -> None:
    """After it was asked twice."""
    client = answering(paged({1: [entry("a"), entry("b")]}, lambda _: 3))
    with pytest.raises(InvalidEventData, match="lists 2 entries, and totalCount says 3, fetched twice"):
        fetch_activity(client, asked)
    with pytest.raises(InvalidEventData, match="lists 2 entries, and totalCount says 1, fetched twice"):
        fetch_activity(answering(paged({1: [entry("a"), entry("b")]}, lambda _: 1)), asked)


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


def test_an_entry_that_goes_between_two_pages_makes_it_ask_from_the_start(asked: EventRequest, answering: Any) -> None:
    """As many as there are to be were the wrong ones: who went was among them, and who slipped onto page 1 was not."""
    rows = fetch_activity(answering(changing({1: EVERYBODY, 2: EVERYBODY[1:]})), asked)
    assert {person.email for person in rows.people.values()} == {f"{uid}@example.org" for uid in EVERYBODY[1:]}
    assert rows.by_table[tables.activity_totals] == [("kid", day(3), "e", 149)]


def test_a_list_that_shrinks_each_time_is_refused_with_the_counts(asked: EventRequest, answering: Any) -> None:
    """Rather than kept wrong."""
    client = answering(changing({1: EVERYBODY, 2: EVERYBODY[1:], 4: EVERYBODY[2:]}))
    with pytest.raises(
        InvalidEventData, match="lists 148 entries, and totalCount says 148, after 149 on the page before, asked"
    ):
        fetch_activity(client, asked)


@pytest.mark.parametrize("arrived", [["new", *EVERYBODY], [*EVERYBODY, "new"]])
def test_an_entry_that_arrives_between_two_pages_is_kept(
    asked: EventRequest, answering: Any, arrived: list[str]
) -> None:
    """At either end of the list: it shows on the next page, or when it is asked from the start."""
    rows = fetch_activity(answering(changing({1: EVERYBODY, 2: arrived})), asked)
    assert {person.email for person in rows.people.values()} == {f"{uid}@example.org" for uid in arrived}


def test_a_page_that_never_ends_is_refused(
    asked: EventRequest, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page brings somebody new, and the total runs ahead."""
    monkeypatch.setattr("sequel_assets.refresh.datasets.activity.MAX_PAGES", 30)

    def endless(request: httpx.Request) -> Any:
        page = int(request.url.params["page"])
        return {"items": [entry(f"u{page}")], "totalCount": 10**6, "page": page}

    with pytest.raises(InvalidEventData, match="has no end: more than 30 pages of 100"):
        fetch_activity(answering(endless), asked)


def test_a_server_that_ignores_the_page_is_refused_soon(asked: EventRequest, answering: Any) -> None:
    """A page that brings nothing new ends the asking."""
    client = answering(paged({page: [entry("a")] for page in range(1, 99)}, lambda _: 500))
    with pytest.raises(InvalidEventData, match="lists 1 entries, and totalCount says 500"):
        fetch_activity(client, asked)
    assert client.stats.requests == 5


@pytest.mark.parametrize(
    ("time", "raw", "minutes"),
    [(90, "90", 90), ("90", "90", 90), (90.0, "90", 90), ("12m", "12m", 12), ("750s", "750s", 13), ("1.5 h", "1.5 h", 90),
     ("29 seconds", "29 seconds", 0), (None, None, None), ("", None, None), (0, "0", 0)],
)  # fmt: skip
def test_times_are_kept_as_received_and_in_minutes(
    asked: EventRequest, answering: Any, time: object, raw: str | None, minutes: int | None
) -> None:
    """A plain number is taken for minutes; with a unit it is what it says."""
    rows = activity_of(fetch_activity(answering(paged({1: [entry("a", liveTime=time)]}, lambda _: 1)), asked))
    assert [(row["live_time_raw"], row["live_minutes"]) for row in rows] == [(raw, minutes)]


@pytest.mark.parametrize("time", ["soon", "-5", -5, "12 parsecs", True, [1], "1e9"])
def test_a_time_that_is_none_is_refused_by_its_place(asked: EventRequest, answering: Any, time: object) -> None:
    """And never quoted."""
    with pytest.raises(InvalidResponse, match=r"items\[0\]\.liveTime is"):
        fetch_activity(answering(paged({1: [entry("a", liveTime=time)]}, lambda _: 1)), asked)


def test_spellings_of_a_person_are_one_and_the_nameless_stay_apart(asked: EventRequest, answering: Any) -> None:
    """Times and counts are added up, of scores the largest counts, registered is the earliest."""
    items = [
        entry("a", email="Ada@example.org ", liveTime=10, leadScore=3, registrationDate="2026-03-02T10:00:00Z"),
        entry("b", email="ada@example.org", liveTime="5m", leadScore=7, registrationDate="2026-03-01T10:00:00+01:00"),
        {"uid": "x"},
        {"uid": "y"},
    ]
    rows = fetch_activity(answering(paged({1: items}, lambda _: 4)), asked)
    found = activity_of(rows)
    ada = next(row for row in found if row["person_id"] == person_id("ada@example.org"))
    assert (ada["entries"], ada["live_minutes"], ada["live_time_raw"], ada["lead_score"]) == (2, 15, "10 + 5m", 7.0)
    assert ada["registered_at"] == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert (len(found), sum(row["entries"] for row in found), len(rows.people)) == (3, 4, 1)
    assert rows.by_table[tables.activity_totals] == [("kid", day(3), "e", 4)]


def test_odd_interactions_are_kept_right(asked: EventRequest, answering: Any) -> None:
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
    rows = fetch_interactions(answering(lambda _: body), asked).by_table
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
    asked: EventRequest, answering: Any, body: dict[str, Any], why: str
) -> None:
    """Nothing is quoted but lengths."""
    with pytest.raises(InvalidEventData, match=why):
        fetch_interactions(answering(lambda _: body), asked)


# ------------------------------------------------------------------ unavailable, and back


ENDPOINTS = {
    "activity": ("*user-activity*", ("event_activity",)),
    "polls": ("*/polls", INTERACTIONS),
    "replays": ("*availableReplays", ("replays",)),
    "registrants": ("*/registrants", ("registrants",)),
    "networking_participants": ("*participantsList", ("hub_participants",)),
    "networking": ("*/networking/hub?", ("hub_rooms",)),
}
ANOTHER_SHAPE: dict[str, Any] = {"data": []}


@pytest.mark.parametrize(
    ("engine_kind", "kind"),
    [
        *(("sqlite", kind) for kind in ("http_404", "http_403", "html_200", "not_json", "has_error", "another shape")),
        ("postgresql", "http_404"),
    ],
)
@pytest.mark.parametrize("shape", ENDPOINTS)
@pytest.mark.sampled(2)
def test_an_endpoint_that_tells_nothing_costs_its_own_datasets_alone(
    warehouse: Warehouse, kind: str, shape: str, answers: Any
) -> None:
    """No failure, no slice, a reason; everything else is the truth. When it is there again, the next refresh fills it."""
    path, gone = ENDPOINTS[shape]
    is_spoilt = kind == "another shape"
    answers(shape, lambda document: ANOTHER_SHAPE if is_spoilt else document)
    came = [Attendance(ADA, live=[(at(3), 5)])]
    hubs = [event(f"hub{n}", "kid", at(1), came, event_type=HUB, rooms=[Room("Bar", n)]) for n in (1, 2)]
    stages = [talking(hub_id="hub1"), talking("f", on=5, hub_id="hub2")]
    with platform(world_of(*hubs, *stages), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[] if is_spoilt else [(path, Fault(kind))])
        assert failures(it.refresh()) == []
        with warehouse.read() as connection:
            assert {(one.company_id, one.dataset) for one in availability.unavailable(connection)} == {
                ("kid", name) for name in gone
            }
            kept = set(connection.scalars(sa.select(refreshes.c.dataset).where(refreshes.c.company_id == "kid")))
            held = landed_days(connection, ["kid"])["kid"]
        assert not kept & set(gone)
        assert all(one.full_through is not None for one in held.values())
        it.assert_true(but=[*gone, "activity_totals", "people"])
        assert it.problems() == []
        is_spoilt = False
        it.sandbox.faults.clear()
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh()
        it.assert_true()
        with warehouse.read() as connection:
            assert availability.unavailable(connection) == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_bad_event_fails_its_own_slices_and_no_others(warehouse: Warehouse) -> None:
    """An endpoint that answers other events is there: the one that it refuses is named."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/events/f/polls", Fault("http_404"))])
        failed = [one for one in failures(it.refresh()) if one[1] in SLICED]
        assert {(one[1], one[2]) for one in failed} == {(name, day(5)) for name in INTERACTIONS}
        assert all(one[3].startswith("event f: not found (404)") for one in failed)
        it.sandbox.faults.clear()
        assert failures(it.refresh()) == []
        it.assert_true()


# ------------------------------------------------------------------ days


def test_an_event_whose_start_moved_takes_its_rows_along(warehouse: Warehouse) -> None:
    """Also where the refresh that finds it out asks another day."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse) as it:
        it.refresh()
        it.world.set_start("e", at(6), move_minutes=True)
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh([day(8)], ["kid"])
        rows = dump(warehouse)
        for name in ("event_activity", "polls", "chat_messages", "replays", "activity_totals"):
            assert {row[1] for row in rows[name] if row[2] == "e"} == {day(6)}, name


def test_a_warehouse_without_extras_gets_them_by_the_next_backfill(warehouse: Warehouse) -> None:
    """Also on days that are final, and without asking for their minutes again; the hour makes it good too."""
    with platform(world_of(talking(on=1), talking("f", on=5)), warehouse) as it:
        it.refresh()
        with warehouse.write("kid") as connection:
            for name in SLICED:
                table = tables.metadata.tables[name]
                connection.execute(table.delete())
                connection.execute(refreshes.delete().where(refreshes.c.dataset == name))
            connection.execute(tables.activity_totals.delete())
        with warehouse.read() as connection:
            whole = landed_days(connection, ["kid"])["kid"]
        settle, window = timedelta(minutes=5), timedelta(hours=48)
        assert days_to_request(DAYS, whole, it.clock(), settle=settle) == dict.fromkeys(DAYS, DayCoverage.EVENT_DETAILS)
        due = due_this_hour(whole, it.clock(), settle=settle, late_window=window)
        assert due == dict.fromkeys(DAYS[:-1], DayCoverage.EVENT_DETAILS) | {DAYS[-1]: DayCoverage.ACTIVE}
        it.sandbox.requests.clear()
        outcomes = list(it.refresher().refresh({"kid": dict.fromkeys(DAYS, DayCoverage.EVENT_DETAILS), "root": DAYS}))
        assert failures(outcomes) == []
        asked = [one.path for one in it.sandbox.requests]
        assert not [path for path in asked if "top-participants" in path]
        assert {o.verdict for o in outcomes if o.company_id == "kid" and o.dataset == "event_participants"} == {
            SliceStatus.UNCHANGED
        }
        it.assert_true()


def hour_of(it: Platform) -> dict[str, dict[date, DayCoverage]]:
    """Return what an hour's run asks for of each company."""
    settle, window = timedelta(minutes=5), timedelta(hours=48)
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid", "root"])
    return {
        company: due_once_more(slices, it.clock(), settle=settle)
        | due_this_hour(slices, it.clock(), settle=settle, late_window=window)
        for company, slices in held.items()
    }


def run_hours(it: Platform, hours: Iterable[datetime]) -> list[dict[date, DayCoverage]]:
    """Let the hourly run come at these times, and return what it asked of the company."""
    asked = []
    for now in hours:
        it.sandbox.clock.set(now)
        due = hour_of(it)
        asked.append(due["kid"])
        assert failures(it.refresher().refresh({company: days for company, days in due.items() if days})) == []
    return asked


def test_somebody_who_registers_late_to_watch_the_replay_counts_once_the_window_closes(warehouse: Warehouse) -> None:
    """Thirty days after the event, whether or not the machine was on at that hour; from their day on, and asked for once."""
    dee = Person("Dee", "dee@example.org")
    event = talking()
    with platform(world_of(event), warehouse) as it:
        it.refresh()
        event.registers(dee, at(9, 9, 50))
        event.absentees = tuple(person for person in event.absentees if person != dee)
        it.world.restate("e", [*event.rows, Attendance(dee, on_demand=[(at(9, 10), 20)])])
        first = run_hours(it, [at(9, 0, 5), at(12, 0, 5), at(31, 0, 5)])
        assert {how for due in first for how in due.values()} == {DayCoverage.ACTIVE, DayCoverage.FULL}
        assert registered(warehouse) == dict.fromkeys(days_between(day(3), day(31)), 3)
        back = datetime(2026, 4, 3, 7, 5, tzinfo=UTC)  # the window of 3 March has closed at midnight
        (due, again) = run_hours(it, [back, back + timedelta(hours=1)])
        assert due[day(3)] is DayCoverage.EVENT_DETAILS
        assert [on for on, how in due.items() if how is DayCoverage.EVENT_DETAILS] == [day(1), day(2), day(3)]
        assert list(again) == [date(2026, 4, 3)]
        assert registered(warehouse) == {on: 3 if on < day(9) else 4 for on in days_between(day(3), date(2026, 4, 2))}
        with warehouse.read() as connection:
            e = person_engagement.c
            told = connection.execute(
                sa.select(e.day, e.is_registered).where(e.person_id == person_id(dee.email or ""))
            )
            assert [tuple(row) for row in told] == [(day(9), True)]


def registered(warehouse: Warehouse) -> dict[date, int]:
    """Return how many had registered for the event by each day."""
    s = event_statistics.c
    with warehouse.read() as connection:
        return {row.day: row.registered for row in connection.execute(sa.select(s.day, s.registered))}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_held_at_the_windows_close_waits_and_what_failed_is_asked_again(warehouse: Warehouse) -> None:
    """A list that has lost most of its people is told once and left to its owner; one that did not come is due again."""
    with platform(world_of(talking(), talking("f", on=4)), warehouse, quick=True) as it:
        it.refresh()
        run_hours(it, [at(n, 0, 5) for n in range(9, 13)])
        it.sandbox.clock.set(at(3, 0, 5) + timedelta(days=31))
        due = {"kid": due_once_more_of(it)}
        assert list(due["kid"]) == [day(1), day(2), day(3)]
        it.sandbox.faults = Faults(paths=[("*/e/user-activity*", Fault("http_500"))])
        assert {one[1:3] for one in failures(it.refresher().refresh(due))} >= {("event_activity", day(3))}
        assert list(due_once_more_of(it)) == [day(3)]
        it.sandbox.faults.clear()
        it.world.restate("e", [])
        held = failures(it.refresher().refresh({"kid": due_once_more_of(it)}))
        assert {one[1:3] for one in held if one[1] in SLICED} == {("event_activity", day(3))}
        assert due_once_more_of(it) == {}


def due_once_more_of(it: Platform) -> dict[date, DayCoverage]:
    """Return what is due once more of the company."""
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid"])["kid"]
    return due_once_more(held, it.clock(), settle=timedelta(minutes=5))


def test_companies_keep_where_they_stood(warehouse: Warehouse) -> None:
    """A row when a company is first found, and one from the day on which it stands elsewhere."""
    with platform(world_of(talking()), warehouse) as it:
        it.walk()
        it.walk()
        it.sandbox.clock.advance(timedelta(days=1))
        it.world.add_company(type(it.world.root)("new", "New", "root"))
        it.world.move_company("kid", "new")
        it.walk()
        with warehouse.read() as connection:
            rows = [tuple(row) for row in connection.execute(sa.select(company_parents))]
        assert sorted(rows, key=repr) == sorted(
            [("root", day(8), None), ("kid", day(8), "root"), ("kid", day(9), "new"), ("new", day(9), "root")], key=repr
        )


# ------------------------------------------------------------------ plans and lists


def test_insights_follow_an_event_whose_plan_moved(warehouse: Warehouse) -> None:
    """A planned end that Sequel corrects later changes shares and funnels of days that are over, though no minute did."""
    planned = ("event_statistics", "person_engagement", "funnel", "event_retention", "networking")
    with platform(world_of(talking()), warehouse) as it:
        it.refresh()
        before = dump(warehouse)
        it.world.end_event("e", at(3, 9, 20))
        it.sandbox.clock.advance(timedelta(hours=1))
        it.refresh([day(8)], ["kid"])
        after = dump(warehouse)
        column = list(event_statistics.columns).index(event_statistics.c.planned_minutes)
        assert [{row[column] for row in rows["event_statistics"]} for rows in (before, after)] == [{60}, {20}]
        it.refresh()
        it.assert_true()
        assert {name: dump(warehouse)[name] for name in planned} == {name: after[name] for name in planned}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_registrants_that_could_not_be_had_are_asked_for_by_the_next_refresh(warehouse: Warehouse) -> None:
    """Whatever days it is about: the lists have none."""
    with platform(world_of(talking(), talking("f", on=5)), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/e/registrants", Fault("http_500"))])
        it.refresh()
        assert [one[1:4:2] for one in it.problems()] == [("registrants", "e")]
        it.sandbox.faults.clear()
        it.sandbox.clock.advance(timedelta(hours=1))
        it.sandbox.requests.clear()
        list(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}}))
        assert [one.path for one in it.sandbox.requests if one.path.endswith("/e/registrants")] != []
        assert it.problems() == []
