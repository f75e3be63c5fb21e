"""The verdict table row by row, at the wire; and how long the client goes on trying."""

import email.utils
import socket
import ssl

import httpx
import pytest

from sequel_assets.sequel import (
    BadRequest,
    Company,
    Forbidden,
    HasError,
    Interrupted,
    InvalidResponse,
    NotFound,
    SequelClient,
    SequelError,
    ServerError,
    Throttled,
    Unreachable,
)
from sequel_assets_tests.sequel.conftest import NOW, Reply, SleepingClock, Wire

GOOD = httpx.Response(200, json={"uid": "c"})


def caused(cause: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError("in a body or not: Ann@x.y")
    error.__cause__ = cause
    return error


RETRIED: list[tuple[Reply, type[SequelError]]] = [
    (httpx.Response(500), ServerError),
    (httpx.Response(503, text="<html>"), ServerError),
    (httpx.Response(403), Forbidden),
    (httpx.Response(200, json={"hasError": True, "errorMessage": "no"}), HasError),
    (httpx.Response(200, json={"hasError": "true"}), HasError),
    (httpx.Response(200, text="<html>busy</html>"), InvalidResponse),
    (httpx.Response(200, text=""), InvalidResponse),
    (httpx.Response(200, text='{"uid": '), InvalidResponse),
    (httpx.ReadTimeout("x"), Interrupted),
    (httpx.ReadError("x"), Interrupted),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), Interrupted),
    (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), InvalidResponse),
    (httpx.DecodingError("x"), InvalidResponse),
    (httpx.ConnectTimeout("x"), Unreachable),
]


@pytest.mark.parametrize(("reply", "kind"), RETRIED, ids=repr)
def test_what_may_pass_is_tried_again(wire: Wire, client: SequelClient, reply: Reply, kind: type[SequelError]) -> None:
    """Once: nobody notices. For ever: eight attempts, then its own error, which knows that trying later may help."""
    wire.replies = [reply, GOOD]
    assert client.company("c") == Company(uid="c")
    assert (client.stats.retries, len(wire.requests)) == (1, 2)
    wire.replies, wire.requests[:] = [reply], []
    with pytest.raises(kind) as caught:
        client.company("c")
    assert (type(caught.value), caught.value.attempts, caught.value.is_retryable, len(wire.requests)) == (
        kind,
        8,
        True,
        8,
    )


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (httpx.Response(400, json={}), BadRequest, "refused (400) (/api/v1/company/c)"),
        (httpx.Response(422), BadRequest, "refused (422) (/api/v1/company/c)"),
        (httpx.Response(404, text="Event not found"), NotFound, "not found (404) (/api/v1/company/c)"),
        (
            httpx.Response(302, headers={"location": "/login"}),
            InvalidResponse,
            "redirected elsewhere (/api/v1/company/c)",
        ),
        (
            caused(ssl.SSLCertVerificationError("x")),
            Unreachable,
            "cannot reach api.test: the TLS certificate is not trusted (/api/v1/company/c)",
        ),
    ],
)
def test_what_stays_is_told_at_once(
    wire: Wire, client: SequelClient, reply: Reply, kind: type[SequelError], message: str
) -> None:
    """No second request, and one clear line."""
    wire.replies = [reply]
    with pytest.raises(kind) as caught:
        client.company("c")
    assert (str(caught.value), caught.value.attempts, caught.value.is_retryable) == (message, 1, False)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (socket.gaierror(-2, "x"), "the host name is not known (DNS)"),
        (ConnectionRefusedError(), "the connection was refused"),
        (ssl.SSLError("x"), "the TLS handshake failed"),
        (OSError("x"), "there is no way to the host"),
    ],
)
def test_a_host_that_is_not_there_is_tried_only_briefly(
    wire: Wire, client: SequelClient, cause: Exception, reason: str
) -> None:
    """Three attempts; the reason is in words."""
    wire.replies = [caused(cause)]
    with pytest.raises(Unreachable) as caught:
        client.company("c")
    assert (caught.value.reason, caught.value.attempts, caught.value.__cause__, caught.value.__context__) == (
        reason,
        3,
        None,
        None,
    )


def test_403_on_the_list_of_companies_is_the_licence_and_told_at_once(wire: Wire, client: SequelClient) -> None:
    """Elsewhere it is a quota; here it will not pass."""
    wire.replies = [httpx.Response(403, json={"hasError": True, "errorMessage": "License invalid"})]
    with pytest.raises(Forbidden) as caught:
        client.sub_companies("c")
    assert (str(caught.value), caught.value.is_retryable) == (
        "access is forbidden (403), JSON: license (/api/v1/company/c/list)",
        False,
    )


