"""What goes wrong with deliveries: each kind as it says, the same for the same seed, and a year of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from sequel_assets.sandbox import DELIVERY_FAULTS, Attendance, Company, DeliveryFaults, Event, Person, Sandbox, World
from sequel_assets_tests.sandbox.conftest import Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver
from sequel_assets_tests.sandbox.webhooks.subscribed import ENDED, HOOKS, NINE, STARTED, iso, steer, subscribe


@pytest.fixture
def receiver() -> Iterator[RecordingReceiver]:
    with RecordingReceiver() as receiver:
        yield receiver


def many(events: int = 200, *, minutes: int = 1, people: int = 0) -> World:
    """Events that start one after the other."""
    made = []
    for number in range(events):
        start = NINE + timedelta(minutes=1 + number * minutes)
        crowd = [Attendance(Person(f"P{i}", f"p{i}@x.org"), live=[(start, 10)]) for i in range(people)]
        made.append(Event(f"e{number}", "kid", f"E{number}", start, start + timedelta(minutes=30), attendance=crowd))
    return World([Company("root", "Root"), Company("kid", "Kid", "root")], made, now=NINE)


@pytest.fixture
def client(serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client]) -> Client:
    return connect(serve(many()))


def delivered_with(client: Client, receiver: RecordingReceiver, **rates: float) -> list[str]:
    """The events whose start is told, in order, within a week."""
    client.sandbox.webhooks.faults = DeliveryFaults(rates, seed=5)
    subscribe(client, STARTED, "root", receiver.url)
    client.sandbox.clock.advance(days=7)
    return [event_id for _, event_id, _ in receiver.in_short(client.sandbox)]


ALL = [f"e{number}" for number in range(200)]


def test_some_are_dropped(client: Client, receiver: RecordingReceiver) -> None:
    """A share of them, never sent, recorded as such; the others come in order."""
    told = delivered_with(client, receiver, drop=0.3)
    dropped = [one.event_id for one in client.sandbox.webhooks.deliveries if one.state == "dropped"]
    assert sorted(told + dropped) == sorted(ALL)
    assert told == [event_id for event_id in ALL if event_id not in dropped]
    assert 40 <= len(dropped) <= 80


def test_some_come_twice(client: Client, receiver: RecordingReceiver) -> None:
    """To the letter."""
    told = Counter(delivered_with(client, receiver, duplicate=0.3))
    twice = [one.event_id for one in client.sandbox.webhooks.deliveries if "duplicate" in one.faults]
    assert told == Counter(ALL + twice)
    assert 40 <= len(twice) <= 80


@pytest.mark.parametrize("kind", ["reorder", "delay"])
def test_some_are_overtaken(client: Client, receiver: RecordingReceiver, kind: str) -> None:
    """All come, once, and not in order."""
    told = delivered_with(client, receiver, **{kind: 0.3})
    assert sorted(told) == sorted(ALL)
    assert told != ALL


def test_some_come_after_days(client: Client, receiver: RecordingReceiver) -> None:
    """Four of them, with the time stamp of what happened."""
    client.sandbox.webhooks.faults = DeliveryFaults({"late": 1.0})
    subscribe(client, STARTED, "root", receiver.url)
    client.sandbox.clock.advance(days=4)
    assert receiver.in_short(client.sandbox) == []
    client.sandbox.clock.advance(minutes=1)
    assert receiver.in_short(client.sandbox) == [(STARTED, "e0", iso(NINE + timedelta(minutes=1)))]


def test_some_come_in_a_burst(client: Client, receiver: RecordingReceiver) -> None:
    """Held until a quarter of an hour is full."""
    client.sandbox.webhooks.faults = DeliveryFaults({"burst": 1.0})
    subscribe(client, STARTED, "root", receiver.url)
    client.sandbox.clock.advance(minutes=14)
    assert receiver.in_short(client.sandbox) == []
    client.sandbox.clock.advance(minutes=1)
    assert sorted(event_id for _, event_id, _ in receiver.in_short(client.sandbox)) == sorted(ALL[:15])


def test_the_old_key_lives_a_moment_longer(client: Client, receiver: RecordingReceiver) -> None:
    """For some deliveries of the first minute after a renewal, and never after."""
    client.sandbox.webhooks.faults = DeliveryFaults({"old_key": 1.0})
    old = subscribe(client, STARTED, "root", receiver.url)
    path = f"{HOOKS}/renew/{old['webHookSubscriptionId']}"
    new = client.http.post(path, json={"subscriptionInfo": {}}).json()["clientSecret"]
    keys = []
    for _ in range(2):
        client.sandbox.clock.advance(minutes=1)
        keys += [one.headers["x-introvoke-web-hook-auth"] for one in receiver.taken(client.sandbox)]
    assert keys == [old["clientSecret"], new]


@pytest.mark.parametrize("kind", ["lost_batch", "wrong_count"])
def test_batches_may_be_incomplete(
    serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client], receiver: RecordingReceiver, kind: str
) -> None:
    """One never comes, or the total is one too high."""
    client = connect(serve(many(1, people=45)))
    client.sandbox.webhooks.faults = DeliveryFaults({kind: 1.0})
    client.sandbox.webhooks.batches = 10
    subscribe(client, ENDED, "root", receiver.url)
    client.sandbox.clock.advance(hours=1)
    details = [one.body["details"] for one in receiver.taken(client.sandbox)]
    counts, pages = {d["totalCount"] for d in details}, {d["page"] for d in details}
    states = Counter(one.state for one in client.sandbox.webhooks.deliveries)
    if kind == "lost_batch":
        assert (counts, len(pages), states) == ({45}, 4, {"accepted": 4, "dropped": 1})
    else:
        assert (counts, len(pages), states) == ({46}, 5, {"accepted": 5})


def test_the_same_seed_goes_wrong_in_the_same_way(
    serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client], receiver: RecordingReceiver
) -> None:
    """And another seed in another."""
    rates = dict.fromkeys(DELIVERY_FAULTS, 0.2)

    def befell(seed: int) -> list[Any]:
        client = connect(serve(many()))
        client.sandbox.webhooks.faults = DeliveryFaults(rates, seed=seed)
        subscribe(client, STARTED, "root", receiver.url)
        client.sandbox.clock.advance(days=7)
        client.sandbox.webhooks.wait_until_sent()
        return [(one.event_id, one.faults, one.state, one.attempts) for one in client.sandbox.webhooks.deliveries]

    first = befell(1)
    assert first == befell(1)
    assert first != befell(2)


def test_mishaps_are_set_by_steering_and_from_the_command_line(client: Client) -> None:
    """What there is not is refused by name."""
    assert steer(client, "webhooks", rates={"drop": 0.5}, seed=3, batches="all")["rates"] == {"drop": 0.5}
    assert (client.sandbox.webhooks.faults, client.sandbox.webhooks.batches) == (
        DeliveryFaults({"drop": 0.5}, 3),
        "all",
    )
    assert DeliveryFaults.parse("drop=0.3, late=1", seed=4) == DeliveryFaults({"drop": 0.3, "late": 1.0}, 4)
    for text in ("drop", "fall=0.1", "drop=2"):
        with pytest.raises(ValueError, match=r"webhook fault|between 0 and 1"):
            DeliveryFaults.parse(text)
    refused = client.http.post("/sandbox/webhooks", json={"rates": {"fall": 1}})
    assert (refused.status_code, "no such webhook fault" in refused.text) == (400, True)


def test_a_year_of_deliveries_reaches_a_subscription_that_is_kept_alive(
    serve: Callable[..., Sandbox], connect: Callable[[Sandbox], Client], receiver: RecordingReceiver
) -> None:
    """Extended every 60 days; half a year of a second one, which nobody extends, ends with its 90 days."""
    client = connect(serve(many(365, minutes=1440)))
    kept = subscribe(client, STARTED, "root", f"{receiver.url}/kept")["webHookSubscriptionId"]
    subscribe(client, STARTED, "root", f"{receiver.url}/left")
    for _ in range(7):
        client.sandbox.clock.advance(days=60)
        more = {"subscriptionInfo": {"extendSubscriptionByDays": 60}}
        assert client.http.put(f"{HOOKS}/{kept}", json=more).status_code == 200
    taken = receiver.taken(client.sandbox)
    assert [one.in_short[1] for one in taken if one.path == "/kept"] == [f"e{number}" for number in range(365)]
    assert [one.in_short[1] for one in taken if one.path == "/left"] == [f"e{number}" for number in range(90)]
