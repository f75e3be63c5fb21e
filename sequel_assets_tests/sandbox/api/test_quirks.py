"""Quirks of the data: lists, rows, numbers and fields as Sequel may send them."""

from sequel_assets.sandbox import Attendance, Company, Event, Fault, World
from sequel_assets_tests.sandbox.api.struck import ANY, RIGHT, client, rows, struck, struck_events
from sequel_assets_tests.sandbox.conftest import ADA, NOW, at

__all__ = ["client"]
VIEWS = [[0, 5], [1, 5], [2, 4], [3, 4], [4, 3], [5, 3], [6, 2], [7, 2], [8, 1], [9, 1]]
WATCH = ("getVideoWatchOverTime", "e")


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
