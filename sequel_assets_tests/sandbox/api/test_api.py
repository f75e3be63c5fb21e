"""Every endpoint's shape and rules, over a real socket."""

from sequel_assets.sandbox import Attendance, Clock, Person, WorldSpec, build_world
from sequel_assets_tests.sandbox.api.refusals import refused
from sequel_assets_tests.sandbox.conftest import NOW, at, small_world


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
