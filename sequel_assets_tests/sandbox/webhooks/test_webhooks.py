"""Webhooks over real sockets: subscriptions by the letter, what is delivered when, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sequel_assets.sandbox import Attendance, Clock, Company, Event, Person, Sandbox, World
from sequel_assets_tests.sandbox.conftest import ADA, BO, Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver

HOOKS = "/api/integrations/webhooks"
STARTED, ENDED = "virtual-stage-event-started", "virtual-stage-event-ended"
REGISTERED = "new-attendee-pre-registration"
CREATED, UPDATED, DELETED = "virtual-stage-created", "virtual-stage-updated", "virtual-stage-deleted"
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
GUEST = Person("Guest")


def clock_time(hour: int, minute: int = 0) -> datetime:
    return NINE.replace(hour=hour, minute=minute)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def event(event_id: str, company_id: str, hour: int, people: int = 0, **more: Any) -> Event:
    start = clock_time(hour)
    crowd = [Attendance(Person(f"P{i}", f"p{i}@x.org"), live=[(start, 10)]) for i in range(people)]
    return Event(event_id, company_id, event_id.upper(), start, start + timedelta(hours=1), attendance=crowd, **more)


def a_world() -> World:
    launch = event("launch", "grand", 10)
    launch.attendance = [
        Attendance(ADA, live=[(clock_time(10), 30)], email=" ADA@x.org", name="Ada "),
        Attendance(BO, on_demand=[(clock_time(12), 5)]),
        Attendance(GUEST, live=[(clock_time(10), 5)], email=None),
    ]
    return World(
        companies=[
            Company("root", "Root"),
            Company("kid", "Kid", "root"),
            Company("grand", "Grand", "kid"),
            Company("other", "Other", "root"),
        ],
        events=[
            launch,
            event("talk", "other", 11),
            event("off", "kid", 10, is_cancelled=True),
            event("never", "kid", 10, has_started=False),
            event("lounge", "kid", 10, event_type="networkingHub"),
        ],
        now=NINE,
    )


@pytest.fixture
def receiver() -> Iterator[RecordingReceiver]:
    with RecordingReceiver() as receiver:
        yield receiver


@pytest.fixture
def client(serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]) -> Client:
    return connect(serve(a_world()))


def ask(client: Client, event_type: str, company_id: str, endpoint: str, **info: Any) -> httpx.Response:
    body = {"companyId": company_id, "endpoint": endpoint, **info}
    return client.http.post(HOOKS, json={"eventType": event_type, "subscriptionInfo": body})


def subscribe(client: Client, event_type: str, company_id: str, endpoint: str, **info: Any) -> dict[str, Any]:
    answer = ask(client, event_type, company_id, endpoint, **info)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def look_up(client: Client, subscription_id: str) -> httpx.Response:
    return client.http.get(f"{HOOKS}/{quote(subscription_id, safe='')}")


def steer(client: Client, what: str, **body: Any) -> Any:
    answer = client.http.post(f"/sandbox/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ------------------------------------------------------------------ subscriptions


def test_a_subscription_is_made_looked_up_changed_and_deleted(client: Client, receiver: RecordingReceiver) -> None:
    """The key is told once; 90 days unless told otherwise; a PUT adds days to the end and says nothing."""
    made = subscribe(client, ENDED, "root", "https://x.example/a")
    assert made == {
        "webHookSubscriptionId": made["webHookSubscriptionId"],
        "clientSecret": made["clientSecret"],
        "expiresOn": iso(NINE + timedelta(days=90)),
    }
    assert len(made["clientSecret"]) == 64
    found = client.http.get(f"{HOOKS}/{made['webHookSubscriptionId']}").json()
    info = {"eventType": ENDED, "companyId": "root", "eventId": None, "endpoint": "https://x.example/a"}
    info["expiresOn"] = iso(NINE + timedelta(days=90))
    assert found == {"webHookSubscriptionId": made["webHookSubscriptionId"], "subscriptionInfo": info}
    put = client.http.put(
        f"{HOOKS}/{made['webHookSubscriptionId']}",
        json={"subscriptionInfo": {"endpoint": "https://x.example/b", "extendSubscriptionByDays": 2}},
    )
    assert (put.status_code, put.text) == (200, "")
    info |= {"endpoint": "https://x.example/b", "expiresOn": iso(NINE + timedelta(days=92))}
    assert look_up(client, made["webHookSubscriptionId"]).json()["subscriptionInfo"] == info
    gone = client.http.delete(f"{HOOKS}/{made['webHookSubscriptionId']}")
    assert (gone.status_code, gone.json()) == (200, {"webHookSubscriptionId": made["webHookSubscriptionId"]})
    assert look_up(client, made["webHookSubscriptionId"]).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        ({"eventType": ENDED}, 400),
        ({"eventType": "ended", "subscriptionInfo": {"companyId": "root", "endpoint": "http://x"}}, 400),
        ({"eventType": ENDED, "subscriptionInfo": {"endpoint": "http://x"}}, 400),
        ({"eventType": ENDED, "subscriptionInfo": {"companyId": "root"}}, 400),
        ({"eventType": ENDED, "subscriptionInfo": {"companyId": "root", "endpoint": "x.example"}}, 400),
        ({"eventType": ENDED, "subscriptionInfo": {"companyId": "nobody", "endpoint": "http://x"}}, 404),
        ({"eventType": ENDED, "subscriptionInfo": {"companyId": "root", "eventId": "no", "endpoint": "http://x"}}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(client: Client, body: object, status: int) -> None:
    """400 and 404 as documented, in Sequel's envelope."""
    answer = client.http.post(HOOKS, **({"content": body} if isinstance(body, bytes) else {"json": body}))
    assert (answer.status_code, answer.json()["hasError"]) == (status, True)
    assert client.http.get("/sandbox/subscriptions").json()["subscriptions"] == []


