"""What each call asks, and what comes back."""

from datetime import UTC, date, datetime

import httpx

from sequel_assets.sequel import Company, Duration, Event, Hub, HubRoom, Participant, Participants, SequelClient
from sequel_assets_tests.sequel.conftest import Wire


def requested(wire: Wire) -> list[tuple[str, str]]:
    return [(request.method, str(request.url)) for request in wire.requests]


def test_nothing_is_asked_before_the_first_call(wire: Wire, client: SequelClient) -> None:
    """A client is made without touching the network."""
    assert (wire.requests, wire.sign_ins, client.stats.requests) == ([], [], 0)


def test_a_company_is_read_with_its_parent(wire: Wire, client: SequelClient) -> None:
    """Names are trimmed, ids are not."""
    wire.replies = [httpx.Response(200, json={"uid": "Ä 1", "name": " Acme ", "parentCompanyId": "root", "logo": 1})]
    assert client.company("Ä 1") == Company(uid="Ä 1", name="Acme", parent_company_id="root")
    assert requested(wire) == [("GET", "https://api.test/api/v1/company/%C3%84%201")]


def test_sub_companies_come_as_a_list(wire: Wire, client: SequelClient) -> None:
    """A company may be its own parent: that is told, not judged."""
    wire.replies = [httpx.Response(200, json=[{"uid": "a", "parentCompanyId": "a"}, {"uid": 7, "name": None}])]
    assert client.sub_companies("root") == [Company(uid="a", parent_company_id="a"), Company(uid="7")]
    assert requested(wire) == [("GET", "https://api.test/api/v1/company/root/list")]


def test_events_are_asked_without_sub_companies_unless_wanted(wire: Wire, client: SequelClient) -> None:
    """The parameter is always said, since Sequel's default is to include them."""
    wire.replies = [httpx.Response(200, json=[])]
    client.events("c")
    client.events("c", include_sub_companies=True, start_date=date(2026, 1, 1), end_date=date(2026, 2, 1))
    assert [dict(request.url.params) for request in wire.requests] == [
        {"includeSubCompanies": "false"},
        {"includeSubCompanies": "true", "startDate": "2026-01-01", "endDate": "2026-02-01"},
    ]


def test_an_event_is_read_from_the_documented_fields(wire: Wire, client: SequelClient) -> None:
    """Everything that the warehouse wants of an event."""
    wire.replies = [
        httpx.Response(
            200,
            json={
                "uid": "e1",
                "companyUid": "c1",
                "name": "Launch  ",
                "startDate": "2026-02-02T10:00:00.000+01:00",
                "endDate": "2026-02-02T10:30:00",
                "timezone": "Europe/Berlin",
                "type": "Virtual",
                "networkingHub": " hub-1 ",
                "isEventCancelled": "false",
                "isReplayEnabled": "true",
                "liveEventManagement": {"isEventLive": True},
                "unheardOf": {"a": [1]},
            },
        )
    ]
    assert client.event("e1") == Event(
        uid="e1",
        company_uid="c1",
        name="Launch",
        starts_at=datetime(2026, 2, 2, 9, 0, tzinfo=UTC),
        ends_at=datetime(2026, 2, 2, 10, 30, tzinfo=UTC),
        timezone="Europe/Berlin",
        kind="Virtual",
        networking_hub="hub-1",
        is_replay_enabled=True,
        is_live=True,
    )


def test_a_hub_its_rooms_and_its_people_are_read(wire: Wire, client: SequelClient) -> None:
    """Rooms in their order; `when` is kept as the number it is."""
    wire.replies = [
        httpx.Response(
            200,
            json={
                "uid": "h",
                "friendlyName": "Lounge",
                "company": {"id": "c"},
                "networkingHubRooms": [{"name": "Bar ", "maxSlots": "8"}, {"isLocked": True}],
            },
        ),
        httpx.Response(
            200, json=[{"meta": {"userId": "u", "username": "Ann", "email": " "}, "when": 5}, {"meta": None}]
        ),
    ]
    assert client.hub("h") == Hub(
        uid="h", name="Lounge", company_uid="c", rooms=(HubRoom(name="Bar", max_slots=8), HubRoom())
    )
    people = [(person.user_id, person.name, person.email, person.when) for person in client.hub_participants("h")]
    assert people == [("u", "Ann", None, 5.0), (None, None, None, None)]


def test_registrants_and_replays_are_read(wire: Wire, client: SequelClient) -> None:
    """Both are plain lists."""
    wire.replies = [
        httpx.Response(200, json=[{"name": "Ann", "email": "Ann@x.y", "join_url": "http://j"}]),
        httpx.Response(200, json=[{"url": "http://v", "isCustomReplay": "true", "downloadStatus": None}]),
    ]
    assert [(one.name, one.email, one.join_url) for one in client.registrants("e")] == [("Ann", "Ann@x.y", "http://j")]
    assert [(one.url, one.is_custom, one.download_status) for one in client.available_replays("e")] == [
        ("http://v", True, None)
    ]