def test_an_answer_too_large_is_cut_off(wire: Wire) -> None:
    """The bound holds for what comes out of the compression."""
    wire.replies = [httpx.Response(200, content=b'"' + b"x" * 2000 + b'"')]
    with wire.client(max_body_bytes=1000) as client, pytest.raises(InvalidResponse) as caught:
        client.company("c")
    assert (caught.value.fault, caught.value.attempts) == ("too large", 1)


def test_an_answer_compressed_twice_is_refused(wire: Wire, client: SequelClient) -> None:
    """Each layer could multiply its size by a thousand."""
    wire.replies = [httpx.Response(200, headers={"content-encoding": "br, zstd"}, content=b"x")]
    with pytest.raises(InvalidResponse, match="compressed more than once"):
        client.company("c")


def test_retry_after_in_seconds_is_a_minimum(wire: Wire, client: SequelClient, clock: SleepingClock) -> None:
    """Two seconds are two seconds, for this request and for all others."""
    wire.replies = [httpx.Response(429, headers={"retry-after": "2"}), GOOD]
    client.company("c")
    assert clock.seconds >= 2.0
    assert (client.stats.throttled, client.stats.retries, client.stats.seconds_waited) == (1, 1, clock.seconds)


def test_retry_after_as_a_date_is_measured_by_the_servers_own_clock(
    wire: Wire, client: SequelClient, clock: SleepingClock
) -> None:
    """Ours may be an hour off; the answer's `Date` is not."""
    sent, until = (email.utils.formatdate(NOW + 3600 + ahead, usegmt=True) for ahead in (0, 7))
    wire.replies = [httpx.Response(503, headers={"retry-after": until, "date": sent}), GOOD]
    client.company("c")
    assert 7.0 <= clock.seconds < 8.0
    assert client.stats.clock_skew_seconds == pytest.approx(3600)


def test_retry_after_as_a_date_without_a_date_uses_our_clock(
    wire: Wire, client: SequelClient, clock: SleepingClock
) -> None:
    """Better than nothing."""
    wire.replies = [httpx.Response(503, headers={"retry-after": email.utils.formatdate(NOW + 5, usegmt=True)}), GOOD]
    client.company("c")
    assert 5.0 <= clock.seconds < 6.0
    assert client.stats.clock_skew_seconds is None


@pytest.mark.parametrize(("wish", "longest_seconds"), [("86400", 60.0), ("-1", 1.0), ("soon", 1.0), ("9" * 500, 60.0)])
def test_an_odd_retry_after_holds_nobody_up(
    wire: Wire, client: SequelClient, clock: SleepingClock, wish: str, longest_seconds: float
) -> None:
    """At most a minute."""
    wire.replies = [httpx.Response(429, headers={"retry-after": wish}), GOOD]
    client.company("c")
    assert clock.seconds <= longest_seconds


def test_a_minute_of_429_is_survived(wire: Wire, client: SequelClient, clock: SleepingClock) -> None:
    """Throttled attempts are the budget's, not the counter's."""
    wire.replies = [GOOD]
    wire.answer = lambda _request: httpx.Response(429) if clock.seconds < 60 else GOOD
    assert client.company("c") == Company(uid="c")
    assert 60 <= clock.seconds < 120


def test_the_budget_ends_in_the_last_error(wire: Wire, clock: SleepingClock) -> None:
    """It counts from the first failure, and a wait that would break it is not begun."""
    wire.replies = [httpx.Response(429, headers={"retry-after": "20"})]
    with wire.client(retry_budget_seconds=50.0) as client, pytest.raises(Throttled) as caught:
        client.company("c")
    assert (str(caught.value), clock.seconds) == ("too many requests (429) (/api/v1/company/c), tried 3 times", 40.0)


def test_without_a_sleep_that_takes_time_the_budget_ends_as_well(wire: Wire) -> None:
    """The waits are counted too, not the clock alone."""
    wire.replies = [httpx.Response(429, headers={"retry-after": "20"})]
    client = SequelClient(wire.client().config, transport=httpx.MockTransport(wire.handle), sleep=lambda _seconds: None)
    with client, pytest.raises(Throttled) as caught:
        client.company("c")
    assert caught.value.attempts == 7


def test_one_attempt_means_no_second_one(wire: Wire) -> None:
    """Not for a 429 either."""
    wire.replies = [httpx.Response(429)]
    with wire.client(max_attempts=1) as client, pytest.raises(Throttled) as caught:
        client.company("c")
    assert (caught.value.attempts, len(wire.requests)) == (1, 1)


def test_a_closed_client_says_so(wire: Wire, client: SequelClient) -> None:
    """And closing twice does no harm."""
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.company("c")
