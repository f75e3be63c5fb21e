"""Lists that are not what they seem: cut off, in two spellings, with dates at the ends of the calendar, or not there yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core import bounded_wait
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.discovery import list_requests
from sequel_assets.sandbox import HUB, Attendance, Company, Event, Faults, Person, Room
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, events
from sequel_assets_tests.support.harness import ADA, BO, Platform, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import read_tables

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
TWO = [day(7), day(8)]


def several(number: int = 5, company: str = "kid", **more: Any) -> list[Event]:
    """Return events of the 7th, each with two people."""
    rows = [Attendance(ADA, live=[(at(7), 5)]), Attendance(BO, on_demand=[(at(7, 12), 3)])]
    return [
        event(f"{'e' if company == 'kid' else company}{n}", company, at(7), rows, **more) for n in range(1, number + 1)
    ]


def minutes(it: Platform) -> dict[tuple[str, str], int]:
    """Return the engaged minutes of each event, at its company."""
    p = event_participants.c
    query = sa.select(p.company_id, p.event_id, sa.func.sum(p.engaged_minutes)).group_by(p.company_id, p.event_id)
    with it.warehouse.read() as connection:
        return {(company, event_id): int(sum_) for company, event_id, sum_ in connection.execute(query)}


def said(it: Platform) -> dict[tuple[str, str, str], str]:
    """Return what stands as a problem, by company, dataset and event; all of them without a day."""
    assert {problem[2] for problem in it.problems()} <= {NO_DAY}
    return {(company, dataset, event_id): reason for company, dataset, _, event_id, reason in it.problems()}


# ------------------------------------------------------------------ a list that ends too soon

Answers = Callable[[str, Callable[[Any], Any]], None]


def hide(answers: Answers, *event_ids: str) -> set[str]:
    """Leave events out of every list; return which, to be changed."""
    hidden = {*event_ids}
    answers("events", lambda document: [listed for listed in document if listed["uid"] not in hidden])
    return hidden


def test_events_that_a_company_names_and_does_not_list_are_asked_for_singly(
    warehouse: Warehouse, answers: Answers
) -> None:
    """The list ends at two of five, and nothing is missing; an hour of today alone goes by what is known."""
    with platform(world_of(*several()), warehouse, start=day(7)) as it:
        hide(answers, "e3", "e4", "e5")
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert it.problems() == []
        it.sandbox.clock.advance(hours=1)
        assert failures(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}})) == []
        it.assert_true(TWO, but=["refreshes"])


@SQLITE
def test_an_event_that_is_named_and_not_known_is_no_event_any_more_and_said(
    warehouse: Warehouse, answers: Answers
) -> None:
    """It fails nothing, now or later; one 404 is not believed."""
    with platform(world_of(*several()), warehouse, start=day(7)) as it:
        hide(answers, "e3", "e4", "e5")
        it.sandbox.faults.script("/api/v1/event/e3", "http_404")
        it.sandbox.faults.always("/api/v1/event/e5", "http_404")
        assert failures(it.refresh(TWO)) == []
        assert {event_id for _, event_id in minutes(it)} == {"e1", "e2", "e3", "e4"}
        assert said(it) == {
            ("kid", "events", "e5"): "its company names it in eventIds, and Sequel neither lists nor knows it (404): "
            "taken for deleted, nothing is requested of it"
        }


@SQLITE
def test_an_event_that_is_named_and_cannot_be_looked_up_is_asked_for_by_its_id_and_fails_by_name(
    warehouse: Warehouse, answers: Answers
) -> None:
    """Its minutes are had; where it begins is not known, so its concurrency cannot be placed. Later all is right."""
    with platform(world_of(*several()), warehouse, start=day(7), quick=True) as it:
        hidden = hide(answers, "e5")
        it.sandbox.faults.always("/api/v1/event/e5", "http_500")
        bad = failures(it.refresh(TWO))
        assert {one[:3] for one in bad if one[1].startswith("event_c")} == {("kid", "event_concurrency", day(7))}
        assert minutes(it)["kid", "e5"] == 8
        hidden.clear()
        it.sandbox.faults.clear()
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert it.problems() == []


@SQLITE
@pytest.mark.parametrize("told", [None, 5, "e1"])
def test_where_event_ids_are_not_told_the_list_is_all_there_is(warehouse: Warehouse, told: Any, answers: Any) -> None:
    """Nothing is made of what is not there; what cannot be read is said."""
    answers("company", lambda document: document | {"eventIds": told})
    with platform(world_of(*several()), warehouse, start=day(7)) as it:
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert {key[:2] for key in said(it)} == (
            {("kid", "events"), ("root", "events"), ("root", "companies")} if told else set()
        )


@SQLITE
def test_event_ids_in_another_spelling_are_the_events_that_are_listed(warehouse: Warehouse, answers: Answers) -> None:
    """Sequel does not know them as they are spelled there; nothing is missing, and nothing is said."""
    answers("company", lambda document: document | {"eventIds": [f" {one.upper()}" for one in document["eventIds"]]})
    with platform(world_of(*several(2)), warehouse, start=day(7)) as it:
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert it.problems() == []


@SQLITE
def test_more_events_than_can_be_asked_for_singly_fail_their_company_by_their_number(
    warehouse: Warehouse, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other company."""
    monkeypatch.setattr(list_requests, "MAX_UNLISTED", 2)
    hide(answers, "e3", "e4", "e5")
    with platform(world_of(*several(), *several(1, "root")), warehouse, start=day(7)) as it:
        bad = failures(it.refresh(TWO))
        assert {one[0] for one in bad if one[1] != "company_rollup"} == {"kid"}
        why = "its events cannot be listed: it names 3 events that its list of 2 does not hold"
        assert said(it)["kid", "events", ""] == why
        assert minutes(it) == {("root", "root1"): 8}


