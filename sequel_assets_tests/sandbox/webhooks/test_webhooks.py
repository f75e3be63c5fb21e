"""Webhooks over real sockets: subscriptions by the letter, what is delivered when, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets_tests.sandbox.conftest import Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver
from sequel_assets_tests.sandbox.webhooks.subscribed import (
    CREATED,
    DELETED,
    ENDED,
    HOOKS,
    NINE,
    STARTED,
    UPDATED,
    a_world,
    client,
    clock_time,
    event,
    iso,
    receiver,
    steer,
    subscribe,
)

__all__ = ["client", "receiver"]
REGISTERED = "new-attendee-pre-registration"


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
    client.sandbox.webhooks.wait_until_sent()
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
    client.sandbox.webhooks.wait_until_sent()
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
