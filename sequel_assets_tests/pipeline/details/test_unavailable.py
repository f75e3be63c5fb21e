"""What Sequel does not tell: a part of an answer, an event that it refuses, an endpoint that it tells nobody of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import WAY_OUT
from sequel_assets.sandbox import Event, Fault, Faults, Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.company_lists import registrants
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages
from sequel_assets_tests.pipeline.details.test_event_details import INTERACTIONS, talking
from sequel_assets_tests.support.harness import Platform, at, day, event, failures, platform, world_of

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
COUNTS = ("polls", "poll_voters", "questions", "questions_answered", "chat_messages", "reactions")
OF_PART = {"polls": COUNTS[:2], "questions": COUNTS[2:4], "chat": COUNTS[4:5], "reactions": COUNTS[5:]}
TRUE = dict(zip(COUNTS, (1, 1, 0, 0, 1, 2), strict=True))


def unavailable(it: Platform) -> dict[str, str]:
    """Return why each dataset is unavailable at the kid."""
    with it.warehouse.read() as connection:
        return {one.dataset: one.reason for one in availability.unavailable(connection) if one.company_id == "kid"}


def stored(it: Platform, dataset: str) -> set[Any]:
    """Return the days of the kid's slices of a dataset."""
    r = refreshes.c
    with it.warehouse.read() as connection:
        return set(connection.scalars(sa.select(r.day).where(r.company_id == "kid", r.dataset == dataset)))


def counts_of(it: Platform, event_id: str) -> dict[str, Any]:
    """Return what the statistics of an event say of it on its start day."""
    s = event_statistics.c
    query = sa.select(*(s[name] for name in COUNTS)).where(s.event_id == event_id).order_by(s.day).limit(1)
    with it.warehouse.read() as connection:
        return dict(connection.execute(query).one()._mapping)


def refuse(it: Platform, path: str, *event_ids: str, kind: str = "http_404") -> None:
    """Refuse a path of these events, and of no others."""
    it.sandbox.faults = Faults(paths=[(f"*/{event_id}/{path}", Fault(kind)) for event_id in event_ids])


def next_hour(it: Platform, hours: int = 1) -> None:
    """Let time go by."""
    it.sandbox.clock.advance(timedelta(hours=hours))


# ------------------------------------------------------------------ a part of an answer


@pytest.mark.alternating
@pytest.mark.parametrize("told", [["polls"], ["questions", "chat"], ["reactions"]])
def test_a_part_that_is_absent_is_unknown_and_an_empty_one_is_empty(
    warehouse: Warehouse, told: list[str], answers: Any
) -> None:
    """The endpoint is named for polls: that it tells the rest is a proposal. What it tells stays, the rest is null, not 0."""
    answers("polls", lambda document: {key: document[key] for key in ("eventId", *told)})
    with platform(world_of(talking()), warehouse) as it:
        assert failures(it.refresh()) == []
        owed = [part for part in OF_PART if part not in told]
        of_part = {"polls": ["polls", "poll_options", "poll_answers"], "questions": ["questions"],
                   "chat": ["chat_messages"], "reactions": ["reactions"]}  # fmt: skip
        reasons = {name: f"Sequel's answer has no {part}" for part in owed for name in of_part[part]}
        assert unavailable(it) == reasons
        assert {name for name in INTERACTIONS if stored(it, name)} == {*INTERACTIONS} - {*reasons}
        assert counts_of(it, "e") == TRUE | {name: None for part in owed for name in OF_PART[part]}
        assert it.problems() == []


@SQLITE
def test_a_part_that_is_null_is_as_unknown_as_one_that_is_absent(warehouse: Warehouse, answers: Any) -> None:
    """Null is what an API says that does not know."""
    answers("polls", lambda document: document | {"questions": None})
    with platform(world_of(talking()), warehouse) as it:
        it.refresh()
        assert unavailable(it) == {"questions": "Sequel's answer has no questions"}
        assert counts_of(it, "e") == TRUE | {"questions": None, "questions_answered": None}