def test_a_list_of_people_that_looks_cut_off_is_held_or_named(warehouse: Warehouse, answers: Answers) -> None:
    """60 registered. A list that ends at 50 of them: the rows stay; at first contact activity knows that some lack."""
    crowd = [Person(f"P{n}", f"p{n}@example.org") for n in range(60)]
    with platform(world_of(*several(1, absentees=crowd)), warehouse, start=day(7)) as it:

        def registered() -> int:
            return len(read_tables(warehouse)["registrants"])

        longest = [50]
        answers("registrants", lambda listed: listed[: longest[0]])
        assert failures(it.refresh(TWO)) == []
        assert failures(it.refresh(TWO)) == []
        assert registered() == 50
        assert said(it)["kid", "registrants", "e1"].startswith(
            "lists 50 people, and 12 more are known by other answers: "
        )
        longest[0] = 100
        assert failures(it.refresh(TWO)) == []
        assert (registered(), it.problems()) == (62, [])
        longest[0] = 50
        ((*which, reason),) = failures(it.refresh(TWO))
        assert which == ["kid", "registrants", NO_DAY]
        assert reason.startswith("event e1: lists 50 people and listed 62 before: ")
        assert registered() == 62
        list(it.refresher(accepts_loss=True).refresh({"kid": TWO}))
        assert registered() == 50


# ------------------------------------------------------------------ dates at the ends of the calendar

FOR_EVER, NEVER = "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00"


@pytest.mark.parametrize(
    ("engine_kind", "ends"), [("sqlite", FOR_EVER), ("postgresql", FOR_EVER), ("sqlite", "2100-01-01")]
)
def test_an_event_with_dates_at_the_ends_of_the_calendar_is_named_and_fails_nothing(
    warehouse: Warehouse, ends: str
) -> None:
    """One that has begun and never ends, one that begins at the first moment there is; everything else is the truth."""
    replay = [Attendance(BO, on_demand=[(at(8, 12), 3)])]
    odd = [
        event("endless", "kid", at(8), [Attendance(ADA, live=[(at(8), 5)])], extra={"endDate": ends}),
        event("first", "kid", at(8), replay, extra={"startDate": NEVER, "endDate": NEVER}),
    ]
    with platform(world_of(*several(2), *several(1, "root"), *odd), warehouse, start=day(7)) as it:
        for _ in range(2):
            assert failures(it.refresh(TWO)) == []
            found, cannot = said(it), "cannot be read (a time must lie between 2000 and 2100); kept as unknown"
            assert found == {
                ("kid", "events", "endless"): f"its endDate {cannot}",
                ("kid", "events", "first"): f"its endDate, startDate {cannot}",
            }
            it.sandbox.clock.advance(hours=1)
        assert minutes(it)["kid", "endless"] == 5
        assert minutes(it)["kid", "first"] == 3
        with warehouse.read() as connection:
            e = events.c
            query = sa.select(e.event_id, e.starts_at, e.ends_at).where(e.ends_at.is_(None)).order_by(e.event_id)
            assert [tuple(row) for row in connection.execute(query)] == [
                ("endless", at(8), None),
                ("first", None, None),
            ]


