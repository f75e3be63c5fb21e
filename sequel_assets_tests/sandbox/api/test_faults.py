"""Every quirk and fault over a real socket, and the rules of when they strike."""

import time

import httpx
import pytest

from sequel_assets.sandbox import FAULTS, QUIRKS, Fault, Faults
from sequel_assets_tests.sandbox.api.struck import ANY, RIGHT, client, rows, struck, struck_events
from sequel_assets_tests.sandbox.conftest import BO

__all__ = ["client"]


def test_every_kind_is_either_a_quirk_or_a_fault():
    """And none is both."""
    assert not FAULTS & QUIRKS
    assert (len(FAULTS), len(QUIRKS)) == (22, 16)


@pytest.mark.parametrize(
    ("kind", "status", "type_", "start"),
    [
        ("http_403", 403, "application/json; charset=utf-8", '{"hasError":true'),
        ("http_404", 404, "text/plain; charset=utf-8", "Event not found"),
        ("http_429", 429, "application/json; charset=utf-8", '{"hasError":true'),
        ("http_500", 500, "text/html; charset=utf-8", "<html>"),
        ("http_502", 502, "text/html; charset=utf-8", "<html>"),
        ("http_503", 503, "text/html; charset=utf-8", "<html>"),
        ("html_200", 200, "text/html; charset=utf-8", "<html>"),
        ("has_error", 200, "application/json; charset=utf-8", '{"hasError":true'),
        ("not_json", 200, "application/json; charset=utf-8", '{"VideoViews": [[1, 2], oops'),
    ],
)
def test_an_answer_is_replaced_once_and_then_right_again(client, kind, status, type_, start):
    """Scripted for one request, so the next is served."""
    answer = struck(client, kind)
    assert (answer.status_code, answer.headers["content-type"]) == (status, type_)
    assert answer.text.startswith(start)
    assert rows(client.participants("e")) == RIGHT


def test_a_429_may_say_when_to_come_back(client):
    """With and without Retry-After."""
    assert "Retry-After" not in struck(client, "http_429").headers
    assert struck(client, Fault("http_429_retry_after", seconds=3)).headers["Retry-After"] == "3"


@pytest.mark.parametrize(("kind", "text"), [("http_401", "Token not found"), ("http_401_json", '{"hasError":true')])
def test_a_token_dies_until_a_new_one_is_fetched(client, kind, text):
    """Not for one request: the old token stays dead."""
    answer = struck(client, kind)
    assert (answer.status_code, answer.text[: len(text)]) == (401, text)
    assert client.participants("e").status_code == 401
    client.sign_in()
    assert rows(client.participants("e")) == RIGHT


def test_all_tokens_die_at_once(client, connect):
    """By a fault, or by the sandbox's owner."""
    other = connect(client.sandbox)
    assert struck(client, "revoke_tokens").status_code == 401
    assert other.participants("e").status_code == 401
    other.sign_in()
    client.sandbox.revoke_tokens()
    assert other.participants("e").status_code == 401


def test_a_connection_breaks_in_three_ways(client):
    """Reset or closed before the answer, or closed in the middle of its body; the next request is served."""
    for kind, error in (
        ("reset", httpx.ReadError),
        ("closed", httpx.RemoteProtocolError),
        ("truncated", httpx.RemoteProtocolError),
    ):
        client.sandbox.faults.script(ANY, kind)
        with pytest.raises(error):
            client.participants("e")
        assert rows(client.participants("e")) == RIGHT
    assert [r.status for r in client.sandbox.requests if r.fault] == [0, 0, 200]


def test_a_slow_answer_is_right_and_delays_no_other(client, connect):
    """Its seconds are its own."""
    other = connect(client.sandbox)
    client.sandbox.faults.script("*top-participants*", Fault("slow", seconds=2))
    began = time.perf_counter()
    with pytest.raises(httpx.ReadTimeout):
        client.http.get("/api/analytics/user-engagement/events/e/top-participants", timeout=0.1)
    assert other.participants("e").status_code == 200
    assert time.perf_counter() - began < 2
    assert struck(client, Fault("slow", seconds=0.1)).elapsed.total_seconds() >= 0.1


def test_a_huge_answer_is_right_behind_megabytes_of_blanks(client):
    """So that only a bound on the body protects a client."""
    answer = struck(client, Fault("huge", megabytes=3))
    assert len(answer.content) > 3_000_000
    assert rows(answer) == RIGHT