@pytest.mark.parametrize(("days", "status"), [(1, 400), (366, 400), ("90", 400), (True, 400), (2, 201), (365, 201)])
def test_a_subscription_lasts_2_to_365_days(client: Client, days: object, status: int) -> None:
    """Also when it is extended or renewed."""
    assert ask(client, ENDED, "root", "http://x", subscriptionLengthInDays=days).status_code == status
    known = subscribe(client, ENDED, "root", "http://x")["webHookSubscriptionId"]
    for method, path, name in (
        ("PUT", known, "extendSubscriptionByDays"),
        ("POST", f"renew/{known}", "subscriptionLengthInDays"),
    ):
        answer = client.http.request(method, f"{HOOKS}/{path}", json={"subscriptionInfo": {name: days}})
        assert answer.status_code == (200 if status == 201 else 400)


def test_the_calls_need_a_token_and_a_right_path(client: Client) -> None:
    """401 as text, 404 for an unknown subscription, 405 for a wrong method."""
    known = subscribe(client, ENDED, "root", "http://x")["webHookSubscriptionId"]
    assert [
        client.http.get(f"{HOOKS}/nobody").status_code,
        client.http.put(f"{HOOKS}/nobody", json={"subscriptionInfo": {}}).status_code,
        client.http.post(f"{HOOKS}/renew/nobody", json={"subscriptionInfo": {}}).status_code,
        client.http.delete(f"{HOOKS}/nobody").status_code,
        client.http.get(HOOKS).status_code,
        client.http.get(f"{HOOKS}/a/b").status_code,
    ] == [404, 404, 404, 404, 405, 404]
    refused = client.http.get(f"{HOOKS}/{known}", headers={"Authorization": "Bearer x"})
    assert (refused.status_code, refused.text) == (401, "Token not found")


