"""Rates and counts of an event: late registration, what is not told, polls, funnels."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sequel_assets.insights.event_days import REPLAY_DAYS
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.insights.event_answers import answer, as_dicts, by_hand, watched
from sequel_assets_tests.support.reference.stories import STAGE, WINDOW, CompanyStory, Plan, StoryPerson
from sequel_assets_tests.support.reference.story_strategies import DAYS, at, store_story
from sequel_assets_tests.support.rows import ACME, DAY, day


@pytest.mark.parametrize(
    ("is_cancelled", "is_open", "show_rate"),
    [(False, False, 0.0), (True, False, None), (False, True, None), (True, True, None)],
)
def test_nobody_at_an_event_that_was_not_held_is_no_rate_of_nought(
    warehouse: Warehouse, *, is_cancelled: bool, is_open: bool, show_rate: float | None
) -> None:
    """Cancelled, or maybe not begun yet: its start day has not closed. A day later it has begun, whoever came."""
    plan = Plan("e1", STAGE, at(0) + timedelta(hours=20), at(0) + timedelta(hours=21), is_cancelled=is_cancelled)
    story = CompanyStory(
        {"e1": plan}, activity={("e1", "dee"): StoryPerson(registered=True)}, open_days={DAY} if is_open else set()
    )
    store_story(warehouse, story, DAYS[:2])
    rows = as_dicts("event_statistics", answer(warehouse, "event_statistics", day(0), day(1)))
    assert [(row["is_cancelled"], row["registered"], row["attended_live"], row["show_rate"]) for row in rows] == [
        (is_cancelled, 1, 0, show_rate),
        (is_cancelled, 1, 0, None if is_cancelled else 0.0),
    ]


def test_an_event_without_any_poll_has_no_participation_in_polls(warehouse: Warehouse) -> None:
    """There is nothing to have taken part in."""
    story = by_hand()
    story.polls, story.answers = [], []
    store_story(warehouse, story, DAYS[:1])
    (row,) = as_dicts("event_statistics", answer(warehouse, "event_statistics", DAY, DAY))
    assert (row["polls"], row["poll_voters"], row["poll_participation_rate"]) == (0, 0, None)


def test_who_registers_late_counts_from_that_day_on(warehouse: Warehouse) -> None:
    """Cy registers for the replay and watches it; the walker was there, and registers later to see it again."""
    story = by_hand()
    story.activity["e1", "cy"] = StoryPerson(registered=True, registered_on=day(2))
    story.activity["e1", "walker"] = StoryPerson(registered=True, registered_on=day(1))
    store_story(warehouse, story, DAYS[:3])
    rows = as_dicts("event_statistics", answer(warehouse, "event_statistics", day(0), day(2)))
    told = [(row["registered"], row["attended_live"], row["show_rate"]) for row in rows if row["event_id"] == "e1"]
    assert told == [(3, 3, 66.67), (4, 3, 75.0), (5, 3, 60.0)]
    steps = [row[3:-1] for row in answer(warehouse, "funnel", day(0), day(2)) if row[2] == "e1"]
    assert steps == [(3, 2, 1, 1, 0, 1), (4, 3, 2, 2, 1, 0), (5, 3, 2, 2, 1, 0)]
    persons = as_dicts("person_engagement", answer(warehouse, "person_engagement", day(0), day(2)))
    assert [(row["day"], row["person_id"], row["is_registered"]) for row in persons if row["event_id"] == "e1"] == [
        *[(day(0), who, True) for who in ("ada", "bo", "dee")],
        (day(0), "walker", False),
        (day(1), "walker", True),
        (day(2), "ada", True),
        (day(2), "cy", True),
    ]


def test_whether_somebody_registered_is_null_where_that_is_unknown(warehouse: Warehouse) -> None:
    """Of a person whom the activity does not list, and of everybody where no entry of the event has a time of it."""
    story = by_hand()
    del story.activity["e1", "bo"]
    store_story(warehouse, story, DAYS[:1])
    rows = answer(warehouse, "person_engagement", DAY, DAY)
    told = {row["person_id"]: row["is_registered"] for row in as_dicts("person_engagement", rows)}
    assert told == {"ada": True, "bo": None, "cy": True, "dee": True, "walker": False}
    story.activity = {key: StoryPerson(registered=False) for key in story.activity}
    store_story(warehouse, story, DAYS[:1])
    persons = as_dicts("person_engagement", answer(warehouse, "person_engagement", DAY, DAY))
    assert {row["is_registered"] for row in persons} == {None}
    (row,) = as_dicts("event_statistics", answer(warehouse, "event_statistics", DAY, DAY))
    assert (row["registered"], row["show_rate"]) == (None, None)


def test_asking_and_answering_is_unknown_without_a_list_and_without_a_number(warehouse: Warehouse) -> None:
    """And with it who of them came again; a single number of a single person tells it."""
    story = by_hand()
    story.untold = {(dataset, DAY) for dataset in ("polls", "poll_answers", "questions")}
    story.polls, story.answers, story.questions = [], [], []
    for number, expected in ((None, (4, 2, 1, None, None, 1)), (1, (4, 2, 1, 1, 1, 1))):
        story.activity = {
            key: replace(entry, polls=None, questions=number if key == ("e1", "ada") else None)
            for key, entry in story.activity.items()
        }
        store_story(warehouse, story, DAYS[:2])
        assert [row[3:-1] for row in answer(warehouse, "funnel", day(1), day(1)) if row[2] == "e1"] == [expected]


def test_a_funnel_by_hand(warehouse: Warehouse) -> None:
    """Four registered, two came, Ada stayed half, answered, and came again the day after; the walker is in no step."""
    store_story(warehouse, by_hand(), DAYS)
    rows = [row for row in answer(warehouse, "funnel", day(0), day(34)) if row[2] == "e1"]
    assert [row[3:] for row in rows[:2]] == [(4, 2, 1, 1, 0, 1, False), (4, 2, 1, 1, 1, 1, False)]
    assert {row[3:] for row in rows[2:30]} == {rows[1][3:]}
    assert rows[-1] == (ACME, day(REPLAY_DAYS), "e1", 4, 2, 1, 1, 1, 1, True)
    assert len(rows) == REPLAY_DAYS + 1


def test_coming_again_counts_within_the_window_only(warehouse: Warehouse) -> None:
    """On the same day it is not coming again, on the 30th day after it is, on the 31st it comes too late."""
    plans = {
        event: Plan(event, STAGE, at(n), at(n) + timedelta(hours=1))
        for event, n in (("e1", 0), ("e2", 0), ("e3", 30), ("e4", 31))
    }
    again = {"same": ("e2", 0), "last": ("e3", 30), "late": ("e4", 31)}
    seen = [m for who in again for m in watched("e1", who, 0, 60)]
    seen += [m for who, (event, on) in again.items() for m in watched(event, who, 100, 5, on=on)]
    answers = [("e1", "p", who) for who in again]
    store_story(warehouse, CompanyStory(plans, seen, answers=answers, untold={("event_activity", DAY)}), DAYS)
    rows = as_dicts("funnel", [row for row in answer(warehouse, "funnel", day(0), day(34)) if row[2] == "e1"])
    assert [row["attended"] for row in rows] == [3] * 31
    assert [row["came_again"] for row in rows] == [0] * 30 + [1]
    assert timedelta(days=REPLAY_DAYS) == WINDOW
