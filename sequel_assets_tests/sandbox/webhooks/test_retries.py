"""What is sent again and until when, and the record of what was sent."""

from __future__ import annotations

import httpx
import pytest

from sequel_assets.sandbox import Sandbox
from sequel_assets_tests.sandbox.conftest import Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver
from sequel_assets_tests.sandbox.webhooks.subscribed import (
    ENDED,
    STARTED,
    UPDATED,
    a_world,
    client,
    clock_time,
    iso,
    receiver,
    steer,
    subscribe,
)

__all__ = ["client", "receiver"]


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
    client.sandbox.webhooks.wait_until_sent()
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
                "faults": [],
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
        client.sandbox.webhooks.wait_until_sent()
    outbox = client.sandbox.webhooks.deliveries
    assert (outbox.count, [delivery.number for delivery in outbox]) == (5, [3, 4, 5])


def test_a_sandbox_that_was_away_tells_what_happened_meanwhile(receiver: RecordingReceiver) -> None:
    """It is stopped and started again, with its subscriptions."""
    sandbox = Sandbox(a_world())
    with sandbox, httpx.Client(base_url=sandbox.url, timeout=60) as http:
        subscribe(Client(sandbox, http), STARTED, "grand", receiver.url)
    sandbox.clock.set(clock_time(10))
    with sandbox:
        assert receiver.in_short(sandbox) == [(STARTED, "launch", iso(clock_time(10)))]