def test_a_fault_befalls_the_calls_too(client: Client) -> None:
    """A subscription may have been made although its answer was cut off."""
    client.sandbox.faults.script("*/webhooks", "truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        ask(client, ENDED, "root", "http://x")
    assert len(client.http.get("/sandbox/subscriptions").json()["subscriptions"]) == 1


def test_an_expired_subscription_is_gone_and_hears_nothing(client: Client, receiver: RecordingReceiver) -> None:
    """By the sandbox's clock; of one jump over its end it hears what came before."""
    kept = subscribe(client, STARTED, "root", receiver.url, subscriptionLengthInDays=2)["webHookSubscriptionId"]
    for days in (1, 3):
        late = event(f"day-{days}", "kid", 10)
        late.starts_at, late.ends_at = late.starts_at + timedelta(days=days), late.ends_at + timedelta(days=days)
        client.sandbox.world.add_event(late)
    client.sandbox.clock.advance(days=5)
    assert receiver.in_short(client.sandbox) == [
        (STARTED, "launch", iso(clock_time(10))),
        (STARTED, "talk", iso(clock_time(11))),
        (STARTED, "day-1", iso(clock_time(10) + timedelta(days=1))),
    ]
    assert look_up(client, kept).status_code == 404
    assert client.http.post(f"{HOOKS}/renew/{kept}", json={"subscriptionInfo": {}}).status_code == 404


# ------------------------------------------------------------------ deliveries


def test_a_start_is_told_to_the_letter(client: Client, receiver: RecordingReceiver) -> None:
    """Headers and body, whole."""
    made = subscribe(client, STARTED, "kid", f"{receiver.url}/in?a=b")
    client.sandbox.clock.set(clock_time(10))
    (one,) = receiver.taken(client.sandbox)
    (delivery,) = client.sandbox.webhooks.deliveries
    assert one.path == "/in?a=b"
    assert {name: one.headers[name] for name in ("x-introvoke-web-hook-auth", "user-agent", "content-type")} == {
        "x-introvoke-web-hook-auth": made["clientSecret"],
        "user-agent": "introvoke-web-hook",
        "content-type": "application/json",
    }
    assert one.body == {
        "eventType": STARTED,
        "webHookInvocationId": delivery.invocation_id,
        "correlationId": delivery.correlation_id,
        "timestamp": "2026-03-02T10:00:00.000Z",
        "details": {"companyId": "grand", "companyName": "Grand", "eventId": "launch", "eventName": "LAUNCH"},
    }
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("accepted", 1, 200)


def test_an_end_tells_who_was_there_live_in_the_older_form(client: Client, receiver: RecordingReceiver) -> None:
    """As they are listed: names with blanks, e-mails as typed, or none."""
    subscribe(client, ENDED, "kid", receiver.url)
    client.sandbox.webhooks.batches = None
    client.sandbox.clock.set(clock_time(12))
    (one,) = receiver.taken(client.sandbox)
    assert one.body["details"]["users"] == [
        {"name": "Ada ", "email": " ADA@x.org"},
        {"name": "Guest", "email": None},
    ]


def test_an_end_comes_in_batches_of_one_correlation(client: Client, receiver: RecordingReceiver) -> None:
    """Pages from 1, each its own invocation; the ids of users are those of the user activity."""
    client.sandbox.world.add_event(event("big", "kid", 13, people=25))
    subscribe(client, ENDED, "kid", receiver.url)
    client.sandbox.webhooks.batches = 10
    client.sandbox.clock.set(clock_time(14))
    taken = [one for one in receiver.taken(client.sandbox) if one.body["details"]["eventId"] == "big"]
    pages = sorted(taken, key=lambda one: int(one.body["details"]["page"]))
    details = [one.body["details"] for one in pages]
    assert [(d["totalCount"], d["page"], d["size"], len(d["users"])) for d in details] == [
        (25, 1, 10, 10),
        (25, 2, 10, 10),
        (25, 3, 10, 5),
    ]
    assert len({one.body["correlationId"] for one in pages}) == 1
    assert len({one.body["webHookInvocationId"] for one in pages}) == 3
    listed = client.http.post("/api/analytics/events/big/user-activity").json()["items"]
    users = [user for d in details for user in d["users"]]
    assert [(u["uid"], u["userId"], u["name"], u["email"]) for u in users] == [
        (item["uid"], item["userId"], item["name"], item["email"]) for item in listed
    ]
    assert {len(user["_id"]) for user in users} == {24}


def test_an_end_can_come_all_at_once_and_nobody_is_one_empty_page(client: Client, receiver: RecordingReceiver) -> None:
    """Someone who set "send all"."""
    subscribe(client, ENDED, "root", receiver.url)
    client.sandbox.webhooks.batches = "all"
    client.sandbox.clock.set(clock_time(12))
    shapes = [one.body["details"] for one in receiver.taken(client.sandbox)]
    assert [(d["eventId"], d["totalCount"], d["page"], d["size"], len(d["users"])) for d in shapes] == [
        ("launch", 2, 1, 2, 2),
        ("talk", 0, 1, 1, 0),
    ]


@pytest.mark.parametrize("batches", [9, 501, True, "some", 10.0])
def test_batches_are_of_10_to_500(client: Client, batches: Any) -> None:
    """As documented."""
    with pytest.raises(ValueError, match="10 to 500"):
        client.sandbox.webhooks.batches = batches


def test_ten_thousand_people_come_in_two_hundred_batches(client: Client, receiver: RecordingReceiver) -> None:
    """Every page once, everybody once."""
    client.sandbox.world.add_event(event("big", "kid", 13, people=10_000))
    subscribe(client, ENDED, "kid", receiver.url)
    client.sandbox.webhooks.batches = 50
    client.sandbox.clock.set(clock_time(14))
    details = [one.body["details"] for one in receiver.taken(client.sandbox)]
    big = [d for d in details if d["eventId"] == "big"]
    assert sorted(d["page"] for d in big) == list(range(1, 201))
    assert {user["email"] for d in big for user in d["users"]} == {f"p{i}@x.org" for i in range(10_000)}


def test_a_company_hears_of_all_beneath_it_unless_told_otherwise(client: Client, receiver: RecordingReceiver) -> None:
    """Any depth, not its siblings or parents; `covers_children` off is a quirk; one event only where one is named."""
    for name, company, info in (
        ("root", "root", {}),
        ("kid", "kid", {}),
        ("grand", "grand", {}),
        ("one", "root", {"eventId": "talk"}),
    ):
        subscribe(client, STARTED, company, f"{receiver.url}/{name}", **info)
    client.sandbox.clock.set(clock_time(11))
    assert sorted((one.path, one.in_short[1]) for one in receiver.taken(client.sandbox)) == [
        ("/grand", "launch"),
        ("/kid", "launch"),
        ("/one", "talk"),
        ("/root", "launch"),
        ("/root", "talk"),
    ]
    steer(client, "webhooks", coversChildren=False)
    client.sandbox.clock.set(clock_time(9))
    client.sandbox.webhooks.settle()
    client.sandbox.clock.set(clock_time(11))
    assert [(one.path, one.in_short[1]) for one in receiver.taken(client.sandbox)] == [("/grand", "launch")]


def test_what_happens_in_a_jump_is_told_in_order(client: Client, receiver: RecordingReceiver) -> None:
    """Starts and ends of three subscriptions, each with the time when it happened; neither hubs nor what never was."""
    for event_type in (STARTED, ENDED):
        subscribe(client, event_type, "root", receiver.url)
    client.sandbox.world.set_start("talk", clock_time(10, 30))
    client.sandbox.clock.advance(days=1)
    assert receiver.in_short(client.sandbox) == [
        (STARTED, "launch", iso(clock_time(10))),
        (STARTED, "talk", iso(clock_time(10, 30))),
        (ENDED, "launch", iso(clock_time(11))),
        (ENDED, "talk", iso(clock_time(11, 30))),
    ]
    client.sandbox.clock.advance(days=1)
    assert receiver.in_short(client.sandbox) == []


def test_a_clock_that_runs_delivers_by_itself(
    serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client], receiver: RecordingReceiver
) -> None:
    """Nobody has to ask."""
    client = connect(serve(a_world(), clock=Clock(NINE, speed=36_000)))
    subscribe(client, STARTED, "root", receiver.url)
    client.sandbox.webhooks.settle()
    while len(receiver.received) < 2:
        client.http.get("/sandbox/state")
    assert receiver.in_short(client.sandbox) == [
        (STARTED, "launch", iso(clock_time(10))),
        (STARTED, "talk", iso(clock_time(11))),
    ]