@SQLITE
def test_an_answer_of_nothing_but_nulls_is_another_one_than_was_asked_for(warehouse: Warehouse, answers: Any) -> None:
    """It tells nothing at all."""
    answers("polls", lambda document: dict.fromkeys(document))
    with platform(world_of(talking()), warehouse, quick=True) as it:
        assert failures(it.refresh()) == []
        assert {*unavailable(it)} == {*INTERACTIONS}
        assert counts_of(it, "e") == dict.fromkeys(COUNTS)


@SQLITE
def test_polls_without_a_list_of_answers_say_nothing_of_who_voted(warehouse: Warehouse, answers: Any) -> None:
    """A poll that nobody answered has an empty one."""
    answers("polls", lambda document: document | {"polls": [{"pollId": "p", "question": "Why?"}]})
    with platform(world_of(talking()), warehouse) as it:
        it.refresh()
        assert unavailable(it) == {"poll_answers": "Sequel's polls have no answers"}
        assert counts_of(it, "e") == TRUE | {"poll_voters": None}


@SQLITE
def test_a_part_that_one_event_lacks_fails_its_own_slice_by_name(warehouse: Warehouse, answers: Any) -> None:
    """Other events are told it, so it is not the company that lacks it; the other parts of that event are kept."""
    answers("polls", lambda document: document | {"chat": None} if document["eventId"] == "f" else document)
    with platform(world_of(talking(), talking("f", on=5)), warehouse) as it:
        why = f"event f: Sequel's answer has no chat; {WAY_OUT}"
        assert failures(it.refresh()) == [("kid", "chat_messages", day(5), why)]
        assert unavailable(it) == {}
        assert counts_of(it, "e") == TRUE
        assert counts_of(it, "f") == TRUE | {"chat_messages": None}


@SQLITE
def test_a_part_comes_back_within_the_hour_that_tells_it(warehouse: Warehouse, answers: Any) -> None:
    """It is looked for in each answer that is asked for the other parts."""
    lacks = {"chat"}
    answers("polls", lambda document: {key: value for key, value in document.items() if key not in lacks})
    with platform(world_of(talking(), talking("f", on=8)), warehouse) as it:
        it.refresh()
        assert {*unavailable(it)} == {"chat_messages"}
        lacks.clear()
        next_hour(it)
        list(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}}))
        assert unavailable(it) == {}
        assert counts_of(it, "f") == TRUE


# ------------------------------------------------------------------ an event that is refused


def eight() -> list[Event]:
    """Return eight events on seven days."""
    return [talking(f"e{number}", on=number % 7 + 1) for number in range(1, 8)] + [talking("e8", on=7)]


def assert_two_are_named(it: Platform, outcomes: Any) -> None:
    """Fail unless e6 and e8, both of the 7th, fail that day by name and nothing else is missing."""
    failed = failures(outcomes)
    assert {one[:3] for one in failed} == {("kid", name, day(7)) for name in INTERACTIONS}
    for *_, reason in failed:
        assert [part.split(": ")[0] for part in reason.split(WAY_OUT) if part] == ["event e6", "; event e8"]
    assert unavailable(it) == {}
    assert {problem[1:4] for problem in it.problems()} == {
        (name, day(7), event_id) for name in INTERACTIONS for event_id in ("e6", "e8")
    }


@SQLITE
@pytest.mark.parametrize("kind", ["http_404", "http_403", "has_error"])
def test_two_bad_events_fail_by_name_and_hide_no_others(warehouse: Warehouse, kind: str) -> None:
    """The newest are tried first; that they are refused says nothing of a company whose other events are told."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        refuse(it, "polls", "e6", "e8", kind=kind)
        assert_two_are_named(it, it.refresh())
        with warehouse.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(chat_messages)) == 6
        it.sandbox.faults.clear()
        assert failures(it.refresh()) == []
        it.assert_true()


@SQLITE
def test_events_that_were_told_an_hour_ago_are_not_unavailable_now(warehouse: Warehouse) -> None:
    """Also where they are all that is asked."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        it.refresh()
        refuse(it, "polls", "e6", "e8")
        next_hour(it)
        assert_two_are_named(it, it.refresh())
        next_hour(it)
        assert_two_are_named(it, it.refresh([day(7)]))


