"""Companies, events, hubs and registrants as the sandbox lists them."""

from sequel_assets_tests.sandbox.api.refusals import TEXT_404, refused
from sequel_assets_tests.sandbox.conftest import at


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