def test_what_changes_in_the_world_is_told(client: Client, receiver: RecordingReceiver) -> None:
    """By steering; somebody who registers is a registrant from then on."""
    for event_type in (CREATED, UPDATED, DELETED, REGISTERED):
        subscribe(client, event_type, "root", receiver.url)
    made = steer(client, "create", companyId="kid", name="New", startDate="2026-03-05T10:00:00Z", minutes=30)
    assert {key: made[key] for key in ("companyId", "name", "startDate", "endDate")} == {
        "companyId": "kid",
        "name": "New",
        "startDate": "2026-03-05T10:00:00.000Z",
        "endDate": "2026-03-05T10:30:00.000Z",
    }
    steer(client, "update", eventId=made["eventId"], name="Newer", startDate="2026-03-06T10:00:00Z")
    steer(client, "register", eventId=made["eventId"], name="Cy", email="cy@x.org")
    assert client.api("event", made["eventId"], "registrants").json()[0]["email"] == "cy@x.org"
    steer(client, "delete", eventId=made["eventId"])
    taken = receiver.taken(client.sandbox)
    details = {"companyId": "kid", "companyName": "Kid", "eventId": made["eventId"]}
    answers = [{"question": "How did you hear of us?", "response": "From a friend"}]
    attendee = {"name": "Cy", "email": "cy@x.org", "registrationInfo": answers}
    told = [(one.body["eventType"], one.body["details"]) for one in taken]
    expected = [
        (CREATED, {**details, "eventName": "New"}),
        (UPDATED, {**details, "eventName": "Newer"}),
        (UPDATED, {**details, "eventName": "Newer"}),
        (REGISTERED, {**details, "eventName": "Newer", "attendee": attendee}),
        (DELETED, {**details, "eventName": "Newer"}),
    ]
    assert sorted(told, key=repr) == sorted(expected, key=repr)


