"""When people registered for a generated event: mostly days before it, some for its replay, and some just walked in."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.truth import Event

WALKS_IN = 0.1
"""The share of viewers who never registered."""
REGISTERS_LATE = 0.6
"""Of those who watch the replay alone, the share that registers for it when the event is over."""


def registrations_of(event: Event) -> dict[str, datetime | None]:
    """Return by person (their key) when they registered, or None; drawn from the event's id."""
    rng = random.Random(f"registrations/{event.id}")
    first: dict[str, int] = {}
    came_live: set[str] = set()
    for row in event.rows:
        key = row.person.key(event.id)
        first[key] = min(first.get(key, row.engaged[0][0]), row.engaged[0][0])
        came_live |= {key} if row.live else set()
    found: dict[str, datetime | None] = {}
    for key in (*first, *(person.key(event.id) for person in event.absentees)):
        before = event.starts_at - timedelta(minutes=rng.randrange(30, 21 * spans.MINUTES_PER_DAY))
        dice = rng.random()
        if key in first and dice < WALKS_IN:
            found[key] = None
        elif key in first and key not in came_live and dice < WALKS_IN + REGISTERS_LATE:
            found[key] = spans.datetime_of(first[key] - rng.randrange(2, 45))
        else:
            found[key] = before
    return found
