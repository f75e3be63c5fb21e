"""What an insight of events says of a story."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sequel_assets.insights import INSIGHTS
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.reference.stories import STAGE, CompanyStory, Plan, Row, Seen, StoryPerson
from sequel_assets_tests.support.reference.story_strategies import at
from sequel_assets_tests.support.rows import ACME, DAY, HUB

BY_NAME = {insight.name: insight for insight in INSIGHTS}


def answer(warehouse: Warehouse, name: str, first: date, last: date, start: date = DAY) -> list[Row]:
    """Return what an insight's SELECT says, sorted by its key, after checking its columns."""
    insight = BY_NAME[name]
    with warehouse.read() as connection:
        selected: Any = connection.execute(insight.select(ACME, first, last, start))
        assert list(selected.keys()) == insight.table.columns.keys()
        keys = len(insight.table.primary_key.columns)
        return sorted((tuple(row) for row in selected), key=lambda row: row[:keys])


def watched(event: str, person: str, begins: int, minutes: int, *, live: bool = True, on: int = 0) -> list[Seen]:
    """Return a person's minutes in an event from a minute of a day on."""
    moments = [at(on) + timedelta(minutes=begins + n) for n in range(minutes)]
    return [Seen(event, person, moment, live, not live) for moment in moments]


def as_dicts(name: str, rows: list[Row]) -> list[dict[str, Any]]:
    """Return rows with the names of their columns."""
    columns = BY_NAME[name].table.columns.keys()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def by_hand() -> CompanyStory:
    """An event of an hour at ten, its hub, one more event the day after, and four people."""
    plans = {
        "e1": Plan("e1", STAGE, at(0) + timedelta(hours=10), at(0) + timedelta(hours=11), "h1"),
        "e2": Plan("e2", STAGE, at(1) + timedelta(hours=10), at(1) + timedelta(hours=11)),
        "h1": Plan("h1", HUB),
    }
    seen = [
        *watched("e1", "ada", 600, 45),
        *watched("e1", "bo", 610, 20),
        *watched("e1", "cy", 600, 5, live=False, on=2),
        *watched("e1", "walker", 600, 60),
        *watched("h1", "ada", 660, 9),
        *watched("h1", "bo", 660, 4),
        *watched("h1", "ada", 660, 2, on=2),
        *watched("e2", "ada", 600, 7, on=1),
    ]
    activity = {
        ("e1", "ada"): StoryPerson(registered=True, comments=1, polls=0, questions=0),
        ("e1", "bo"): StoryPerson(registered=True),
        ("e1", "cy"): StoryPerson(registered=True),
        ("e1", "dee"): StoryPerson(registered=True),
        ("e1", "walker"): StoryPerson(registered=False),
    }
    talk: dict[str, Any] = {
        "polls": [("e1", "p")], "answers": [("e1", "p", "ada"), ("e1", "p", None)],
        "questions": [("e1", "walker", True)], "chat": [("e1", "ada"), ("e1", "ada"), ("e1", "bo")],
        "reactions": [("e1", 4), ("e1", 3)],
    }  # fmt: skip
    return CompanyStory(plans, seen, activity, **talk)
