"""Subscriptions: what is asked, what is read, what is never asked twice, and what is never told."""

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from sequel_assets.sandbox import Company, Sandbox, World
from sequel_assets.sequel import (
    BadRequest,
    CreatedSubscription,
    Forbidden,
    HasError,
    Interrupted,
    InvalidAnswer,
    NotFound,
    SequelClient,
    SequelError,
    ServerError,
    Subscription,
    Throttled,
    Uncertain,
    Unreachable,
)
from sequel_assets_tests.sequel.conftest import Reply, Wire, config

ENDED = "virtual-stage-event-ended"
CAPABILITY = "c4p4b1l1ty-nobody-guesses"
ENDPOINT = f"https://hooks.example.com/sequel/{CAPABILITY}"
KEY = "the-key-of-the-subscription"
EXPIRY = datetime(2026, 5, 3, 2, 40, tzinfo=UTC)
MADE = {"webHookSubscriptionId": "s 1", "clientSecret": KEY, "expiresOn": "2026-05-03T02:40:00.000Z"}
CREATED = CreatedSubscription(subscription_id="s 1", client_secret=SecretStr(KEY), expires_on=EXPIRY)

Ask = Callable[[SequelClient], object]


def create(client: SequelClient) -> object:
    return client.create_subscription(ENDED, "root", ENDPOINT)


def renew(client: SequelClient) -> object:
    return client.renew_subscription("s 1")


def extend(client: SequelClient) -> object:
    return client.update_subscription("s 1", extend_by_days=90)


def delete(client: SequelClient) -> object:
    return client.delete_subscription("s 1")


def look_up(client: SequelClient) -> object:
    return client.subscription("s 1")


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
    with pytest.raises(InvalidAnswer):
        extend(client)
    wire.replies = [httpx.Response(200, json={"hasError": True})]
    with pytest.raises(HasError):
        delete(client)


@pytest.mark.parametrize("ask", [create, renew])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (httpx.ReadTimeout("x"), "the answer timed out (api.test)"),
        (httpx.WriteError("x"), "the connection was lost (api.test)"),
        (httpx.Response(500), "Sequel has an error of its own (500)"),
        (httpx.Response(503, headers={"retry-after": "1"}), "Sequel has an error of its own (503)"),
        (httpx.Response(200, text="<html>"), "HTML instead of JSON"),
        (httpx.Response(200, json={"hasError": True}), "Sequel reports an error"),
        (
            httpx.Response(201, json={"webHookSubscriptionId": "s"}),
            "an answer that makes no sense: clientSecret is missing",
        ),
    ],
    ids=repr,
)
def test_what_may_have_been_done_is_not_asked_again(
    wire: Wire, client: SequelClient, ask: Ask, reply: Reply, reason: str
) -> None:
    """One request, and an error that says that the outcome is open: another subscription, or a key void twice, is worse."""
    wire.replies = [reply, httpx.Response(201, json=MADE)]
    with pytest.raises(Uncertain) as caught:
        ask(client)
    error = caught.value
    assert error.message == f"it may or may not be done: {reason}"
    assert (error.attempts, error.is_retryable, len(wire.requests)) == (1, False, 1)
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("ask", [create, renew])
@pytest.mark.parametrize(
    "reply", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.Response(429), httpx.Response(403)], ids=repr
)
def test_what_was_surely_not_done_is_asked_again(wire: Wire, client: SequelClient, ask: Ask, reply: Reply) -> None:
    """No connection, or a refusal that may pass; a token that died as well."""
    wire.replies = [reply, httpx.Response(401, text="Token not found"), httpx.Response(201, json=MADE)]
    assert ask(client) == CREATED
    assert len(wire.requests) == 3


@pytest.mark.parametrize("ask", [create, renew])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(400), BadRequest),
        (httpx.Response(404), NotFound),
        (httpx.Response(429), Throttled),
        (httpx.Response(403), Forbidden),
        (httpx.ConnectError("x"), Unreachable),
    ],
    ids=repr,
)
def test_what_was_surely_not_done_is_told_by_its_own_name(
    wire: Wire, client: SequelClient, ask: Ask, reply: Reply, kind: type[SequelError]
) -> None:
    """So that `Uncertain` means what it says."""
    wire.replies = [reply]
    with pytest.raises(SequelError) as caught:
        ask(client)
    assert type(caught.value) is kind


