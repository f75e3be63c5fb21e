"""How much chaos there is, in which world, and what came of it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sequel_assets.sandbox import Attendance, Company, Event, Person, World

NOON = datetime(2026, 3, 3, 12, 7, tzinfo=UTC)
TODAY = NOON.date()
YESTERDAY = date(2026, 3, 2)
STEP = timedelta(minutes=5)
GOES_WRONG = {
    "drop": 0.1, "duplicate": 0.2, "reorder": 0.3, "delay": 0.2, "late": 0.02, "burst": 0.2,
    "wrong_count": 0.1, "lost_batch": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much chaos there is."""

    companies: int
    events: int
    people: int
    """At each event."""
    steps: int
    deliveries: int
    kill_every: int
    """Steps between two kills, on average."""
    rates: dict[str, float] = field(default_factory=lambda: GOES_WRONG)
    seed: int = 1
    has_schedule: bool = True
    """Whether the hourly refresh is on."""


@dataclass
class Account:
    """What came of it."""

    answers: Counter[int]
    """POSTs by their answer; 0: none came."""
    acknowledged: int
    """Deliveries of which at least one POST was answered with 200."""
    kills: int
    runs: int
    events: int
    seconds: float


def world_of(size: Size) -> World:
    """Events that end all through the afternoon; one began yesterday, one is empty."""
    dice = random.Random(size.seed)
    companies = [Company("root", "Root"), *(Company(f"c{n}", f"Company {n}", "root") for n in range(size.companies))]
    people = [Person(f"Person {n}", f"person{n}@example.org") for n in range(size.people)]
    span = size.steps * STEP
    events = []
    for number in range(size.events):
        ends = (NOON + span * dice.uniform(0.02, 0.9)).replace(second=0, microsecond=0)
        starts = ends - timedelta(minutes=dice.randrange(20, 100))
        if number == 1:
            starts = NOON - timedelta(hours=14)
        lasts = (ends - starts) // timedelta(minutes=1)
        attendance = []
        for person in people if number else []:
            arrives, stays = dice.randrange(15), dice.randrange(1, 60)
            # minutes after the end are for the hourly refresh to find
            stays = stays if size.has_schedule else min(stays, lasts - arrives)
            attendance.append(Attendance(person, live=[(starts + timedelta(minutes=arrives), stays)]))
        events.append(
            Event(f"e{number}", f"c{number % size.companies}", f"Event {number}", starts, ends, attendance=attendance)
        )
    return World(companies, events, now=NOON)
