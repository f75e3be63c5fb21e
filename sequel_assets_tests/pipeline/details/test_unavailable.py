"""What Sequel does not tell: a part of an answer, an event that it refuses, an endpoint that it tells nobody of."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import WAY_OUT
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.details.parts import SQLITE, next_hour, stored, unavailable
from sequel_assets_tests.pipeline.details.talking import talking
from sequel_assets_tests.pipeline.details.test_event_details import INTERACTIONS
from sequel_assets_tests.support.harness import PlatformUnderTest, day, failures, platform, world_of

COUNTS = ("polls", "poll_voters", "questions", "questions_answered", "chat_messages", "reactions")
OF_PART = {"polls": COUNTS[:2], "questions": COUNTS[2:4], "chat": COUNTS[4:5], "reactions": COUNTS[5:]}
TRUE = dict(zip(COUNTS, (1, 1, 0, 0, 1, 2), strict=True))


def counts_of(it: PlatformUnderTest, event_id: str) -> dict[str, Any]:
    """Return what the statistics of an event say of it on its start day."""
    s = event_statistics.c
    query = sa.select(*(s[name] for name in COUNTS)).where(s.event_id == event_id).order_by(s.day).limit(1)
    with it.warehouse.read() as connection:
        return dict(connection.execute(query).one()._mapping)


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
def test_a_part_comes_back_within_the_hour_that_returns_it(warehouse: Warehouse, answers: Any) -> None:
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
