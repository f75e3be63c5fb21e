"""Events and people: each insight equals the obvious computation from minutes, and examples by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.types import UtcDateTime
from sequel_assets_tests.insights.event_answers import BY_NAME, answer, as_dicts, by_hand, watched
from sequel_assets_tests.support.reference.events import TABLES
from sequel_assets_tests.support.reference.stories import STAGE, CompanyStory, Plan, StoryPerson
from sequel_assets_tests.support.reference.story_strategies import DAYS, at, store_story, stories
from sequel_assets_tests.support.rows import ACME, DAY, day
from sequel_assets_tests.support.suite.scale import scaled

KINDS: dict[Any, type] = {
    sa.Text: str, sa.Date: date, sa.BigInteger: int, sa.Numeric: float, sa.Boolean: bool, UtcDateTime: datetime,
}  # fmt: skip
FEW = settings(
    max_examples=scaled(20, 500, "WORLDS") // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FEW
@given(stories(), st.sampled_from([0, 0, 1, 2]), st.integers(0, 34), st.integers(0, 34))
def test_insights_of_events_and_people_equal_the_obvious_computation(
    warehouse: Warehouse, story: CompanyStory, start: int, one: int, two: int
) -> None:
    """Each table, for whatever range of days is asked, and the same where one day is asked for by itself."""
    store_story(warehouse, story)
    first, last = sorted((max(one, start), max(two, start)))
    for name, expected in TABLES.items():
        rows = expected(story, DAYS[first : last + 1], day(start))
        assert answer(warehouse, name, day(first), day(last), day(start)) == rows, name
        assert answer(warehouse, name, day(last), day(last), day(start)) == [
            row for row in rows if row[1] == day(last)
        ], name


def test_sequels_own_example_comes_out_to_the_digit(warehouse: Warehouse) -> None:
    """57 people, 898 minutes, 15.75 on average; 16 of them at the same time at the most, first in the 40th minute."""
    lengths = [16] * 43 + [15] * 14
    begins = [40] * 16 + [60 * (2 + n % 14) for n in range(41)]
    seen = [m for n, length in enumerate(lengths) for m in watched("e1", f"p{n:02}", begins[n], length)]
    store_story(warehouse, CompanyStory({"e1": Plan("e1", STAGE, at(0), at(1))}, seen), DAYS[:1])
    (row,) = as_dicts("event_statistics", answer(warehouse, "event_statistics", DAY, DAY))
    told = ("unique_users", "engaged_minutes", "average_engaged_minutes", "peak_users", "peak_at")
    assert [row[name] for name in told] == [57, 898, 15.75, 16, at(0) + timedelta(minutes=40)]


def test_an_event_by_hand(warehouse: Warehouse) -> None:
    """On its day, and two days later, when somebody has watched the replay."""
    store_story(warehouse, by_hand(), DAYS[:3])
    first, third = (
        as_dicts("event_statistics", answer(warehouse, "event_statistics", on, on))[0] for on in (day(0), day(2))
    )
    peak_at = at(0) + timedelta(hours=10, minutes=10)
    assert first == {
        "company_id": ACME, "day": DAY, "event_id": "e1", "is_cancelled": False, "planned_minutes": 60, "live_minutes": 125, "on_demand_minutes": 0,
        "engaged_minutes": 125, "unique_users": 3, "average_engaged_minutes": 41.67, "attended_live": 3, "watched_replay_only": 0,
        "registered": 4, "show_rate": 50.0, "average_share_watched": 69.44, "peak_users": 3, "peak_at": peak_at, "polls": 1,
        "poll_voters": 1, "poll_participation_rate": 33.33, "questions": 1, "questions_answered": 1, "chat_messages": 3,
        "chat_messages_per_minute": 0.05, "reactions": 7, "is_last_day": False, "has_unlisted_people": False,
    }  # fmt: skip
    moved = {name: number for name, number in third.items() if first[name] != number}
    assert moved == {
        "day": day(2), "on_demand_minutes": 5, "engaged_minutes": 130, "unique_users": 4, "average_engaged_minutes": 32.5,
        "watched_replay_only": 1,
    }  # fmt: skip


def test_what_is_unknown_is_null_and_not_zero(warehouse: Warehouse) -> None:
    """Registration, polls, questions, chat and reactions; what follows from minutes is there all the same."""
    story = by_hand()
    story.untold = {
        (dataset, DAY)
        for dataset in ("event_activity", "polls", "poll_answers", "questions", "chat_messages", "reactions")
    }
    story.activity, story.polls, story.answers, story.questions, story.chat, story.reactions = {}, [], [], [], [], []
    store_story(warehouse, story, DAYS[:1])
    (row,) = as_dicts("event_statistics", answer(warehouse, "event_statistics", DAY, DAY))
    assert {name for name, value in row.items() if value is None} == {
        "registered", "show_rate", "polls", "poll_voters", "poll_participation_rate", "questions", "questions_answered",
        "chat_messages", "chat_messages_per_minute", "reactions",
    }  # fmt: skip
    assert (row["attended_live"], row["average_share_watched"]) == (3, 69.44)
    (row,) = as_dicts("funnel", answer(warehouse, "funnel", DAY, DAY))
    assert row == {
        "company_id": ACME, "day": DAY, "event_id": "e1", "registered": None, "attended": 3, "stayed_half": 2,
        "asked_or_answered": None, "came_again": None, "walk_ins": 0, "is_complete": False,
    }  # fmt: skip
    persons = as_dicts("person_engagement", answer(warehouse, "person_engagement", DAY, DAY))
    assert [(row["person_id"], row["is_registered"], row["chat_messages"]) for row in persons] == [
        ("ada", None, None), ("bo", None, None), ("walker", None, None),
    ]  # fmt: skip


def test_an_event_without_people_has_a_row_only_where_somebody_registered(warehouse: Warehouse) -> None:
    """A silent event has no row; one that never started but has registrants has them, and zeros."""
    plans = {event: Plan(event, STAGE, at(0), at(0) + timedelta(hours=1)) for event in ("e1", "e2")}
    store_story(warehouse, CompanyStory(plans, activity={("e1", "dee"): StoryPerson(registered=True)}), DAYS[:1])
    (row,) = as_dicts("event_statistics", answer(warehouse, "event_statistics", DAY, DAY))
    assert (row["event_id"], row["registered"], row["show_rate"], row["unique_users"]) == ("e1", 1, 0.0, 0)
    assert (row["average_engaged_minutes"], row["peak_users"], row["peak_at"], row["average_share_watched"]) == (
        None,
    ) * 4
    assert [row[2:9] for row in answer(warehouse, "funnel", DAY, DAY)] == [("e1", 1, 0, 0, 0, 0, 0)]


def test_retention_over_midnight_is_a_share_of_the_events_peak(warehouse: Warehouse) -> None:
    """The second day's minutes are measured against the first day's peak."""
    seen = [*watched("e1", "a", 1438, 4), *watched("e1", "b", 1438, 2), *watched("e1", "c", 1439, 1)]
    store_story(warehouse, CompanyStory({"e1": Plan("e1", STAGE, at(0) + timedelta(minutes=1439))}, seen), DAYS[:2])
    rows = answer(warehouse, "event_retention", day(0), day(1))
    assert [row[4:] for row in rows] == [(-1, 2, 66.67), (0, 3, 100.0), (1, 1, 33.33), (2, 1, 33.33)]


def test_people_by_hand(warehouse: Warehouse) -> None:
    """Who registered is told of on the start day; whoever does more later has a newer row, with everything so far."""
    store_story(warehouse, by_hand(), DAYS[:3])
    rows = as_dicts("person_engagement", answer(warehouse, "person_engagement", day(0), day(2)))
    assert [(row["day"], row["event_id"], row["person_id"]) for row in rows] == [
        *[(day(0), "e1", who) for who in ("ada", "bo", "cy", "dee", "walker")],
        (day(1), "e2", "ada"), (day(2), "e1", "ada"), (day(2), "e1", "cy"),
    ]  # fmt: skip
    ada, dee, later = rows[0], rows[3], rows[6]
    assert ada == {
        "company_id": ACME, "day": DAY, "event_id": "e1", "person_id": "ada", "live_minutes": 45, "on_demand_minutes": 0,
        "engaged_minutes": 45, "share_watched": 75.0, "hub_minutes": 9, "has_attended": True, "is_registered": True,
        "first_seen_on": DAY, "last_seen_on": DAY, "chat_messages": 2, "poll_answers": 1, "questions": 0,
        "messages_reactions": 0, "circles": 0,
    }  # fmt: skip
    assert {name for name, value in later.items() if ada[name] != value} == {"day", "hub_minutes", "last_seen_on"}
    assert (later["hub_minutes"], later["first_seen_on"], later["last_seen_on"]) == (11, DAY, day(2))
    assert (dee["is_registered"], dee["has_attended"], dee["first_seen_on"]) == (True, False, None)
    assert [row[1:] for row in answer(warehouse, "person_history", day(0), day(2)) if row[2] == "ada"] == [
        (day(0), "ada", 54, 0, 54, 9, 2, 1, day(0), None, DAY),
        (day(1), "ada", 61, 0, 61, 9, 3, 2, day(0), day(0), DAY),
        (day(2), "ada", 63, 0, 63, 11, 3, 3, day(0), day(1), DAY),
    ]


def test_whom_the_activity_only_lists_has_no_row_until_the_day_on_which_they_come(warehouse: Warehouse) -> None:
    """Neither registered nor there on the start day; what was told of them as a whole comes with their first row."""
    story = by_hand()
    story.activity["e1", "nobody"] = StoryPerson(comments=3)
    story.activity["e1", "later"] = StoryPerson(comments=2)
    story.seen += watched("e1", "later", 600, 4, on=2)
    store_story(warehouse, story, DAYS[:3])
    rows = as_dicts("person_engagement", answer(warehouse, "person_engagement", day(0), day(2)))
    assert [row for row in rows if row["person_id"] == "nobody"] == []
    (later,) = [row for row in rows if row["person_id"] == "later"]
    assert (later["day"], later["is_registered"], later["chat_messages"], later["first_seen_on"]) == (
        day(2),
        False,
        2,
        day(2),
    )


def test_a_hub_by_hand(warehouse: Warehouse) -> None:
    """Two of the event's three people network; one comes back when a fourth has watched the replay."""
    store_story(warehouse, by_hand(), DAYS[:3])
    assert [row[1:] for row in answer(warehouse, "networking", day(0), day(2))] == [
        (day(0), "h1", 2, 13, 6.5, 1, 0, 2, 3, 2, 66.67, False),
        (day(2), "h1", 1, 2, 2.0, 0, 1, 2, 4, 2, 50.0, False),
    ]


@pytest.mark.parametrize("name", TABLES)
def test_numbers_are_numbers_and_not_an_engines_own_kind(warehouse: Warehouse, name: str) -> None:
    """Whole numbers come as int, shares as float, times as times, on both engines."""
    store_story(warehouse, by_hand(), DAYS[:3])
    rows, columns = answer(warehouse, name, day(0), day(2)), BY_NAME[name].table.columns
    kinds = [next(kind for sql, kind in KINDS.items() if isinstance(column.type, sql)) for column in columns]
    assert rows
    for row in rows:
        told = [(type(value), kind) for value, kind in zip(row, kinds, strict=True) if value is not None]
        assert [found for found, _ in told] == [kind for _, kind in told]
