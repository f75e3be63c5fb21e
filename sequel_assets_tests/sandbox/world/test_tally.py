"""Sums: for any world, range and hour they are what counting the minutes one by one gives."""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from sequel_assets.sandbox import World, WorldSpec, build_world
from sequel_assets.sandbox.api.analytics import average
from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.tally import Range, Tallies, concurrency, usage
from sequel_assets_tests.sandbox.conftest import at, small_world


def counted(world: World, event_id: str, days: Range, kind: str, before: datetime) -> dict[str, int]:
    """Minutes per person, counted one by one."""
    people: dict[str, int] = defaultdict(int)
    for person, moment, live, on_demand in world.minutes(event_id, before=before):
        in_range = (days.first is None or moment.date() >= days.first) and (
            days.last is None or moment.date() <= days.last
        )
        if in_range and {"all": True, "live": live, "onDemand": on_demand}[kind]:
            people[person.key(event_id)] += 1
    return dict(people)


@pytest.mark.parametrize("seed", range(4))
def test_participants_usage_and_concurrency_equal_the_minutes_counted_one_by_one(seed: int):
    """Random worlds, ranges, hours and engagement types."""
    rng = random.Random(seed)
    spec = WorldSpec(seed=seed, companies=3, days=10, events_per_day=1, people=12)
    world, tallies = build_world(spec), Tallies()
    for _ in range(6):
        before = spec.now.replace(minute=0) - timedelta(hours=rng.randrange(200))
        first = rng.choice([None, spec.first_day + timedelta(days=rng.randrange(12))])
        last = (
            first
            if rng.random() < 0.5
            else None
            if rng.random() < 0.3
            else (first or spec.first_day) + timedelta(days=3)
        )
        days, kind = Range(first, last), rng.choice(["all", "live", "onDemand"])
        everybody: dict[str, int] = defaultdict(int)
        seen = []
        for event in world.events:
            tally = tallies.of(event, spans.minute_of(before))
            expected = counted(world, event.id, days, kind, before)
            got: dict[str, int] = defaultdict(int)
            for row, minutes in tally.participants(days, kind):
                got[row.person.key(event.id)] += minutes
            assert dict(got) == expected
            for person, minutes in expected.items():
                everybody[person] += minutes
            users: dict[int, int] = defaultdict(int)
            for minute in world.minutes(event.id, before=before):
                if minute.live:
                    users[(minute.at - event.starts_at) // timedelta(minutes=1)] += 1
            assert concurrency(event, spans.minute_of(before)) == sorted(users.items())
            seen.append((event, tally))
        used = usage(seen, days, kind)
        assert (used.engaged_minutes, used.users) == (sum(everybody.values()), len(everybody))


def test_a_tally_follows_the_hour_and_a_restatement():
    """Kept sums are never stale: not when the hour moves on or back, not when minutes change."""
    world, tallies = small_world(), Tallies()
    event = world.event("e1")

    def minutes(moment: datetime) -> int:
        return sum(row.minutes for row in tallies.of(event, spans.minute_of(moment)).participants(Range(), "all"))

    hours = [at(2, 0), at(2, 14), at(2, 15), at(3, 0), at(2, 1)]
    assert [minutes(hour) for hour in hours] == [10, 43, 48, 48, 38]
    assert tallies.of(event, spans.minute_of(at(4, 0))) is tallies.of(event, spans.minute_of(at(5, 0)))
    world.restate("e1", [])
    assert minutes(at(5, 0)) == 0


def test_the_average_is_rounded_half_up_and_nothing_for_nobody():
    """The documented example: 898 minutes of 57 users are 15.75."""
    assert (average(898, 57), average(1, 8), average(5, 1000), average(0, 0)) == (15.75, 0.13, 0.01, 0)
