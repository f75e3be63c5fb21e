"""Minutes, people, concurrency and activity as the sandbox counts them."""

import pytest

from sequel_assets.sandbox import Attendance, Company, Event, World, WorldSpec, build_world
from sequel_assets_tests.sandbox.api.refusals import TEXT_404, refused
from sequel_assets_tests.sandbox.conftest import ADA, BO, NOW, at


def test_participants_are_listed_by_minutes_with_totals_of_everybody(client):
    """The default limit is 10; a missing e-mail is missing; a minute that was both counts once."""
    assert client.participants("e1", startDate="2026-03-02", endDate="2026-03-02", limit="2").json() == {
        "eventName": "Launch",
        "eventId": "e1",
        "eventType": "virtualStageEvent",
        "company": "Kid ",
        "companyId": "kid",
        "startDate": "2026-03-02",
        "endDate": "2026-03-02",
        "limit": 2,
        "numberOfUsers": 4,
        "totalEngagedMinutes": 33,
        "averageEngagedMinutesByUser": 8.25,
        "topParticipants": [
            {"name": "Ada", "userEmail": "ada@x.org", "engagedMinutes": 15},
            {"name": "Bo", "userEmail": "bo+team@x.org", "engagedMinutes": 8},
        ],
    }
    whole = client.participants("e1").json()
    assert (whole["limit"], whole["startDate"], whole["endDate"], len(whole["topParticipants"])) == (
        10,
        None,
        "2026-03-02",
        4,
    )
    assert whole["topParticipants"][-2:] == [
        {"name": "Ada ", "userEmail": " ADA@x.org", "engagedMinutes": 5},
        {"name": "Guest", "engagedMinutes": 5},
    ]


@pytest.mark.parametrize(
    ("query", "users", "minutes"),
    [
        ({}, 4, 43),
        ({"engagementType": "live"}, 3, 33),
        ({"engagementType": "onDemand"}, 2, 15),
        ({"endDate": "2026-03-01"}, 1, 10),
        ({"startDate": "2026-03-02", "engagementType": "live"}, 3, 23),
        ({"startDate": "2026-03-03"}, 0, 0),
    ],
)
def test_totals_are_of_the_range_and_engagement_type_asked_for(client, query, users, minutes):
    """Both ends included, UTC, left out: unbounded."""
    totals = client.participants("e1", limit="1", **query).json()
    assert (totals["numberOfUsers"], totals["totalEngagedMinutes"]) == (users, minutes)


def test_users_are_spellings_or_people(serve, connect):
    """Ada stands twice in the list either way."""
    for count_by, users in (("spelling", 4), ("person", 3)):
        totals = connect(serve(count_by=count_by)).participants("e1").json()
        assert (totals["numberOfUsers"], len(totals["topParticipants"])) == (users, 4)


@pytest.mark.parametrize(
    "query",
    [
        {"startDate": "2026-13-01"},
        {"endDate": "2026-03-01T00:00:00Z"},
        {"startDate": ""},
        {"engagementType": "both"},
        {"eventType": "party"},
        {"limit": "0"},
        {"limit": "many"},
    ],
)
def test_what_cannot_be_asked_is_a_400_with_an_empty_object(client, query):
    """As documented."""
    answer = client.participants("e1", **query)
    assert (answer.status_code, answer.text) == (400, "{}")


def test_an_unknown_event_is_a_404_as_text_everywhere(client):
    """On the API and on the analytics."""
    answers = [
        client.api("event", "x"),
        client.api("event", "x", "registrants"),
        client.api("event", "x", "availableReplays"),
        client.participants("x"),
        client.analytics("getVideoWatchOverTime", "x"),
        client.analytics("events", "x", "polls"),
        client.http.post("/api/analytics/events/x/user-activity"),
    ]
    assert [refused(answer) for answer in answers] == [TEXT_404] * len(answers)


def test_concurrency_counts_live_minutes_from_the_start(client):
    """Ada for 20 minutes, Bo from the tenth on for eight, Ada again from the thirtieth; replays do not count."""
    views = client.analytics("getVideoWatchOverTime", "e1").json()
    one, two = [[minute, 1] for minute in range(10)], [[minute, 2] for minute in range(10, 18)]
    again = [[18, 1], [19, 1], *([minute, 1] for minute in range(30, 35))]
    assert views == {"VideoViews": one + two + again}
    assert client.analytics("getVideoWatchOverTime", "e2").json() == {"VideoViews": []}


def test_nothing_after_the_last_top_of_the_hour_is_seen(client):
    """At 14:20 the minutes up to 14:00; at 15:00 those up to 15:00. The event itself is there at once."""
    world, clock = client.sandbox.world, client.sandbox.clock
    world.add_event(
        Event("new", "kid", "New", at(2, 13, 58), at(2, 14, 30), attendance=[Attendance(BO, [(at(2, 13, 58), 20)])])
    )
    assert client.api("event", "new").json()["isEventLive"] is True
    assert client.participants("new").json()["totalEngagedMinutes"] == 2
    assert client.analytics("getVideoWatchOverTime", "new").json() == {"VideoViews": [[0, 1], [1, 1]]}
    clock.set(at(2, 14, 59))
    assert client.participants("new").json()["totalEngagedMinutes"] == 2
    clock.advance(minutes=1)
    assert client.participants("new").json()["totalEngagedMinutes"] == 20


