"""The world of the cluster: many companies with an event that goes on all afternoon, and how large it is."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sequel_assets.sandbox import Attendance, Company, Event, Person, World

START = datetime(2026, 3, 3, 12, 50, tzinfo=UTC)
TODAY = START.date()
YESTERDAY = TODAY - timedelta(days=1)


@dataclass(frozen=True)
class ClusterSize:
    """How many companies and people there are."""

    companies: int = 200
    events: int = 1
    """Of each company today, and as many yesterday."""
    people: int = 4
    lost_seconds: int = 45
    """How long a worker may be silent; the hour of a real cluster has more time than this one."""
    latency_ms: float = 20
    is_small: bool = False
    """Whether clocks stand still, and neither pages nor receiver are served."""
    hour_seconds: int = 600
    """How long an hour may take for all companies, really."""


def world_of(size: ClusterSize) -> World:
    """Events of all companies that go on all through the afternoon, and one each of yesterday."""
    dice = random.Random(17)
    companies = [
        Company("root", "Root"),
        *(Company(f"c{n:04}", f"Company {n:04}", "root") for n in range(size.companies)),
    ]
    people = [Person(f"Person {n}", f"person{n}@example.org") for n in range(60)]
    events = []
    for company in companies[1:]:
        for day in (YESTERDAY, TODAY):
            for number in range(size.events):
                begin = datetime(day.year, day.month, day.day, 9, dice.randrange(50), tzinfo=UTC)
                hours = 3 if day == YESTERDAY else 14
                attendance = [
                    Attendance(who, live=[(begin + timedelta(hours=hour, minutes=dice.randrange(5)), dice.randrange(5, 50)) for hour in range(hours)])
                    for who in dice.sample(people, size.people)
                ]  # fmt: skip
                name = f"{company.id}-{day:%d}-{number}"
                events.append(
                    Event(
                        name, company.id, f"Event {name}", begin, begin + timedelta(hours=hours), attendance=attendance
                    )
                )
    return World(companies, events, now=START)