def test_the_host_starts_and_ends_an_event_now(client: Client, receiver: RecordingReceiver) -> None:
    """Once each, and the planned end tells nothing any more; another end is another hint."""
    for event_type in (STARTED, ENDED):
        subscribe(client, event_type, "root", receiver.url)
    assert steer(client, "start", eventId="talk")["startDate"] == iso(NINE)
    client.sandbox.clock.set(clock_time(9, 20))
    assert steer(client, "end", eventId="talk")["endDate"] == iso(clock_time(9, 20))
    assert receiver.in_short(client.sandbox) == [(STARTED, "talk", iso(NINE)), (ENDED, "talk", iso(clock_time(9, 20)))]
    client.sandbox.clock.set(clock_time(9, 50))
    client.sandbox.end_event("talk")
    assert receiver.in_short(client.sandbox) == [(ENDED, "talk", iso(clock_time(9, 50)))]
    client.sandbox.clock.set(clock_time(10, 30))
    assert receiver.in_short(client.sandbox) == [(STARTED, "launch", iso(clock_time(10)))]
    refused = client.http.post("/sandbox/end", json={"eventId": "off"})
    assert (refused.status_code, "cancelled" in refused.text) == (400, True)


def test_after_a_renewal_only_the_new_key_is_sent(client: Client, receiver: RecordingReceiver) -> None:
    """To the endpoint of the moment; a deleted subscription hears nothing."""
    old = subscribe(client, STARTED, "root", receiver.url)
    known = old["webHookSubscriptionId"]
    new = client.http.post(f"{HOOKS}/renew/{known}", json={"subscriptionInfo": {"subscriptionLengthInDays": 10}}).json()
    assert new == {
        "webHookSubscriptionId": known,
        "clientSecret": new["clientSecret"],
        "expiresOn": iso(NINE + timedelta(days=10)),
    }
    assert new["clientSecret"] != old["clientSecret"]
    client.http.put(f"{HOOKS}/{known}", json={"subscriptionInfo": {"endpoint": f"{receiver.url}/moved"}})
    client.sandbox.clock.set(clock_time(10))
    (one,) = receiver.taken(client.sandbox)
    assert (one.path, one.headers["x-introvoke-web-hook-auth"]) == ("/moved", new["clientSecret"])
    client.http.delete(f"{HOOKS}/{known}")
    client.sandbox.clock.set(clock_time(13))
    assert receiver.in_short(client.sandbox) == []


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize("status", [429, 500])
def test_429_and_500_are_retried_after_some_time(client: Client, receiver: RecordingReceiver, status: int) -> None:
    """A minute, five more, and so on, the same body each time."""
    receiver.statuses = [status, status]
    subscribe(client, STARTED, "grand", receiver.url)
    client.sandbox.clock.set(clock_time(10))
    (first,) = receiver.taken(client.sandbox)
    (delivery,) = client.sandbox.webhooks.deliveries
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("waiting", 1, status)
    client.sandbox.clock.advance(seconds=59)
    assert receiver.taken(client.sandbox) == []
    client.sandbox.clock.advance(seconds=1)
    assert receiver.taken(client.sandbox) == [first]
    client.sandbox.clock.advance(minutes=5)
    assert receiver.taken(client.sandbox) == [first]
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("accepted", 3, 200)