def test_user_activity_comes_in_pages_from_one(client):
    """Those who came and those who only registered, each once over all pages."""

    def page(**query: str) -> dict:
        return client.http.post("/api/analytics/events/e1/user-activity", params=query).json()

    whole = page()
    assert (whole["totalCount"], whole["page"], whole["size"], len(whole["items"])) == (5, 1, 100, 5)
    pages = [page(count="2", page=str(number)) for number in (1, 2, 3, 4)]
    assert [item for part in pages for item in part["items"]] == whole["items"]
    shown = [(i["email"], i["liveTime"], i["onDemandTime"], i["attended"], i["viewedReplay"]) for i in whole["items"]]
    assert shown == [
        ("ada@x.org", 20, 10, True, True),
        (" ADA@x.org", 5, 0, True, False),
        ("bo+team@x.org", 8, 0, True, False),
        (None, 0, 5, False, True),
        ("cy@x.org", 0, 0, False, False),
    ]
    assert whole["items"][0]["userId"].endswith("|||e1")
    assert {item["eventId"] for item in whole["items"]} == {"e1"}
    assert client.http.post("/api/analytics/events/e1/user-activity?page=0").status_code == 400


def test_usage_of_a_company_is_its_own_with_people_counted_once(client):
    """Lifetime, in a range, and by day; a hub's minutes are live."""
    usage = client.analytics("user-engagement", "companies", "kid", "lifetime-usage").json()
    assert usage == {
        "company": "Kid ",
        "companyId": "kid",
        "eventType": None,
        "engagementType": "all",
        "liveMinutes": 45,
        "onDemandMinutes": 15,
        "totalMinutes": 55,
        "numberOfEvents": 2,
        "numberOfUsers": 3,
    }
    ranged = client.analytics(
        "user-engagement", "companies", "kid", "usage", startDate="2026-03-02", eventType="networkingHub"
    )
    assert ranged.json() == {
        **usage,
        "eventType": "networkingHub",
        "liveMinutes": 12,
        "onDemandMinutes": 0,
        "totalMinutes": 12,
        "numberOfEvents": 1,
        "numberOfUsers": 1,
        "startDate": "2026-03-02",
        "endDate": None,
    }
    days = client.analytics("user-engagement", "companies", "kid", "usage-by-day").json()["days"]
    assert [tuple(day.values()) for day in days] == [("2026-03-01", 10, 0, 10, 0, 1), ("2026-03-02", 33, 12, 35, 15, 3)]
    empty = client.analytics("user-engagement", "companies", "root", "lifetime-usage").json()
    assert (empty["totalMinutes"], empty["numberOfEvents"], empty["numberOfUsers"]) == (0, 0, 0)


def test_calls_that_are_only_named_can_be_switched_off(serve, connect):
    """A client must be right without them."""
    client = connect(serve(named_endpoints=False))
    for path in ("companies/kid/lifetime-usage", "companies/kid/usage", "companies/kid/usage-by-day"):
        assert client.http.get(f"/api/analytics/user-engagement/{path}").status_code == 404
    assert client.http.get("/api/analytics/events/e1/polls").status_code == 404


def test_what_was_said_appears_with_the_hour(serve, connect):
    """Polls, questions, chat and reactions of a generated event; a hand-made one is silent."""
    world = build_world(WorldSpec(people=30))
    client = connect(serve(world))
    event = max(world.events, key=lambda e: len(e.rows) if e.talk and e.ends_at < world.now.replace(minute=0) else 0)
    said = client.analytics("events", event.id, "polls").json()
    assert set(said) == {"eventId", "polls", "questions", "chat", "reactions"}
    assert (len(said["polls"][0]["answers"]) > 0, len(said["chat"]) > 0, len(said["reactions"])) == (True, True, 4)
    client.sandbox.clock.set(event.starts_at)
    early = client.analytics("events", event.id, "polls").json()
    assert (early["polls"][0]["answers"], early["questions"], early["chat"], early["reactions"]) == ([], [], [], [])
    assert connect(serve()).analytics("events", "e1", "polls").json()["polls"] == []


@pytest.mark.parametrize(
    "odd", ["a/b", "100%25", "50%", "sp ace", "Ümläut", "a|b", "a+b", "q?x", "h#x", "a%2Fb", "a;b&c=d", "日本"]
)
def test_ids_of_any_characters_are_found_when_escaped_once(serve, connect, odd):
    """Decoded once, and never split at an escaped slash."""
    rows = [Attendance(ADA, [(at(1, 9), 7)])]
    world = World([Company(odd, "C")], [Event(odd, odd, "E", at(1, 9), at(1, 10), attendance=rows)], now=NOW)
    client = connect(serve(world))
    assert client.api("company", odd).json()["uid"] == odd
    assert [event["uid"] for event in client.api("company", odd, "events").json()] == [odd]
    assert client.participants(odd).json()["totalEngagedMinutes"] == 7