def test_a_sign_in_that_fails_leaves_nothing_in_doubt(wire: Wire, client: SequelClient) -> None:
    """The call itself was never sent."""
    wire.token_replies = [httpx.Response(500)]
    with pytest.raises(ServerError):
        create(client)
    assert wire.requests == []


@pytest.mark.parametrize("ask", [extend, delete, look_up])
def test_the_other_calls_are_asked_again_as_ever(wire: Wire, client: SequelClient, ask: Ask) -> None:
    """Looking up and deleting twice does no harm, and extending twice only gives more days."""
    wire.replies = [httpx.ReadTimeout("x"), httpx.Response(500), httpx.Response(200, json=MADE)]
    ask(client)
    assert len(wire.requests) == 3
    wire.replies = [httpx.ReadTimeout("x")]
    with pytest.raises(Interrupted):
        ask(client)
    wire.replies = [httpx.Response(404)]
    with pytest.raises(NotFound):
        ask(client)


@pytest.mark.parametrize("ask", [create, renew, extend, delete, look_up])
@pytest.mark.parametrize("status", [200, 201, 400, 404, 500])
@pytest.mark.parametrize("body", [{"errorMessage": f"{ENDPOINT} {CAPABILITY} refused", "hasError": True}, [KEY], MADE])
def test_no_key_and_no_capability_is_told(
    wire: Wire, client: SequelClient, caplog: pytest.LogCaptureFixture, ask: Ask, status: int, body: object
) -> None:
    """Neither by a repr, nor by an error or what is chained to it, nor by a log; not even when Sequel quotes them."""
    caplog.set_level(logging.DEBUG)
    wire.replies = [httpx.Response(status, json=body)]
    sent = ENDPOINT if ask is create else None
    try:
        told = repr(ask(client))
    except SequelError as error:
        told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    told += caplog.text + repr(client)
    assert KEY not in told
    assert sent is None or CAPABILITY not in told


def test_the_reprs_hold_no_secret() -> None:
    """Models end up in logs by accident."""
    assert repr(CREATED) == (
        "CreatedSubscription(subscription_id='s 1', client_secret=SecretStr('**********'), "
        "expires_on=datetime.datetime(2026, 5, 3, 2, 40, tzinfo=datetime.timezone.utc))"
    )
    assert CAPABILITY not in repr(Subscription(subscription_id="s", endpoint=ENDPOINT))


def test_the_calls_work_over_a_socket() -> None:
    """From the first to the last, with quirks, against a sandbox."""
    now = datetime(2026, 2, 1, tzinfo=UTC)
    quirks = {"missing_fields": 0.5, "nulls": 0.5, "extra_fields": 0.5, "gzip": 0.5}
    with Sandbox(World([Company("root", "Root")], now=now), faults=quirks) as sandbox:
        known = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        with SequelClient(config(api_url=sandbox.url, analytics_url=sandbox.url, **known)) as client:
            made = client.create_subscription(ENDED, "root", ENDPOINT, length_in_days=10)
            assert made.expires_on == now + timedelta(days=10)
            client.update_subscription(made.subscription_id, extend_by_days=5)
            renewed = client.renew_subscription(made.subscription_id)
            assert renewed.client_secret != made.client_secret
            found = client.subscription(made.subscription_id)
            assert (found.endpoint, found.company_id, found.expires_on) == (ENDPOINT, "root", now + timedelta(days=90))
            client.delete_subscription(made.subscription_id)
            with pytest.raises(NotFound):
                client.subscription(made.subscription_id)
            with pytest.raises(NotFound):
                client.create_subscription(ENDED, "nobody", ENDPOINT)
            sandbox.faults.script("*/webhooks", "truncated")
            with pytest.raises(Uncertain):
                client.create_subscription(ENDED, "root", ENDPOINT)
            assert len(sandbox.webhooks.subscriptions.all()) == 1
