"""Who watches what in a generated event: drawn from the event's own seed, so that it can be made when first needed."""

from __future__ import annotations

import random
from datetime import datetime

from sequel_assets.sandbox.world import people, spans
from sequel_assets.sandbox.world.truth import Attendance, Person

REPLAY_DAYS = 14


def stage_attendance(
    seed: int, event_id: str, company: int, crowd: int, starts_at: datetime, minutes: int, *, replays: bool, circle: int
) -> list[Attendance]:
    """The list of a stage event: `crowd` viewers of `minutes` minutes (some stay longer), and replays on later days.

    Of 100 viewers some 3 stand in the list twice under two spellings, 4 left no e-mail, 5 were live and on demand
    at once.
    """
    rng = random.Random(f"{seed}/event/{event_id}")
    start, rows = spans.minute_of(starts_at), []
    numbers = rng.sample(range(circle), min(crowd + crowd // 6, circle))
    for position, number in enumerate(numbers):
        is_guest = rng.random() < 0.04
        who = people.without_email(seed, event_id, position) if is_guest else people.person(seed, company, number)
        live = _live(rng, start, minutes) if position < crowd else []
        on_demand = (
            _replay(rng, start + minutes, live) if replays and (position >= crowd or rng.random() < 0.15) else []
        )
        if live or on_demand:
            rows += _spellings(rng, who, live, on_demand)
    return rows


def hub_attendance(
    seed: int, hub_id: str, company: int, crowd: int, ends: list[datetime], *, circle: int
) -> list[Attendance]:
    """The list of a hub: people who stay to talk after each of the events that link it. All live."""
    rng = random.Random(f"{seed}/hub/{hub_id}")
    rows = []
    for number in rng.sample(range(circle), min(crowd, circle)):
        talks = [(spans.minute_of(end) + rng.randrange(10), rng.randint(3, 25)) for end in ends if rng.random() < 0.6]
        if talks:
            rows += _spellings(rng, people.person(seed, company, number), talks, [])
    return rows


def full_house(seed: int, event_id: str, crowd: int, starts_at: datetime, minutes: int) -> list[Attendance]:
    """A big event: everybody stays from the first minute to the last."""
    rng = random.Random(f"{seed}/event/{event_id}")
    live = [(spans.minute_of(starts_at), minutes)]
    return [people.attendance(rng, people.person(seed, 0, number), live, []) for number in range(crowd)]


def _live(rng: random.Random, start: int, minutes: int) -> list[tuple[int, int]]:
    joined = start + int(minutes * 0.4 * rng.random() ** 2)
    left = start + minutes - int(minutes * 0.5 * rng.random() ** 2)
    if rng.random() < 0.1:
        left += rng.randint(1, 20)
    if left - joined > 12 and rng.random() < 0.2:
        pause = rng.randint(joined + 3, left - 6)
        back = pause + rng.randint(1, 5)
        return [(joined, pause - joined), (back, left - back)]
    return [(joined, max(1, left - joined))]


def _replay(rng: random.Random, end: int, live: list[tuple[int, int]]) -> list[tuple[int, int]]:
    watched = []
    if live and rng.random() < 0.35:
        first, length = live[-1]
        watched.append((first + length // 2, length // 2 + rng.randint(1, 9)))
    for _ in range(rng.choice((1, 1, 2))):
        day = int(REPLAY_DAYS * rng.random() ** 2)
        watched.append((end + 60 + day * spans.MINUTES_PER_DAY + rng.randrange(900), rng.randint(2, 45)))
    return watched


def _spellings(
    rng: random.Random, who: Person, live: list[tuple[int, int]], on_demand: list[tuple[int, int]]
) -> list[Attendance]:
    """One row, or two of one person who signed in twice: the second spelling has all from some minute on."""
    row = people.attendance(rng, who, live, on_demand)
    engaged = row.engaged
    if who.email is None or rng.random() >= 0.04 or spans.length(engaged) < 4:
        return [row]
    other = people.attendance(rng, who, live, on_demand)
    if other.email == row.email:
        return [row]
    cut = engaged[0][0] + (engaged[0][1] - engaged[0][0]) // 2
    before = row.rewatched(spans.clip(row.live, None, cut), spans.clip(row.on_demand, None, cut))
    after = other.rewatched(spans.clip(row.live, cut, None), spans.clip(row.on_demand, cut, None))
    return [before, after]
