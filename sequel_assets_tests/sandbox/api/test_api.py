"""Every endpoint's shape and rules, over a real socket."""

import httpx
import pytest

from sequel_assets.sandbox import Attendance, Clock, Company, Event, Person, World, WorldSpec, build_world
from sequel_assets_tests.sandbox.conftest import ADA, BO, NOW, at, small_world

TEXT_404 = (404, "text/plain; charset=utf-8", "Event not found")


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.headers["content-type"], answer.text


def test_a_company_says_its_parent_and_its_own_events(client):
    """Without those of its children, and without hubs."""
    assert client.api("company", "kid").json() == {
        "uid": "kid",
        "name": "Kid ",
        "logo": None,
        "parentCompanyId": "root",
        "eventIds": ["e1"],
        "metadata": {},
    }


def test_a_company_that_is_not_there_is_a_404_as_json(client):
    """The documented error."""
    answer = client.api("company", "nobody")
    assert (answer.status_code, answer.json()) == (404, {"hasError": True, "errorMessage": "Company not found"})


def test_a_list_has_the_companies_directly_beneath_and_needs_a_licence(client):
    """403 when the parent's licence is invalid."""
    assert [company["uid"] for company in client.api("company", "root", "list").json()] == ["kid"]
    client.sandbox.world.company("root").licence_is_valid = False
    answer = client.api("company", "root", "list")
    assert (answer.status_code, answer.json()["hasError"]) == (403, True)


def test_sub_companies_events_are_listed_unless_refused(client):
    """`includeSubCompanies` defaults to true."""

    def listed(company: str, **query: str) -> list[str]:
        return [event["uid"] for event in client.api("company", company, "events", **query).json()]

    assert listed("root") == ["e1", "e2"]
    assert listed("root", includeSubCompanies="true") == ["e1", "e2"]
    assert listed("root", includeSubCompanies="false") == []
    assert listed("grand", includeSubCompanies="false") == ["e2"]


def test_events_are_listed_by_their_start_in_dates_or_a_preset_but_not_both(client):
    """400 for a preset with dates, two presets, or what is no time."""

    def listed(**query: str) -> object:
        answer = client.api("company", "root", "events", **query)
        return [event["uid"] for event in answer.json()] if answer.status_code == 200 else answer.status_code

    assert listed(startDate="2026-03-02") == ["e2"]
    assert listed(endDate="2026-03-01") == ["e1"]
    assert listed(startDate="2026-03-01T23:50:00Z", endDate="2026-03-02T08:59:59.999Z") == ["e1"]
    assert listed(lastDay="true") == ["e1", "e2"]
    client.sandbox.clock.advance(days=6, hours=12)
    assert (listed(lastDay="true"), listed(last7days="true"), listed(last30days="true")) == ([], ["e2"], ["e1", "e2"])
    assert listed(lastDay="true", startDate="2026-03-01") == 400
    assert listed(lastDay="true", last7days="true") == 400
    assert listed(startDate="yesterday") == 400


def test_an_event_says_all_that_the_contract_knows(client):
    """Whole, with its hub, its company, and its live management."""
    event = client.api("event", "e1").json()
    assert event == {
        "uid": "e1",
        "companyUid": "kid",
        "creatorUid": event["creatorUid"],
        "name": "Launch",
        "picture": None,
        "startDate": "2026-03-01T23:50:00.000Z",
        "endDate": "2026-03-02T00:30:00.000Z",
        "timezone": "UTC",
        "type": "Virtual",
        "metadata": {},
        "networkingHub": "h1",
        "presenters": [],
        "organizers": [],
        "isRegistrationModeEnabled": True,
        "description": None,
        "isEventCancelled": False,
        "isParentEvent": False,
        "isChildSessionEvent": False,
        "isInPersonEvent": False,
        "isSimuliveEnabled": False,
        "isEventLive": False,
        "isReplayEnabled": True,
        "registrationCustomUrl": None,
        "company": {"id": "kid", "name": "Kid "},
        "liveEventManagement": {
            "isEventLive": False,
            "replayEnabled": True,
            "eventLivestreamEndTime": "2026-03-02T00:30:00.000Z",
        },
        "eventEmbedStatus": {
            "status": "replay",
            "issues": dict.fromkeys(("cameraDisabled", "microphoneDisabled", "widthTooSmall", "heightTooSmall"), False),
        },
    }


def test_an_event_without_a_company_is_still_listed_by_its_own(client):
    """Null in the event and in its analytics; only the list tells whose it is."""
    (event,) = client.api("company", "grand", "events").json()
    totals = client.participants("e2").json()
    assert (event["companyUid"], event["company"], totals["company"], totals["companyId"]) == (None, None, None, None)


def test_a_hub_is_no_event_but_has_a_call_and_minutes_of_its_own(client):
    """Asked for with its own id; it has no video."""
    assert refused(client.api("event", "h1")) == TEXT_404
    assert refused(client.analytics("getVideoWatchOverTime", "h1")) == TEXT_404
    assert client.api("networking", "h1").json() == {
        "uid": "h1",
        "friendlyName": "Lounge",
        "company": "kid",
        "organizers": [],
        "networkingHubRooms": [{"name": "Table 1 ", "maxSlots": 8}, {"name": "Bar", "maxSlots": None}],
    }
    (person,) = client.api("networking", "h1", "participantsList").json()
    assert (person["meta"]["email"], person["when"]) == ("bo+team@x.org", int(at(2, 0, 30).timestamp() * 1000))
    assert client.api("networking", "e1").status_code == 404
    totals = client.participants("h1").json()
    assert (totals["eventType"], totals["totalEngagedMinutes"]) == ("networkingHub", 12)
    assert client.participants("h1", engagementType="onDemand").json()["totalEngagedMinutes"] == 0


