"""The generated world: the same for a seed, with everything that real ones have, and quick to build."""

import time
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sequel_assets.sandbox import HUB, MISSING, WorldSpec, build_world
from sequel_assets.sandbox.world.world import World

SPEC = WorldSpec(seed=3, companies=5, days=21, events_per_day=1.5, people=25)


def everything(world: World) -> list[object]:
    """A world as plain values."""
    return [
        *[(c.id, c.name, c.parent_id) for c in world.companies],
        *[
            (e.id, e.company_id, e.name, e.starts_at, e.ends_at, e.hub_id, e.rows, e.extra, e.rooms)
            for e in world.events
        ],
    ]


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    """Deterministic by seed, whatever is asked for first."""
    one, two = build_world(SPEC), build_world(SPEC)
    for event in reversed(two.events):
        assert event.rows is not None
    assert everything(one) == everything(two)
    assert everything(one) != everything(build_world(replace(SPEC, seed=4)))


def test_the_companies_stand_in_a_tree_of_three_levels_with_ids_of_several_styles():
    """A root, its children, a grandchild, and one below; two have one name."""
    companies = build_world(SPEC).companies
    by_id = {company.id: company for company in companies}

    def depth(company_id: str) -> int:
        parent = by_id[company_id].parent_id
        return 0 if parent is None else 1 + depth(parent)

    assert Counter(depth(company.id) for company in companies) == {0: 1, 1: 2, 2: 1, 3: 1}
    assert max(Counter(company.name for company in companies).values()) == 2
    assert any(c.id.isupper() for c in companies)
    assert any("-" not in c.id for c in companies)
    assert any(c.name != c.name.strip() for c in companies)


def test_odd_ids_have_every_character_that_breaks_paths():
    """Slash, per cent, blank, umlaut, bar, plus, question mark, hash; and every id is its own."""
    world = build_world(replace(SPEC, companies=6, odd_ids=True))
    ids = [company.id for company in world.companies] + [event.id for event in world.events]
    assert len(set(ids)) == len(ids)
    assert set("/% ä|+?#") <= set("".join(ids))


def test_the_calendar_has_every_kind_of_event():
    """Cancelled, never started, empty, over midnight, later than now, with hubs, and without a company."""
    world = build_world(SPEC)
    stages = [event for event in world.events if event.event_type != HUB]
    hubs = [event for event in world.events if event.event_type == HUB]
    linked = Counter(event.hub_id for event in stages if event.hub_id)
    assert any(event.is_cancelled for event in stages)
    assert any(not event.has_started for event in stages)
    assert any(event.has_started and not event.rows for event in stages)
    assert any(event.starts_at.date() != event.ends_at.date() for event in stages)
    assert any(event.starts_at > SPEC.now for event in stages)
    assert any(not event.shows_company for event in stages)
    assert sorted(linked) == sorted(hub.id for hub in hubs)
    assert set(linked.values()) == {1, 2, 3}


def test_a_hub_belongs_to_the_company_of_the_earliest_event_that_links_it():
    """Also the one that two companies share."""
    world = build_world(SPEC)
    shared = 0
    for hub in (event for event in world.events if event.event_type == HUB):
        linking = sorted((e for e in world.events if e.hub_id == hub.id), key=lambda e: e.starts_at)
        assert hub.company_id == linking[0].company_id
        shared += len({event.company_id for event in linking}) > 1
    assert shared == 1


def test_hubs_have_some_rooms_many_or_none():
    """Where people meet alone too; of different sizes, some without a limit, some with a blank behind their name."""
    world = build_world(replace(SPEC, hub_only=True))
    lounges = world.companies[-1].id
    hubs = [event for event in world.events if event.event_type == HUB]
    assert {len(hub.rooms) for hub in hubs} == {0, 1, 3, 8}
    assert {len(hub.rooms) for hub in hubs if hub.company_id == lounges} == {0, 1, 3, 8}
    assert {room.max_slots for hub in hubs for room in hub.rooms} == {4, 6, 8, 12, None}
    assert any(room.name != room.name.strip() for hub in hubs for room in hub.rooms)


def test_people_are_as_messy_as_real_ones():
    """Spellings, no e-mail in three ways, plus-addresses, blanks, people in several companies, twice in one list."""
    world = build_world(SPEC)
    rows = [(event, row) for event in world.events for row in event.rows]
    no_email = {row.email for _, row in rows if row.person.email is None}
    spellings: dict[str, set[object]] = {}
    companies: dict[str, set[str]] = {}
    for event, row in rows:
        if row.person.email:
            spellings.setdefault(row.person.email, set()).add(row.email)
            companies.setdefault(row.person.email, set()).add(event.company_id)
    twice = [max(Counter(row.person.key(event.id) for row in event.rows).values(), default=0) for event in world.events]
    assert no_email == {None, MISSING, "", " "}
    assert max(map(len, spellings.values())) > 2
    assert max(map(len, companies.values())) > 2
    assert max(twice) == 2
    assert any(isinstance(row.email, str) and unicodedata.normalize("NFC", row.email) != row.email for _, row in rows)
    assert any("+team@" in email and email.replace("+team", "") in spellings for email in spellings)
    assert any(isinstance(row.name, str) and row.name != row.name.strip() for _, row in rows)


@pytest.mark.scenario
def test_there_are_replays_on_later_days_and_minutes_that_are_both():
    """And live minutes after the planned end; no live minute before the start."""
    world = build_world(SPEC)
    minutes = [(event, minute) for event in world.events for minute in world.minutes(event.id)]
    stages = [(event, minute) for event, minute in minutes if event.event_type != HUB]
    assert any(minute.on_demand and minute.at.date() > event.ends_at.date() for event, minute in stages)
    assert any(minute.on_demand and minute.live for _, minute in stages)
    assert any(minute.live and minute.at >= event.ends_at for event, minute in stages)
    assert all(minute.at >= event.starts_at for event, minute in stages)
    assert all(minute.live and not minute.on_demand for event, minute in minutes if event.event_type == HUB)


def test_a_leap_day_is_a_day():
    """Days are consecutive, 29 February among them."""
    world = build_world(WorldSpec(days=3, events_per_day=3, now=datetime(2028, 3, 1, 12, tzinfo=UTC)))
    assert datetime(2028, 2, 29, tzinfo=UTC).date() in {event.starts_at.date() for event in world.events}


@pytest.mark.scenario
def test_a_big_event_holds_its_people_for_three_hours():
    """10,000 people x 180 minutes are one event like any other."""
    world = build_world(WorldSpec(companies=1, days=2, events_per_day=0, big_event_people=10_000))
    (event,) = world.events
    assert len(event.rows) == 10_000
    assert sum(1 for _ in world.minutes(event.id)) == 1_800_000


@pytest.mark.scenario
def test_a_world_costs_what_is_asked_of_it_and_not_what_it_holds():
    """Building is a small part of making every list of attendance: that happens when first needed."""
    began = time.perf_counter()
    world = build_world(WorldSpec(companies=10, days=60, people=60))
    built = time.perf_counter() - began
    made = sum(len(event.rows) for event in world.events)
    assert made > 10_000
    assert built * 4 < time.perf_counter() - began