def test_times_of_people_outside_the_calendar_are_unknown_and_named(
    warehouse: Warehouse, answers: Callable[[str, Any], None]
) -> None:
    """In activity and in chat: the rows are there, the event is named, no slice fails; once they are right it is gone."""
    odd = [NEVER]
    talk = {"polls": [], "questions": [], "reactions": [],
            "chat": [{"messageId": "m", "userEmail": "bo@example.org", "name": "Bo", "text": "hi", "sentAt": "2026-03-07T09:01:00Z"}]}  # fmt: skip

    def late(document: Any) -> Any:
        items = [{**item, "registrationDate": odd[0]} for item in document["items"]]
        return {**document, "items": items}

    answers("activity", late)
    answers("polls", lambda told: told | {"chat": [{**one, "sentAt": 253402300799000} for one in told["chat"]]})
    with platform(world_of(*several(1, talk=talk)), warehouse, start=day(7)) as it:
        assert failures(it.refresh(TWO)) == []
        cannot = "cannot be read (a time must lie between 2000 and 2100); kept as unknown"
        assert said(it) == {
            ("kid", "event_activity", "e1"): f"its registrationDate {cannot}",
            ("kid", "polls", "e1"): f"its sentAt {cannot}",
        }
        rows = read_tables(warehouse)
        assert len(rows["event_activity"]) == 2
        assert len(rows["chat_messages"]) == 1
        odd[0] = "2026-03-01T00:00:00Z"
        assert failures(it.refresh(TWO)) == []
        assert said(it).keys() == {("kid", "polls", "e1")}


# ------------------------------------------------------------------ one id in two cases


@pytest.mark.alternating
@pytest.mark.parametrize("spelled", ["KID", " kid "])
def test_events_that_spell_their_company_otherwise_are_its_events_and_it_is_said(
    warehouse: Warehouse, spelled: str
) -> None:
    """Once for all of them."""
    strange = {"companyUid": spelled, "company": {"id": spelled, "name": "Kid"}}
    with platform(world_of(*several(3, extra=strange)), warehouse, start=day(7)) as it:
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert said(it) == {
            ("kid", "events", "(companyUid)"): f"events of this company name it as {spelled!r}; they are counted here"
        }


@SQLITE
def test_companies_whose_ids_differ_in_case_alone_stay_two(warehouse: Warehouse) -> None:
    """And an event that spells its company as neither does is nobody's."""
    tree = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("KID", "Other", "root")]
    theirs = [event("mine", "kid", at(7), [Attendance(ADA, live=[(at(7), 5)])]),
              event("hers", "KID", at(7), [Attendance(ADA, live=[(at(7), 6)])]),
              event("whose", "root", at(7), [Attendance(ADA, live=[(at(7), 7)])], extra={"companyUid": "Kid"})]  # fmt: skip
    with platform(world_of(*theirs, companies=tree), warehouse, start=day(7)) as it:
        assert failures(it.refresh(TWO)) == []
        assert minutes(it) == {("kid", "mine"): 5, ("KID", "hers"): 6}
        assert said(it).keys() == {("root", "events", "whose")}


@SQLITE
def test_a_hub_and_an_event_that_are_told_in_two_cases_count_once(warehouse: Warehouse, answers: Any) -> None:
    """Sequel knows one spelling only; two hubs that differ in case alone stay two."""
    hubs = [event(h, "kid", at(7), [Attendance(ADA, live=[(at(7), n)])], event_type=HUB, rooms=[Room("Bar", 4)])
            for h, n in (("h", 9), ("two", 4), ("TWO", 3))]  # fmt: skip
    plain = [
        event(e, "kid", at(7), [Attendance(BO, live=[(at(7), 2)])], hub_id=hub)
        for e, hub in (("a", "h"), ("b", "h"), ("c", "two"), ("d", "TWO"))
    ]

    def twice(document: Any) -> Any:
        again = [{**e, "uid": e["uid"].upper()} for e in document if e["uid"] == "a"]
        return [e if e["uid"] != "b" else {**e, "networkingHub": "H"} for e in document] + again

    answers("events", twice)
    with platform(world_of(*hubs, *plain), warehouse, start=day(7)) as it:
        for _ in range(2):
            assert failures(it.refresh(TWO)) == []
            assert minutes(it) == {
                ("kid", "h"): 9, ("kid", "two"): 4, ("kid", "TWO"): 3, **{("kid", e): 2 for e in "abcd"}
            }  # fmt: skip
            same = "which differs in case or blanks alone and is the same to Sequel: it counts once"
            assert said(it) == {
                ("kid", "events", "a"): f"is also listed as 'A', {same}",
                ("kid", "events", "h"): f"is also listed as 'H', {same}",
            }


@SQLITE
def test_a_company_that_is_told_in_two_cases_is_one(warehouse: Warehouse, answers: Any) -> None:
    """The known spelling stays, whatever the list says from now on."""
    with platform(world_of(*several(1)), warehouse, start=day(7)) as it:
        it.refresh(TWO)
        answers("list", lambda document: [{**company, "uid": company["uid"].upper()} for company in document])
        it.sandbox.faults = Faults()
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh(TWO, ["root", "kid"], walk=False)) == []
        it.assert_true(TWO)


