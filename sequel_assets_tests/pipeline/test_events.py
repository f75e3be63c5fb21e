"""Generated worlds, fetched over a socket: every insight is what their minutes, talk and registrations say.

`make insights` has 50 of them on each database; the suite's own are fewer.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import World, WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.reference import companies as oracle
from sequel_assets_tests.support.reference import expected_tables, owners_of, person_id
from sequel_assets_tests.support.reference.details import COLUMNS
from sequel_assets_tests.support.reference.events import TABLES
from sequel_assets_tests.support.reference.stories import OF_EVENTS, CompanyStory, Plan, Row, Seen, StoryPerson
from sequel_assets_tests.support.suite.scale import scaled

NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)


def stories_of(world: World, days: list[date], now: datetime) -> dict[str, CompanyStory]:
    """Return what is true of each company, from the world's minutes and from what was said in its events."""
    top = now.replace(minute=0, second=0, microsecond=0)
    tables = expected_tables(world, days, now=now)
    stories = {company.id: CompanyStory({}, company_id=company.id) for company in world.companies}
    for event_id, owner in owners_of(world).items():
        event, story = world.event(event_id), stories[owner]
        assert event is not None
        plan = Plan(event_id, event.event_type, event.starts_at, event.ends_at, event.hub_id, event.is_cancelled)
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


def _add(story: CompanyStory, name: str, told: dict[str, object]) -> None:
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
    registered_at, starts = told["registered_at"], told["day"]
    is_late = registered_at is not None and registered_at.date() > starts  # type: ignore[attr-defined,operator]
    late_on = registered_at.date() if is_late else None  # type: ignore[attr-defined]
    story.activity[key] = StoryPerson(registered_at is not None, *counts, late_on)  # type: ignore[arg-type]


def stored(warehouse: Warehouse, name: str, company_id: str) -> list[Row]:
    """Return the rows of a company, by their key."""
    table = metadata.tables[name]
    with warehouse.read() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(table).where(table.c.company_id == company_id))]
    return sorted(rows, key=lambda row: row[: len(table.primary_key.columns)])


def spec_of(seed: int) -> WorldSpec:
    """Return a small world: companies, days, people, hubs and odd ids as the dice say; some as long as a replay window."""
    dice = random.Random(f"worlds/{seed}")
    days = dice.choice([3, 5, 6, 8, 33])
    return WorldSpec(
        seed=seed,
        companies=dice.randint(2, 4) if days < 33 else 2,
        days=days,
        events_per_day=dice.choice([0.5, 1.0]) if days < 33 else 0.15,
        people=dice.randint(3, 8),
        hub_every=dice.choice([0, 1, 2, 3]),
        odd_ids=dice.random() < 0.3,
        hub_only=dice.random() < 0.2,
        now=NOW - timedelta(minutes=dice.randrange(60 * 24)),
    )


@pytest.mark.parametrize("seed", range(max(1, scaled(20, 500, "WORLDS") // 10)))
def test_every_insight_of_a_random_world_is_the_truth(warehouse: Warehouse, seed: int) -> None:
    """Every table of every company, from the sandbox's minutes, talk and registrations; today included: it was asked for."""
    spec = spec_of(seed)
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        assert failures(it.refresh(days)) == []
        it.assert_true(days)
        now = it.clock()
    companies = [company.id for company in world.companies]
    checked = {"daily_usage", "audience_usage", "lifetime_usage", "peak_concurrency"}  # by assert_true
    stories = stories_of(world, days, now)
    for story in stories.values():
        story.open_days = {spec.last_day}
    for name, expected in TABLES.items():
        for company in companies:
            assert stored(warehouse, name, company) == expected(stories[company], days, spec.first_day), (company, name)
        checked.add(name)
    for name, rows in of_companies(world, days, now).items():
        found = sorted((row for company in companies for row in stored(warehouse, name, company)), key=repr)
        assert found == sorted(rows, key=repr), name
        checked.add(name)
    assert checked == {insight.name for insight in INSIGHTS}


SETTLE = timedelta(minutes=5)
"""The rules of the tests' platform: in the first minutes of an hour the one before is covered."""


def of_companies(world: World, days: list[date], now: datetime) -> dict[str, list[Row]]:
    """Return every row of the comparisons, the top lists and the roll-ups."""
    truth = expected_tables(world, days, now=now)
    parents = {company.id: [(now.date(), company.parent_id)] for company in world.companies}
    covered, start = (now - SETTLE).replace(minute=0, second=0, microsecond=0), days[0]
    through = {(company, on): covered for company in parents for on in days}
    facts, closed = truth["event_participants"], days[:-1]
    own = {company: [row for row in facts if row[0] == company] for company in parents}
    each = list(itertools.product(parents, days))
    return {
        "usage_comparison": [row for c, on in each for row in oracle.comparison(c, own[c], on, start, closed)],
        "top_participants": [row for c, on in each for row in oracle.top(c, own[c], on, start)],
        "company_rollup": [
            row for c, on in each for row in oracle.rollup(parents, facts, truth["event_concurrency"], through, c, on)
        ],
    }