def test_the_documented_example_of_participants_is_read(wire: Wire, client: SequelClient) -> None:
    """57 users with 898 minutes, ten of them listed, the average a float."""
    listed = [{"name": f"N{i} ", "userEmail": f"P{i}@x.y", "engagedMinutes": 60 - i} for i in range(10)]
    wire.replies = [
        httpx.Response(
            200,
            json={
                "eventName": "E",
                "eventId": "e",
                "eventType": "virtualStageEvent",
                "company": "C",
                "companyId": "c",
                "startDate": None,
                "endDate": "2026-02-02",
                "limit": 10,
                "numberOfUsers": 57,
                "totalEngagedMinutes": 898,
                "averageEngagedMinutesByUser": 15.75,
                "topParticipants": listed,
            },
        )
    ]
    answer = client.participants(
        "e", start=date(2026, 2, 1), end=date(2026, 2, 2), engagement_type="onDemand", limit=10
    )
    assert answer == Participants(
        number_of_users=57,
        total_engaged_minutes=898,
        participants=[Participant(name=f"N{i} ", email=f"P{i}@x.y", engaged_minutes=60 - i) for i in range(10)],
    )
    assert requested(wire) == [
        (
            "GET",
            "https://analytics.test/api/analytics/user-engagement/events/e/top-participants"
            "?limit=10&engagementType=onDemand&startDate=2026-02-01&endDate=2026-02-02",
        )
    ]


def test_a_range_without_ends_says_no_dates(wire: Wire, client: SequelClient) -> None:
    """Left out, not empty."""
    wire.replies = [httpx.Response(200, json={"numberOfUsers": "0", "totalEngagedMinutes": 0})]
    assert client.participants("e", start=None, end=None, engagement_type="all", limit=1) == Participants(
        number_of_users=0, total_engaged_minutes=0
    )
    assert dict(wire.requests[0].url.params) == {"limit": "1", "engagementType": "all"}


def test_concurrency_keeps_order_and_repeats(wire: Wire, client: SequelClient) -> None:
    """Which of two values of a minute counts is not the client's to say."""
    wire.replies = [httpx.Response(200, json={"VideoViews": [[3, 4], ["1", "2.0"], [3, 5], [-2, 1]]})]
    assert client.concurrency("e") == [(3, 4), (1, 2), (3, 5), (-2, 1)]


def test_user_activity_is_posted_page_by_page(wire: Wire, client: SequelClient) -> None:
    """Page and count go into the query, times come as they are and in minutes."""
    item = {"userId": "u", "email": "A@x.y", "liveTime": "12.5", "attended": "true", "leadScoreDetails": {}, "polls": 1}
    wire.replies = [httpx.Response(200, json={"items": [item], "totalCount": "101", "page": 2, "size": 100})]
    page = client.user_activity("e", page=2, count=100)
    assert (page.total_count, page.page, page.size) == (101, 2, 100)
    assert [(one.user_id, one.email, one.live_time, one.on_demand_time, one.attended) for one in page.items] == [
        ("u", "A@x.y", Duration("12.5", 13), None, True)
    ]
    assert requested(wire) == [
        ("POST", "https://analytics.test/api/analytics/events/e/user-activity?count=100&page=2"),
    ]


def test_the_named_endpoints_are_read_if_they_are_there(wire: Wire, client: SequelClient) -> None:
    """Their shape is a proposal: what is missing is None."""
    day = date(2026, 2, 1)
    wire.replies = [
        httpx.Response(200, json={"companyId": "c", "totalMinutes": "12"}),
        httpx.Response(200, json={"numberOfUsers": 3, "liveMinutes": 4}),
        httpx.Response(200, json={"days": [{"date": "2026-02-01", "networkingMinutes": 9}]}),
        httpx.Response(200, json={"eventId": "e", "polls": [{"pollId": 1, "answers": [{"optionId": "a"}]}]}),
    ]
    assert client.lifetime_usage("c", event_type="networkingHub").total_minutes == 12
    usage = client.usage("c", start=day, end=day)
    assert (usage.number_of_users, usage.live_minutes, usage.on_demand_minutes) == (3, 4, None)
    assert [(one.day, one.networking_minutes) for one in client.usage_by_day("c", start=day, end=day)] == [(day, 9)]
    interactions = client.event_interactions("e")
    assert [(poll.poll_id, poll.answers[0].option_id) for poll in interactions.polls] == [("1", "a")]
    assert (interactions.questions, interactions.chat, interactions.reactions) == (None, None, None)


def test_a_path_is_a_setting(wire: Wire) -> None:
    """A change at Sequel's end needs no release."""
    from sequel_assets.sequel import Paths

    wire.replies = [httpx.Response(200, json={"uid": "c"})]
    with wire.client(paths=Paths(company="/v2/firms/{company_id}"), api_url="https://api.test/gate/") as client:
        wire.token_replies = [httpx.Response(200, json={"access_token": "t"})]
        wire.answer = lambda request: httpx.Response(
            200, json={"access_token": "t"} if "token" in request.url.path else {"uid": "c"}
        )
        assert client.company("c") == Company(uid="c")
    assert str(wire.requests[-1].url) == "https://api.test/gate/v2/firms/c"