def test_registrants_are_those_who_came_and_those_who_did_not(client):
    """Each spelling once; who has no e-mail did not register."""
    people = client.api("event", "e1", "registrants").json()
    assert [(person["name"], person["email"]) for person in people] == [
        ("Ada", "ada@x.org"),
        ("Ada ", " ADA@x.org"),
        ("Bo", "bo+team@x.org"),
        ("Cy", "cy@x.org"),
    ]
    assert set(people[0]) == {"name", "email", "join_url", "metadata"}


def test_a_replay_is_there_once_the_event_is_over(client):
    """And not before."""
    (replay,) = client.api("event", "e1", "availableReplays").json()
    assert set(replay) == {"url", "downloadVideoUrl", "downloadStatus", "isCustomReplay"}
    client.sandbox.clock.set(at(2, 0, 29))
    assert client.api("event", "e1", "availableReplays").json() == []


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


def test_a_generated_world_with_odd_ids_is_reachable_from_its_root(serve, connect):
    """Every event and hub of the tree can be fetched."""
    world = build_world(WorldSpec(odd_ids=True, companies=6, days=4, people=5))
    client = connect(serve(world))
    for event in client.api("company", client.sandbox.root_company_id, "events").json():
        assert client.api("event", event["uid"]).json() == event
        for event_id in filter(None, (event["uid"], event["networkingHub"])):
            assert client.participants(event_id).status_code == 200


def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405(client):
    """As JSON."""
    assert client.http.get("/api/v1/nothing").json() == {"hasError": True, "errorMessage": "Not found"}
    assert client.http.delete("/api/v1/event/e1").status_code == 405


def test_the_date_header_is_the_sandboxs_clock(client):
    """So that a client can compare it with its own."""
    assert client.api("event", "e1").headers["Date"] == "Mon, 02 Mar 2026 14:20:00 GMT"


def test_every_call_needs_a_token(client):
    """401 `Token not found` as text, without one and with a wrong one."""
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer nonsense"}):
        answer = client.http.get("/api/v1/company/root", headers=headers)
        assert refused(answer) == (401, "text/plain; charset=utf-8", "Token not found")


def test_a_token_dies_with_its_time(serve, connect):
    """By the machine's clock, not by the sandbox's."""
    client = connect(serve(clock=Clock.pinned(NOW)))
    client.sandbox.clock.advance(days=99)
    assert client.api("company", "root").status_code == 200
    client.sandbox.api.sign_in.token_seconds = 0
    client.sign_in()
    assert client.api("company", "root").status_code == 401


def test_sign_in_wants_the_right_client_in_json(client):
    """Each part is checked; expiry is told, or not; a token is a JWT, or opaque."""
    right = {
        "client_id": client.sandbox.client_id,
        "client_secret": client.sandbox.client_secret,
        "audience": client.sandbox.audience,
        "grant_type": "client_credentials",
    }
    post = client.http.post
    assert [post("/api/oauth/token", json={**right, part: "wrong"}).status_code for part in right] == [
        401,
        401,
        401,
        400,
    ]
    assert post("/api/oauth/token", data=right).status_code == 400
    assert post("/api/oauth/token", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    answer = post("/api/oauth/token", json=right).json()
    assert (answer["token_type"], answer["expires_in"], answer["access_token"].count(".")) == ("Bearer", 86_400, 2)
    client.sandbox.api.sign_in.sends_expiry, client.sandbox.api.sign_in.opaque = False, True
    answer = post("/api/oauth/token", json=right).json()
    assert (set(answer), answer["access_token"].count(".")) == ({"access_token", "token_type"}, 0)


def test_people_without_an_email_are_shown_null_missing_or_empty(serve, connect):
    """Three ways of saying nothing, kept apart."""
    rows = [
        Attendance(Person("A"), [(at(1, 9), 3)], email=None),
        Attendance(Person("B"), [(at(1, 9), 2)], email=""),
    ]
    world = small_world()
    world.restate("e1", rows)
    assert connect(serve(world)).participants("e1").json()["topParticipants"] == [
        {"name": "A", "userEmail": None, "engagedMinutes": 3},
        {"name": "B", "userEmail": "", "engagedMinutes": 2},
    ]


def test_analytics_of_days_that_are_forgotten_are_told_nowhere(serve, connect):
    """`keeps_days`: a day goes once it ended longer ago, from lists, totals of all time, concurrency and activity alike."""
    sandbox = serve(keeps_days=1)
    sandbox.clock.set(at(3, 0))
    client = connect(sandbox)
    whole = client.participants("e1", limit=100).json()
    assert (whole["numberOfUsers"], whole["totalEngagedMinutes"]) == (4, 48)
    sandbox.clock.set(at(3, 1))
    told = client.participants("e1", limit=100).json()
    assert (told["numberOfUsers"], told["totalEngagedMinutes"]) == (4, 38)
    assert client.participants("e1", startDate="2026-03-01", endDate="2026-03-01").json()["numberOfUsers"] == 0
    assert client.participants("e1", startDate="2026-02-01", limit=100).json()["totalEngagedMinutes"] == 38
    assert client.participants("e1", startDate="2026-03-02", limit=100).json()["totalEngagedMinutes"] == 38
    views = client.analytics("getVideoWatchOverTime", "e1").json()["VideoViews"]
    assert min(minute for minute, _ in views) == 10
    usage = client.analytics("user-engagement", "companies", "kid", "lifetime-usage").json()
    assert usage["totalMinutes"] == 50
    items = client.http.post("/api/analytics/events/e1/user-activity?count=1").json()["items"]
    assert [item["liveTime"] for item in items] == [10]
