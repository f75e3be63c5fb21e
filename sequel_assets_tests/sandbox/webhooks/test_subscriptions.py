"""Subscriptions: made, looked up, changed, renewed and deleted, and when they expire."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from sequel_assets_tests.sandbox.conftest import Client
from sequel_assets_tests.sandbox.receiver import RecordingReceiver
from sequel_assets_tests.sandbox.webhooks.subscribed import (
    ENDED,
    HOOKS,
    NINE,
    STARTED,
    ask,
    client,
    clock_time,
    event,
    iso,
    receiver,
    subscribe,
)

__all__ = ["client", "receiver"]


def look_up(client: Client, subscription_id: str) -> httpx.Response:
    return client.http.get(f"{HOOKS}/{quote(subscription_id, safe='')}")


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
