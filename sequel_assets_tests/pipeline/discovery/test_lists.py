"""Lists that end too soon: events that a company names and does not list."""

from __future__ import annotations

from typing import Any

import pytest

from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.discovery import list_requests
from sequel_assets.sandbox import Person
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets_tests.pipeline.discovery.listed import SQLITE, TWO, Answers, hide, minutes, said, several
from sequel_assets_tests.support.harness import day, failures, platform, world_of
from sequel_assets_tests.support.reference import read_tables


@pytest.mark.scenario
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


@pytest.mark.scenario
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
def test_where_event_ids_are_not_returned_the_list_is_all_there_is(
    warehouse: Warehouse, told: Any, answers: Any
) -> None:
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
            "has 50 entries, and 12 people are known by other answers whom it does not list: "
        )
        longest[0] = 100
        assert failures(it.refresh(TWO)) == []
        assert (registered(), it.problems()) == (62, [])
        longest[0] = 50
        ((*which, reason),) = failures(it.refresh(TWO))
        assert which == ["kid", "registrants", NO_DAY]
        assert reason.startswith("event e1: has 50 entries, and lists 50 people where it listed 62: ")
        assert registered() == 62
        list(it.refresher(accepts_loss=True).refresh({"kid": TWO}))
        assert registered() == 50