@SQLITE
def test_what_was_withdrawn_fails_for_a_week_and_is_unavailable_then(warehouse: Warehouse) -> None:
    """Nobody can mend it, so that it must not be red for ever; what was told stays."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults = Faults(paths=[("*/polls", Fault("http_404"))])
        next_hour(it, 24)
        assert {one[1] for one in failures(it.refresh([day(7)]))} == {*INTERACTIONS}
        next_hour(it, 7 * 24)
        again = it.refresher(anew=True)
        assert failures(again.refresh({"kid": [day(7)]})) == []
        assert {*unavailable(it)} == {*INTERACTIONS}
        assert it.problems() == []
        assert day(7) in stored(it, "polls")


@SQLITE
def test_what_is_unavailable_is_tried_with_events_of_all_times(warehouse: Warehouse) -> None:
    """Twelve newest are refused, the oldest are told: it is found out with no more than eight."""
    events = [event(f"e{number:02}", "kid", at(3, number), talking().rows) for number in range(16)]
    with platform(world_of(*events), warehouse, quick=True) as it:
        refuse(it, "registrants", *(f"e{number:02}" for number in range(4, 16)))
        it.refresh()
        assert unavailable(it) == {}
        assert [one[3] for one in it.problems()] == [f"e{number:02}" for number in range(4, 16)]
        with warehouse.read() as connection:
            told = set(connection.scalars(sa.select(registrants.c.event_id)))
        assert told == {f"e{number:02}" for number in range(4)}


@SQLITE
def test_an_endpoint_that_tells_nothing_is_tried_with_eight_events_and_then_with_one_an_hour(
    warehouse: Warehouse,
) -> None:
    """Asking costs."""
    events = [event(f"e{number:02}", "kid", at(3 + number % 6, number), talking().rows) for number in range(20)]
    with platform(world_of(*events), warehouse, quick=True, named_endpoints=False) as it:
        it.refresh()
        assert polls_asked(it.sandbox) == 8
        it.sandbox.requests.clear()
        next_hour(it)
        list(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}}))
        assert polls_asked(it.sandbox) == 1


def polls_asked(sandbox: Sandbox) -> int:
    """Return of how many events interactions were asked."""
    return len({one.path for one in sandbox.requests if one.path.endswith("/polls")})


# ------------------------------------------------------------------ an event that nobody has come to


@SQLITE
def test_a_404_of_an_event_that_nobody_came_to_is_no_failure(warehouse: Warehouse) -> None:
    """It has no concurrency, chat or recording: as the documents have it of concurrency. Activity tells who registered."""
    with platform(world_of(talking(), event("silent", "kid", at(8, 16))), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(
            paths=[(f"*/silent/{path}", Fault("http_404")) for path in ("polls", "availableReplays")]
        )
        assert failures(it.refresh()) == []
        assert unavailable(it) == {}
        assert {day(8)} <= stored(it, "chat_messages") & stored(it, "replays")
        it.assert_true(but=["replays"])
        it.sandbox.faults = Faults(paths=[("*/silent/user-activity*", Fault("http_404"))])
        next_hour(it)
        assert [one[:3] for one in failures(it.refresh())] == [("kid", "event_activity", day(8))]


@SQLITE
def test_a_404_beside_nothing_but_failures_is_not_taken_for_silence(warehouse: Warehouse) -> None:
    """That the endpoint tells anything of the company is not known then, and what is not known is not 0."""
    with platform(world_of(talking(), event("silent", "kid", at(2))), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/e/polls", Fault("http_500")), ("*/silent/polls", Fault("http_404"))])
        assert {one[2] for one in failures(it.refresh()) if one[1] == "polls"} == {day(2), day(3)}
        assert {day(2), day(3)} & stored(it, "polls") == set()
