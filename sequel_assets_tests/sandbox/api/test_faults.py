"""Every quirk and fault over a real socket, and the rules of when they strike."""

import time

import httpx
import pytest

from sequel_assets.sandbox import FAULTS, QUIRKS, Attendance, Company, Event, Fault, Faults, Person, World
from sequel_assets_tests.sandbox.conftest import ADA, BO, NOW, at

ANY = "*"


@pytest.fixture
def client(serve, connect):
    """A client of an event of five people with 10, 8, 6, 4, 2 minutes; concurrency 5 at first and 1 at last."""
    rows = [Attendance(Person(f"P{i}", f"p{i}@x.org"), [(at(1, 9), 10 - 2 * i)]) for i in range(5)]
    world = World(
        [Company("root", "Root"), Company("kid", "Kid", "root"), Company("other", "Other", "root")],
        [
            Event("e", "kid", "E", at(1, 9), at(1, 10), attendance=rows),
            Event("silent", "kid", "S", at(1, 9), at(1, 10), attendance=[Attendance(ADA, [], [(at(1, 9), 1)])]),
        ],
        now=NOW,
    )
    return connect(serve(world))


def struck(client, fault: str | Fault, *path: str) -> httpx.Response:
    """The answer of a call on which one fault was scripted; participants of `e` unless told otherwise."""
    client.sandbox.faults.script(ANY, fault)
    answer = client.analytics(*path) if path else client.participants("e", limit="100")
    assert client.sandbox.faults.pending == 0
    return answer


def rows(answer: httpx.Response) -> list[tuple[str, int]]:
    return [(row["userEmail"], row["engagedMinutes"]) for row in answer.json()["topParticipants"]]


RIGHT = [("p0@x.org", 10), ("p1@x.org", 8), ("p2@x.org", 6), ("p3@x.org", 4), ("p4@x.org", 2)]
VIEWS = [[0, 5], [1, 5], [2, 4], [3, 4], [4, 3], [5, 3], [6, 2], [7, 2], [8, 1], [9, 1]]
WATCH = ("getVideoWatchOverTime", "e")


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


def struck_events(client, **query: str) -> list[str]:
    return [event["uid"] for event in client.api("company", "root", "events", **query).json()]


def test_a_list_is_capped_and_totals_are_wrong(client):
    """What a proof must notice."""
    assert rows(struck(client, Fault("capped", rows=2))) == RIGHT[:2]
    assert struck(client, "wrong_users").json()["numberOfUsers"] == 6
    assert struck(client, "wrong_minutes").json()["totalEngagedMinutes"] == 31


def test_rows_are_repeated_to_the_letter_or_split_in_two_spellings(client):
    """The totals stay right."""
    twice = struck(client, "duplicate_rows")
    assert rows(twice) == [RIGHT[0], RIGHT[0], RIGHT[1], RIGHT[2], RIGHT[3], RIGHT[3], RIGHT[4]]
    split = struck(client, "split_rows")
    assert rows(split)[:5] == [("p0@x.org", 5), RIGHT[1], ("p2@x.org", 3), RIGHT[3], ("p4@x.org", 1)]
    assert rows(split)[5:] == [(" P0@X.ORG", 5), (" P2@X.ORG", 3), (" P4@X.ORG", 1)]
    for answer in (twice.json(), split.json()):
        assert (answer["numberOfUsers"], answer["totalEngagedMinutes"]) == (5, 30)


def test_rows_are_split_for_people_only_when_the_totals_count_people(serve, connect):
    """Where one person has two spellings already, a split answer counts that person once."""
    event = Event(
        "e",
        "c",
        "E",
        at(1, 9),
        at(1, 10),
        attendance=[Attendance(ADA, [(at(1, 9), 4)]), Attendance(ADA, [(at(1, 10), 2)], email="ADA@x.org")],
    )
    client = connect(serve(World([Company("c", "C")], [event], now=NOW)))
    assert client.participants("e").json()["numberOfUsers"] == 2
    assert struck(client, "split_rows").json()["numberOfUsers"] == 1


def test_numbers_come_as_texts_as_floats_or_as_both(client):
    """12, "12", 12.0, "12.0"."""
    assert struck(client, "numbers_as_strings").json()["totalEngagedMinutes"] == "30"
    assert '"totalEngagedMinutes":30.0' in struck(client, "floats").text
    client.sandbox.faults.script(ANY, "floats")
    both = struck(client, "numbers_as_strings").json()
    assert (both["totalEngagedMinutes"], both["topParticipants"][0]["engagedMinutes"]) == ("30.0", "10.0")
    assert struck(client, "numbers_as_strings", *WATCH).json()["VideoViews"][0] == ["0", "5"]


def test_fields_are_missing_null_or_unknown(client):
    """What is needed stays; what may be absent goes."""
    missing = struck(client, "missing_fields").json()
    assert set(missing) == {
        "eventId",
        "eventType",
        "companyId",
        "startDate",
        "endDate",
        "numberOfUsers",
        "totalEngagedMinutes",
        "topParticipants",
    }
    assert rows(struck(client, "nulls")) == RIGHT
    client.sandbox.faults.script("*/event/*", "nulls")
    event = client.api("event", "e").json()
    assert (event["company"], event["liveEventManagement"], event["companyUid"]) == (None, None, "kid")
    extra = struck(client, "extra_fields").json()
    assert (extra["somethingNew"], extra["topParticipants"][0]["_v"]) == ({"a": [1, None]}, 2)


def test_concurrency_has_gaps_repeats_and_disorder(client):
    """A repeated minute is told again with fewer users; a gap is never the peak."""
    assert client.analytics(*WATCH).json()["VideoViews"] == VIEWS
    assert struck(client, "concurrency_gap", *WATCH).json()["VideoViews"] == VIEWS[:2] + VIEWS[3:]
    assert struck(client, "concurrency_twice", *WATCH).json()["VideoViews"] == [*VIEWS, [0, 4], [4, 2], [8, 0]]
    disordered = struck(client, "concurrency_disorder", *WATCH).json()["VideoViews"]
    assert (disordered != VIEWS, sorted(disordered)) == (True, VIEWS)


def test_an_event_without_live_minutes_may_have_no_concurrency_at_all(client):
    """404 as text in place of an empty list; an event with live minutes is served."""
    client.sandbox.faults.always(ANY, "empty_concurrency_404")
    assert client.analytics("getVideoWatchOverTime", "silent").text == "Event not found"
    assert client.analytics(*WATCH).json()["VideoViews"] == VIEWS


def test_a_company_lists_its_ancestors_itself_or_anothers_child(client):
    """Loops and two parents."""

    def listed(company: str, kind: str) -> list[str]:
        client.sandbox.faults.script("*/list", kind)
        return [company["uid"] for company in client.api("company", company, "list").json()]

    assert listed("kid", "company_loop") == ["kid", "root"]
    assert listed("other", "two_parents") == ["kid"]


def test_sub_companies_come_though_refused(client):
    """`includeSubCompanies=false` is ignored."""
    client.sandbox.faults.script("*/events*", "sub_companies_ignored")
    assert struck_events(client, includeSubCompanies="false") == ["e", "silent"]
    assert struck_events(client, includeSubCompanies="false") == []


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
