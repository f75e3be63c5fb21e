"""Subscriptions: what is asked, what is read, what is never asked twice, and what is never told."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from sequel_assets.sequel import (
    CreatedSubscription,
    HasError,
    InvalidResponse,
    SequelClient,
    Subscription,
)
from sequel_assets_tests.sequel.conftest import Wire
from sequel_assets_tests.sequel.endpoints.subscription_calls import (
    CAPABILITY,
    CREATED,
    ENDED,
    ENDPOINT,
    KEY,
    MADE,
    create,
    delete,
    extend,
)


def requested(wire: Wire) -> list[tuple[str, str, object]]:
    return [
        (request.method, str(request.url), json.loads(request.content) if request.content else None)
        for request in wire.requests
    ]


def test_creating_says_what_is_documented_and_no_more(wire: Wire, client: SequelClient) -> None:
    """Optional fields are left out, so that Sequel's defaults hold."""
    wire.replies = [httpx.Response(201, json=MADE)]
    assert client.create_subscription(ENDED, "root", ENDPOINT) == CREATED
    client.create_subscription("new-attendee-pre-registration", "kid", ENDPOINT, event_id="e1", length_in_days=365)
    assert requested(wire) == [
        (
            "POST",
            "https://api.test/api/integrations/webhooks",
            {"eventType": ENDED, "subscriptionInfo": {"companyId": "root", "endpoint": ENDPOINT}},
        ),
        (
            "POST",
            "https://api.test/api/integrations/webhooks",
            {
                "eventType": "new-attendee-pre-registration",
                "subscriptionInfo": {
                    "companyId": "kid",
                    "eventId": "e1",
                    "endpoint": ENDPOINT,
                    "subscriptionLengthInDays": 365,
                },
            },
        ),
    ]


def test_a_subscription_is_looked_up(wire: Wire, client: SequelClient) -> None:
    """Its fields stand in `subscriptionInfo`."""
    info = {"eventType": ENDED, "companyId": "root", "eventId": None, "endpoint": ENDPOINT, "expiresOn": "2026-05-03"}
    wire.replies = [httpx.Response(200, json={"webHookSubscriptionId": "s 1", "subscriptionInfo": info})]
    assert client.subscription("s 1") == Subscription(
        subscription_id="s 1",
        event_type=ENDED,
        company_id="root",
        endpoint=ENDPOINT,
        expires_on=datetime(2026, 5, 3, tzinfo=UTC),
    )
    assert requested(wire) == [("GET", "https://api.test/api/integrations/webhooks/s%201", None)]


def test_renewing_changing_and_deleting(wire: Wire, client: SequelClient) -> None:
    """The id is escaped; an empty body is asked for as an empty `subscriptionInfo`."""
    wire.replies = [httpx.Response(200, json=MADE)]
    assert client.renew_subscription("a/b") == CREATED
    client.renew_subscription("a/b", length_in_days=2)
    client.update_subscription("a/b", endpoint=ENDPOINT)
    client.update_subscription("a/b", endpoint=ENDPOINT, extend_by_days=365)
    client.delete_subscription("a/b")
    base = "https://api.test/api/integrations/webhooks"
    assert requested(wire) == [
        ("POST", f"{base}/renew/a%2Fb", {"subscriptionInfo": {}}),
        ("POST", f"{base}/renew/a%2Fb", {"subscriptionInfo": {"subscriptionLengthInDays": 2}}),
        ("PUT", f"{base}/a%2Fb", {"subscriptionInfo": {"endpoint": ENDPOINT}}),
        ("PUT", f"{base}/a%2Fb", {"subscriptionInfo": {"endpoint": ENDPOINT, "extendSubscriptionByDays": 365}}),
        ("DELETE", f"{base}/a%2Fb", None),
    ]


@pytest.mark.parametrize("days", [-1, 0, 1, 366, 2.5, True, "90"])
def test_lengths_that_sequel_refuses_are_refused_before_asking(wire: Wire, client: SequelClient, days: object) -> None:
    """2 to 365, for each of the three calls that take one."""
    for ask in (
        lambda: client.create_subscription(ENDED, "root", ENDPOINT, length_in_days=days),  # type: ignore[arg-type]
        lambda: client.renew_subscription("s", length_in_days=days),  # type: ignore[arg-type]
        lambda: client.update_subscription("s", extend_by_days=days),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="must be a whole number from 2 to 365"):
            ask()
    assert (wire.requests, wire.sign_ins) == ([], [])


def test_what_makes_no_sense_is_refused_before_asking(wire: Wire, client: SequelClient) -> None:
    """Without quoting an endpoint, whose path may hold a capability."""
    for endpoint in (
        "",
        "hooks.example.com/x",
        f"ftp://x/{CAPABILITY}",
        f"https:///{CAPABILITY}",
        "https://x:0/y",
        "https://x/ y",
    ):
        with pytest.raises(ValueError, match=r"^endpoint must be an http\(s\) address, such as [^ ]*$"):
            client.create_subscription(ENDED, "root", endpoint)
    with pytest.raises(ValueError, match="company_id must not be empty"):
        client.create_subscription(ENDED, " ", ENDPOINT)
    with pytest.raises(ValueError, match="an endpoint or extend_by_days is needed"):
        client.update_subscription("s")
    with pytest.raises(ValueError, match="an id must not be empty"):
        client.delete_subscription("")
    assert wire.requests == []


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-05-03T02:40:00Z",
        "2026-05-03T02:40:00",
        "2026-05-03T04:40:00.000+02:00",
        1777776000,
        1777776000000,
        "1777776000000",
        1777776000.0,
        "Sun, 03 May 2026 02:40:00 GMT",
    ],
)
def test_a_date_is_read_in_several_spellings(wire: Wire, client: SequelClient, spelling: object) -> None:
    """All of the same moment."""
    wire.replies = [httpx.Response(201, json={**MADE, "expiresOn": spelling})]
    assert create(client) == CREATED


@pytest.mark.parametrize("spelling", [None, "", "in three months", [1], True, "9" * 30, 10**30])
def test_a_date_that_cannot_be_read_loses_no_key(wire: Wire, client: SequelClient, spelling: object) -> None:
    """It is not known then, and so it is when it is missing."""
    wire.replies = [httpx.Response(201, json={**MADE, "expiresOn": spelling})]
    assert create(client) == CreatedSubscription(subscription_id="s 1", client_secret=SecretStr(KEY))
    wire.replies = [httpx.Response(201, json={"webHookSubscriptionId": "s 1", "clientSecret": KEY})]
    assert create(client) == CreatedSubscription(subscription_id="s 1", client_secret=SecretStr(KEY))


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b"null", b'"updated"'])
def test_changing_and_deleting_believe_the_status(wire: Wire, client: SequelClient, body: bytes) -> None:
    """What stands in the body is not documented, or not needed."""
    wire.replies = [httpx.Response(200, content=body)]
    assert (extend(client), delete(client), len(wire.requests)) == (None, None, 2)


def test_a_proxys_page_is_no_success(wire: Wire, client: SequelClient) -> None:
    """Nor is Sequel's own error envelope."""
    wire.replies = [httpx.Response(200, text="<html>Just a moment</html>")]
    with pytest.raises(InvalidResponse):
        extend(client)
    wire.replies = [httpx.Response(200, json={"hasError": True})]
    with pytest.raises(HasError):
        delete(client)
