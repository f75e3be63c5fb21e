"""Calls about subscriptions that fail: what is repeated, what is in doubt, and that no secret is shown."""

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sequel_assets.sandbox import Company, Sandbox, World
from sequel_assets.sequel import (
    BadRequest,
    Forbidden,
    Interrupted,
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

Ask = Callable[[SequelClient], object]


def renew(client: SequelClient) -> object:
    return client.renew_subscription("s 1")


def look_up(client: SequelClient) -> object:
    return client.subscription("s 1")


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
