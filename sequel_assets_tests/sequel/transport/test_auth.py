"""One token for all threads: when it is fetched, by whom, and what happens when it is refused."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest

from sequel_assets.sequel import InvalidResponse, SequelClient, ServerError, SignInRefused
from sequel_assets_tests.sequel.conftest import NOW, SECRET, SleepingClock, Wire

GOOD = httpx.Response(200, json={"uid": "c"})
KEY = "a key that is long enough for HS256 to be content with it"


def bearers(wire: Wire) -> list[str]:
    return [request.headers["authorization"] for request in wire.requests]


def grant(**more: object) -> httpx.Response:
    return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", **more})


def test_the_token_is_asked_for_as_documented(wire: Wire, client: SequelClient) -> None:
    """A JSON body, not a form; once for two calls."""
    wire.replies = [GOOD]
    client.company("c")
    client.company("c")
    (sign_in,) = wire.sign_ins
    assert (sign_in.method, str(sign_in.url), "authorization" in sign_in.headers) == (
        "POST",
        "https://api.test/api/oauth/token",
        False,
    )
    assert json.loads(sign_in.content) == {
        "client_id": "the-client-id",
        "client_secret": SECRET,
        "audience": "https://www.introvoke.com/api",
        "grant_type": "client_credentials",
    }
    assert bearers(wire) == ["Bearer token-1", "Bearer token-1"]


def test_a_token_that_dies_mid_run_is_replaced(wire: Wire, client: SequelClient) -> None:
    """The call that met the 401 does not notice, and it counts as no retry."""
    wire.replies = [GOOD, httpx.Response(401, text="Token not found"), GOOD]
    client.company("c")
    client.company("c")
    assert bearers(wire) == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert client.stats.retries == 0


def test_a_fresh_token_that_is_refused_too_ends_it(wire: Wire, client: SequelClient) -> None:
    """Twice in a row: it is not the token."""
    wire.replies = [httpx.Response(401)]
    with pytest.raises(SignInRefused) as caught:
        client.company("c")
    assert (str(caught.value), caught.value.is_retryable) == (
        "Sequel refuses a fresh token as well (/api/v1/company/c)",
        False,
    )
    assert (len(wire.sign_ins), len(wire.requests)) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_sign_in_that_is_refused_is_told_at_once(wire: Wire, client: SequelClient, status: int) -> None:
    """Also a 404: it must never look like an event that vanished."""
    wire.token_replies = [httpx.Response(status, json={"errorMessage": f"no {SECRET} of ann@x.y"})]
    with pytest.raises(SignInRefused) as caught:
        client.company("c")
    assert (caught.value.status, caught.value.attempts, wire.requests) == (status, 1, [])
    assert str(caught.value).endswith(f"({status}) (/api/oauth/token)")


def test_the_sign_in_is_retried_by_the_same_rules_and_not_twice_over(wire: Wire, client: SequelClient) -> None:
    """Eight attempts in all, not eight for each attempt of the call."""
    wire.token_replies = [httpx.Response(503)]
    with pytest.raises(ServerError) as caught:
        client.company("c")
    assert (len(wire.sign_ins), caught.value.attempts, caught.value.path) == (8, 8, "/api/oauth/token")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": "t", "token_type": "mac"},
    ],
)
def test_a_token_that_is_none_is_an_invalid_answer(wire: Wire, client: SequelClient, answer: object) -> None:
    """It would go into a header."""
    wire.token_replies = [httpx.Response(200, json=answer)]
    with pytest.raises(InvalidResponse):
        client.company("c")
    assert wire.requests == []


@pytest.mark.parametrize(
    ("told", "lives_seconds"),
    [
        (grant(expires_in=1000), 940),
        (grant(expires_in="1000"), 940),
        (grant(expires_in=100), 90),
        (grant(access_token=jwt.encode({"exp": NOW + 1000}, KEY)), 940),
        (grant(access_token=jwt.encode({"exp": NOW - 8000, "iat": NOW - 9000}, KEY)), 940),
        (grant(expires_in="soon", access_token=jwt.encode({"exp": NOW + 1000}, KEY)), 940),
    ],
)
def test_a_token_is_replaced_before_it_expires(
    wire: Wire, client: SequelClient, clock: SleepingClock, told: httpx.Response, lives_seconds: float
) -> None:
    """By `expires_in`, else by the JWT; `iat` makes that independent of our clock. A minute early, or a tenth."""
    wire.replies, wire.token_replies = [GOOD], [told]
    client.company("c")
    clock.seconds = lives_seconds - 1
    client.company("c")
    assert len(wire.sign_ins) == 1
    clock.seconds = lives_seconds
    client.company("c")
    assert len(wire.sign_ins) == 2


@pytest.mark.parametrize(
    "told", [grant(), grant(expires_in=0), grant(expires_in=-5), grant(access_token=jwt.encode({"exp": 1}, KEY))]
)
def test_a_token_without_a_sensible_expiry_lives_until_the_first_401(
    wire: Wire, client: SequelClient, clock: SleepingClock, told: httpx.Response
) -> None:
    """Nonsense taken at its word would mean a new token for each request."""
    wire.replies, wire.token_replies = [GOOD], [told]
    for _ in range(3):
        client.company("c")
        clock.seconds += 10**6
    assert len(wire.sign_ins) == 1


def test_twenty_threads_share_one_token_and_its_replacement(wire: Wire) -> None:
    """All twenty meet the 401 of the first token together; one of them fetches the second."""
    together = threading.Barrier(20, timeout=30)
    lock = threading.Lock()
    sign_ins: list[int] = []
    refused: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            with lock:
                sign_ins.append(1)
                return httpx.Response(200, json={"access_token": f"token-{len(sign_ins)}"})
        if request.headers["authorization"] == "Bearer token-1":
            together.wait()
            with lock:
                refused.append("token-1")
            return httpx.Response(401)
        return httpx.Response(200, json={"uid": "c"})

    config = wire.client(max_concurrency=20).config
    with SequelClient(config, transport=httpx.MockTransport(answer)) as client, ThreadPoolExecutor(20) as threads:
        uids = [company.uid for company in threads.map(client.company, ["c"] * 20)]
    assert (uids, len(sign_ins), len(refused)) == (["c"] * 20, 2, 20)


def test_threads_that_wait_for_a_sign_in_share_its_failure(wire: Wire) -> None:
    """Twenty threads do not knock twenty times; each gets an error of its own."""
    knocks: list[int] = []
    everybody_waits = threading.Event()

    def answer(_request: httpx.Request) -> httpx.Response:
        knocks.append(1)
        everybody_waits.wait(10)
        return httpx.Response(401)

    config = wire.client(max_concurrency=20).config
    with SequelClient(config, transport=httpx.MockTransport(answer)) as client, ThreadPoolExecutor(20) as threads:
        tokens = client._session._tokens
        asked = [threads.submit(client.company, "c") for _ in range(20)]
        while len(tokens._changed._waiters) < 19:
            pass
        everybody_waits.set()
        errors = [one.exception(10) for one in asked]
    assert ({type(error) for error in errors}, len({id(error) for error in errors}), len(knocks)) == (
        {SignInRefused},
        20,
        1,
    )