def test_retries_end(client: Client, receiver: RecordingReceiver) -> None:
    """After five of them, also within one jump of the clock."""
    receiver.statuses = [500] * 100
    subscribe(client, STARTED, "grand", receiver.url)
    client.sandbox.clock.advance(days=30)
    assert len(receiver.taken(client.sandbox)) == 6
    (delivery,) = client.sandbox.webhooks.deliveries
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("given up", 6, 500)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 503])
def test_everything_else_is_not_retried(client: Client, receiver: RecordingReceiver, status: int) -> None:
    """503 is promised to nobody."""
    receiver.statuses = [status]
    subscribe(client, STARTED, "grand", receiver.url)
    client.sandbox.clock.advance(days=30)
    assert len(receiver.taken(client.sandbox)) == 1
    (delivery,) = client.sandbox.webhooks.deliveries
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("refused", 1, status)


def test_a_receiver_that_is_not_there_is_not_waited_for(client: Client) -> None:
    """Nothing about it is documented."""
    subscribe(client, STARTED, "grand", "http://127.0.0.1:1/in")
    client.sandbox.clock.advance(days=1)
    client.sandbox.webhooks.settle()
    (delivery,) = client.sandbox.webhooks.deliveries
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("unreachable", 1, 0)


def test_the_record_can_be_read_and_sent_again(client: Client, receiver: RecordingReceiver) -> None:
    """By a steering endpoint, without keys and people; what is sent again is the same to the letter."""
    made = subscribe(client, ENDED, "grand", receiver.url)
    client.sandbox.clock.set(clock_time(11))
    (first,) = receiver.taken(client.sandbox)
    told = client.http.get("/sandbox/deliveries").json()
    assert told == {
        "count": 1,
        "deliveries": [
            {
                "number": 1,
                "eventType": ENDED,
                "companyId": "grand",
                "eventId": "launch",
                "happenedAt": iso(clock_time(11)),
                "dueAt": iso(clock_time(11)),
                "subscriptionId": made["webHookSubscriptionId"],
                "invocationId": first.body["webHookInvocationId"],
                "correlationId": first.body["correlationId"],
                "page": 1,
                "pages": 1,
                "mishaps": [],
                "attempts": 1,
                "lastStatus": 200,
                "state": "accepted",
            }
        ],
    }
    assert steer(client, "redeliver", deliveries=[1]) == {"deliveries": [1]}
    assert steer(client, "redeliver", last=1) == {"deliveries": [1]}
    assert receiver.taken(client.sandbox) == [first, first]
    assert client.http.get("/sandbox/deliveries?after=1").json()["deliveries"] == []
    assert client.http.post("/sandbox/redeliver", json={"deliveries": [99]}).status_code == 400
    state = client.http.get("/sandbox/subscriptions").text
    assert made["clientSecret"] not in state


def test_the_record_is_bounded(client: Client, receiver: RecordingReceiver) -> None:
    """The oldest fall out; how many there were stays known."""
    client.sandbox.webhooks.deliveries.keep = 3
    subscribe(client, UPDATED, "root", receiver.url)
    for number in range(5):
        client.sandbox.world.rename_event("talk", f"Talk {number}")
        client.sandbox.webhooks.settle()
    outbox = client.sandbox.webhooks.deliveries
    assert (outbox.count, [delivery.number for delivery in outbox]) == (5, [3, 4, 5])


def test_a_sandbox_that_was_away_tells_what_happened_meanwhile(receiver: RecordingReceiver) -> None:
    """It is stopped and started again, with its subscriptions."""
    sandbox = Sandbox(a_world())
    with sandbox, httpx.Client(base_url=sandbox.url) as http:
        subscribe(Client(sandbox, http), STARTED, "grand", receiver.url)
    sandbox.clock.set(clock_time(10))
    with sandbox:
        assert receiver.in_short(sandbox) == [(STARTED, "launch", iso(clock_time(10)))]
