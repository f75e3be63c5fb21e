"""A generated world, fetched over a socket: what events and people come to is what its minutes say."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.hours import days_between
from sequel_assets.sandbox import World, WorldSpec, build_world
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.tables import metadata

from ..reference import expected_tables, owners_of, person_id
from ..reference_events import OF_EVENTS, TABLES, Entry, Plan, Row, Seen, Story
from ..reference_extras import COLUMNS
from .harness import failures, platform

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)


def stories_of(world: World, days: list[date], now: datetime) -> dict[str, Story]:
    """Return what is true of each company, from the world's minutes and from what was said in its events."""
    top = now.replace(minute=0, second=0, microsecond=0)
    tables = expected_tables(world, days, now=now)
    stories = {company.id: Story({}, company_id=company.id) for company in world.companies}
    for event_id, owner in owners_of(world).items():
        event, story = world.event(event_id), stories[owner]
        assert event is not None
        plan = Plan(event_id, event.event_type, event.starts_at, event.ends_at, event.hub_id)
        story.plans[event_id] = plan
        story.untold |= {(dataset, plan.day) for dataset in OF_EVENTS if plan.day is not None and plan.day not in days}
        story.seen += [
            Seen(event_id, person_id(minute.person.key(event_id)), minute.at, minute.live, minute.on_demand)
            for minute in world.minutes(event_id, before=top)
        ]
    for name in ("event_activity", "polls", "poll_answers", "questions", "chat_messages", "reactions"):
        for row in tables[name]:
            told = dict(zip(COLUMNS[name], row, strict=True))
            _add(stories[told["company_id"]], name, told)
    return stories


def _add(story: Story, name: str, told: dict[str, object]) -> None:
    """Take up a row of what was told of an event."""
    values: dict[str, tuple[object, ...]] = {
        "polls": (told["event_id"], told.get("poll_id")),
        "poll_answers": (told["event_id"], told.get("poll_id"), told.get("person_id")),
        "questions": (told["event_id"], told.get("person_id"), told.get("answer") is not None),
        "chat_messages": (told["event_id"], told.get("person_id")),
        "reactions": (told["event_id"], told.get("count")),
    }
    lists = {"polls": story.polls, "poll_answers": story.answers, "questions": story.questions,
             "chat_messages": story.chat, "reactions": story.reactions}  # fmt: skip
    if name in lists:
        lists[name].append(values[name])  # type: ignore[attr-defined]
        return
    key = (str(told["event_id"]), str(told["person_id"]))
    counts = (told["comments"], told["polls"], told["questions"], told["comments"], told["circles"])
    story.activity[key] = Entry(told["registered_at"] is not None, *counts)  # type: ignore[arg-type]


def stored(warehouse: Warehouse, name: str, company_id: str) -> list[Row]:
    """Return the rows of a company, by their key."""
    table = metadata.tables[name]
    with warehouse.read() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(table).where(table.c.company_id == company_id))]
    return sorted(rows, key=lambda row: row[: len(table.primary_key.columns)])


@pytest.mark.parametrize("seed", [7])
def test_events_and_people_of_a_generated_world_are_the_truth(warehouse: Warehouse, seed: int) -> None:
    """Every table of every company, today included: it was asked for."""
    spec = WorldSpec(seed=seed, companies=3, days=6, people=8, hub_every=2, now=NOW)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        assert failures(it.refresh(days)) == []
        now = it.clock()
    rows = 0
    for company_id, story in stories_of(world, days, now).items():
        for name, expected in TABLES.items():
            told = expected(story, days, spec.first_day)
            assert stored(warehouse, name, company_id) == told, (company_id, name)
            rows += len(told)
    assert rows > 1000
