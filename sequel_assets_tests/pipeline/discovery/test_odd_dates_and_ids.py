"""Dates at the ends of the calendar, and one id in two spellings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import HUB, Attendance, Company, Faults, Room
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import events
from sequel_assets_tests.pipeline.discovery.listed import SQLITE, TWO, minutes, said, several
from sequel_assets_tests.support.harness import ADA, BO, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import read_tables

FOR_EVER, NEVER = "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00"


@pytest.mark.scenario
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
def test_a_hub_and_an_event_that_are_spelled_in_two_cases_count_once(warehouse: Warehouse, answers: Any) -> None:
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
def test_a_company_that_is_spelled_in_two_cases_is_one(warehouse: Warehouse, answers: Any) -> None:
    """The known spelling stays, whatever the list says from now on."""
    with platform(world_of(*several(1)), warehouse, start=day(7)) as it:
        it.refresh(TWO)
        answers("list", lambda document: [{**company, "uid": company["uid"].upper()} for company in document])
        it.sandbox.faults = Faults()
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh(TWO, ["root", "kid"], walk=False)) == []
        it.assert_true(TWO)