def test_an_event_vanishes_for_good(client):
    """404 from now on, and not listed any more; until it reappears."""
    assert (struck(client, "vanished").status_code, struck_events(client)) == (404, ["silent"])
    assert client.api("event", "e").text == "Event not found"
    client.sandbox.world.reappear("e")
    assert struck_events(client) == ["e", "silent"]


def test_an_answer_may_be_zipped_and_its_date_skewed(client):
    """Zipped only for who accepts it."""
    zipped = struck(client, "gzip")
    assert (zipped.headers["Content-Encoding"], rows(zipped)) == ("gzip", RIGHT)
    client.http.headers["Accept-Encoding"] = "identity"
    assert "Content-Encoding" not in struck(client, "gzip").headers
    assert struck(client, Fault("date_skewed", seconds=90)).headers["Date"] == "Mon, 02 Mar 2026 14:21:30 GMT"


def test_sign_in_can_fail_too(client):
    """With what befalls any call, but never as a refusal."""
    client.sandbox.faults.always("*", "http_401")
    client.sandbox.faults.script("/api/oauth/token", "http_503")
    assert client.http.post("/api/oauth/token", json={}).status_code == 503
    assert client.http.post("/api/oauth/token", json={}).status_code == 400


def test_a_script_is_followed_in_order_and_by_path(client):
    """First a 500, twice a 429, then right; another path is not touched. The log tells what struck."""
    client.sandbox.faults = Faults(script=[("*/events/e/*", "http_500", 1), ("*/events/e/*", "http_429", 2)])
    client.sandbox.requests.clear()
    assert client.participants("silent").status_code == 200
    assert [client.participants("e").status_code for _ in range(4)] == [500, 429, 429, 200]
    assert [r.fault for r in client.sandbox.requests] == [None, "http_500", "http_429", "http_429", None]


def test_a_pattern_may_name_the_query_and_the_decoded_path():
    """Matched with the path, or with path and query, as sent or decoded."""
    faults = Faults(paths=[("*limit=1", "http_500"), ("*/a b/*", "gzip")])
    assert [f.kind for f in faults.choose("/x", "limit=1", "participants")] == ["http_500"]
    assert [f.kind for f in faults.choose("/x/a%20b/y", "limit=2", "participants")] == ["gzip"]
    assert faults.choose("/x", "limit=10", "participants") == []


def test_rates_are_kept_and_the_same_sequence_has_the_same_faults():
    """Deterministic per path and query; a share of all requests."""

    def outcome(seed: int) -> list[list[str]]:
        faults = Faults({"http_500": 0.2, "gzip": 0.5}, seed=seed)
        return [[f.kind for f in faults.choose(f"/{i % 50}", "", "event")] for i in range(1000)]

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)
    assert 120 < sum("http_500" in kinds for kinds in outcome(1)) < 280
    assert 400 < sum("gzip" in kinds for kinds in outcome(1)) < 600


def test_a_rate_never_strikes_the_same_request_more_than_twice_in_a_row():
    """So that a client that asks again can win; quirks are not bounded, for they need no second try."""
    faults = Faults({"http_500": 1.0, "gzip": 1.0}, max_in_a_row=2)
    kinds = [[f.kind for f in faults.choose("/e", "", "event")] for _ in range(6)]
    assert kinds == [["gzip", "http_500"], ["gzip", "http_500"], ["gzip"]] * 2


def test_faults_are_parsed_from_the_command_line():
    """`kind=rate` by commas; what there is not is named."""
    faults = Faults.parse("http_500=1, gzip=0")
    assert [f.kind for f in faults.choose("/e", "", "event")] == ["http_500"]
    for text, message in (("oops=1", "no such fault: 'oops'"), ("slow", "kind=rate"), ("slow=2", "between 0 and 1")):
        with pytest.raises(ValueError, match=message):
            Faults.parse(text)


def test_cleared_faults_are_gone(client):
    """Rates, scripts and paths alike."""
    client.sandbox.faults.always(ANY, "http_500")
    client.sandbox.faults.rate({"http_502": 1.0})
    client.sandbox.faults.clear()
    assert rows(client.participants("e")) == RIGHT
    assert BO.email == "bo+team@x.org"
