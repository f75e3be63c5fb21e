"""The world of the soak: five days of a generated one, and in each company an event that goes on all night."""

from __future__ import annotations

from datetime import datetime, timedelta

from sequel_assets.sandbox import Attendance, Event, Person, World, WorldSpec, build_world
from sequel_assets.sandbox.world.spans import minute_of

COMPANIES, DAYS, WATCHERS = 3, 5, 6


def night_world(start: datetime) -> World:
    """A world around the midnight after `start`: people come and go all night, on the stage and to replays."""
    midnight = (start + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    made = build_world(
        WorldSpec(companies=COMPANIES, days=DAYS, events_per_day=1, people=20, now=midnight + timedelta(hours=6))
    )
    nights = [night_event(company.id, number, midnight) for number, company in enumerate(made.companies)]
    return World(made.companies, [*made.events, *nights], now=start)


def night_event(company_id: str, number: int, midnight: datetime) -> Event:
    """An event from 23:00 to 6:00; its watchers, the first of whom never leaves, are live or see what was before."""
    begin = midnight - timedelta(hours=1)
    rows = []
    for watcher in range(WATCHERS):
        who = Person(f"Watcher {watcher}", f"watcher{watcher}@night{number}.example")
        live = [(begin + timedelta(hours=hour, minutes=7 * watcher), 60 - 8 * watcher) for hour in range(7)]
        again = [(begin + timedelta(hours=hour, minutes=1), 1 + watcher) for hour in range(2, 7)] if watcher else []
        rows.append(Attendance(who, live=live, on_demand=again))
    return Event(f"night-{number}", company_id, "The long night", begin, begin + timedelta(hours=7), attendance=rows)


def add_latecomer(world: World, event_id: str, at: datetime) -> None:
    """Sequel counts somebody late: five minutes that were not told before."""
    event = world.event(event_id)
    assert event is not None
    who = Person("Latecomer", f"latecomer.{at:%H}@night.example")
    world.restate(event_id, [*event.rows, Attendance(who, live=[(at, 5)])])


def take_minutes(world: World, event_id: str, first: datetime, last: datetime) -> None:
    """Sequel takes back what the last watcher saw live between two moments."""
    event = world.event(event_id)
    assert event is not None
    *others, row = event.rows
    begin, end = minute_of(first), minute_of(last)
    live = tuple(span for span in row.live if not begin <= span[0] < end)
    assert live != row.live
    world.restate(event_id, [*others, row.rewatched(live, row.on_demand)])


def oldest_event(world: World) -> str:
    """The event that ended first: its own day is final long before the night."""
    return min((event for event in world.events if len(event.rows) > 3), key=lambda event: event.ends_at).id