# ------------------------------------------------------------------ a company that does not answer


@SQLITE
def test_a_403_on_the_events_of_a_company_is_asked_once_more_and_named(warehouse: Warehouse) -> None:
    """No budget of retries is spent; the others are done, and the next hour asks again."""
    with platform(world_of(*several(1), *several(1, "root")), warehouse, start=day(7)) as it:
        it.sandbox.faults.script("/api/v1/company/kid/events*", "http_403")
        assert failures(it.refresh(TWO)) == []
        it.sandbox.faults.always("/api/v1/company/kid/events*", "http_403")
        it.sandbox.requests.clear()
        bad = failures(it.refresh(TWO))
        asked = [one.path for one in it.sandbox.requests if one.path == "/api/v1/company/kid/events"]
        assert (len(asked), it.client.stats.retries) == (2, 0)
        assert {one[0] for one in bad} == {"kid"}
        assert said(it)["kid", "events", ""].startswith("its events cannot be listed: access is forbidden (403)")
        it.sandbox.faults.clear()
        assert failures(it.refresh(TWO)) == []
        assert it.problems() == []


class Held(httpx.BaseTransport):
    """A wire on which requests for some paths wait until they are let go."""

    def __init__(self, paths: list[str]) -> None:
        self.paths, self.go, self.waiting = paths, threading.Event(), 0
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, now or later; nobody waits for ever."""
        if request.url.path in self.paths and not self.go.is_set():
            self.waiting += 1
            if not self.go.wait(20):
                raise httpx.ReadTimeout("held for too long")
        return self._real.handle_request(request)

    def close(self) -> None:
        """Give the connections back."""
        self._real.close()


@pytest.mark.parametrize(("engine_kind", "what"), [("sqlite", "events"), ("postgresql", "events"), ("sqlite", "event")])
def test_companies_that_hang_delay_no_other(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, answers: Answers, what: str
) -> None:
    """Three whose list, or whose look-up of an unlisted event, does not come: the others have committed meanwhile."""
    monkeypatch.setattr(bounded_wait, "QUIET_SECONDS", 0.2)
    names = [f"c{n}" for n in range(5)]
    tree = [Company("root", "Root"), *(Company(name, name, "root") for name in names)]
    theirs = [event(f"e-{name}", name, at(8), [Attendance(ADA, live=[(at(8), 5)])]) for name in names]
    with platform(world_of(*theirs, companies=tree), warehouse, start=day(8)) as it:
        if what == "event":
            it.refresh([day(8)])
            it.sandbox.clock.advance(hours=1)
        it.walk()
        hung = names[:3]
        if what == "event":
            hide(answers, *(f"e-{name}" for name in hung))
        lists = [f"/api/v1/company/{name}/events" for name in hung]
        held = Held(lists if what == "events" else [f"/api/v1/event/e-{name}" for name in hung])
        others = {"root", *names[3:]}
        with SequelClient(it.client.config, transport=held) as it.client:
            seen: set[str] = set()
            for outcome in it.refresher(8).refresh({name: {day(8): DayCoverage.ACTIVE} for name in ["root", *names]}):
                assert outcome.is_good or outcome.dataset == "company_rollup"
                if outcome.dataset == "daily_usage":
                    seen.add(outcome.company_id)
                    if seen == others:
                        assert held.waiting >= 3
                        held.go.set()
            assert seen == {"root", *names}
        it.assert_true([day(8)], but=["company_rollup"])


@SQLITE
def test_an_event_whose_owner_is_in_doubt_waits_alone(warehouse: Warehouse) -> None:
    """It names no company, and one beneath cannot be listed: it is named and left out, all else of its lister is done."""
    plain = several(2, "root")
    nobodys = event("nobody", "root", at(7), [Attendance(ADA, live=[(at(7), 4)])], shows_company=False)
    with platform(world_of(*plain, nobodys), warehouse, start=day(7), quick=True) as it:
        it.sandbox.faults.always("/api/v1/company/kid/events*", "http_500")
        assert {one[0] for one in failures(it.refresh(TWO)) if one[1] != "company_rollup"} == {"kid"}
        assert minutes(it) == {("root", "root1"): 8, ("root", "root2"): 8}
        why = said(it)["root", "events", "nobody"]
        assert why.startswith(
            "left out until it is known whose it is: it names no company, and the events of its sub-company kid"
        )
        it.sandbox.faults.clear()
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert it.problems() == []
