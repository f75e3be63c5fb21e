"""Builds a deterministic world from a seed: a hierarchy of companies, and a calendar of realistic events."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from sequel_assets.sandbox.world import crowd
from sequel_assets.sandbox.world.hosts import hosts_of
from sequel_assets.sandbox.world.registrations import registrations_of
from sequel_assets.sandbox.world.talk import talk_of
from sequel_assets.sandbox.world.truth import HUB, MISSING, Company, Event, Person, Room
from sequel_assets.sandbox.world.world import World

NAMES = (
    "Müller & Söhne",
    "Acme Events ",
    "Northwind",
    "Northwind",
    "Ångström Labs",
    "Café Olé  ",
    "Globex",
    "Initech|EU",
)
TOPICS = ("Product update", "Ask us anything", "Einführung für Einsteiger", "Roadmap ", "Q&A: 100% uptime?", "Été 25")
ODD_IDS = ("a/b {n}", "100%25-{n}", "Ümläut|{n}", "q?x#{n}", "c+d&e={n}", "sp ace-{n}%")
ROOM_NAMES = ("Table {}", "Tisch {} ", "Café {} 🍰", "テーブル {}", "{}: ask an engineer")
ROOMS = (3, 8, 0, 1)
"""How many rooms the hubs of a company have, one after the other."""
ROOM_SIZES = (4, 6, 8, 8, 12, None)
HUBS_OF_A_COMPANY = 100_000
"""More than any company has: the hubs of the nth company are numbered from n times this."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")


@dataclass(frozen=True)
class WorldSpec:
    """What to build: `companies` in all (the root is one), `days` up to and with the day of `now`, averages per event.

    `events_per_day` is the average per company; `people` the average crowd of an event; every `hub_every`th event links
    a hub (0: none); `days_ahead` are planned after `now`; `odd_ids` makes ids with `/`, `%`, blanks, umlauts, `|`, `+`,
    `?`, `#`; `big_event_people` adds an event of that many people x 180 minutes on the day before `now`, at the root;
    with `hub_only` nobody comes to the stages of the last company, whose events all link hubs: people meet there alone.
    """

    seed: int = 7
    companies: int = 4
    days: int = 14
    events_per_day: float = 1.0
    people: int = 40
    now: datetime = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
    days_ahead: int = 2
    depth: int = 3
    hub_every: int = 5
    odd_ids: bool = False
    big_event_people: int = 0
    hub_only: bool = False

    @property
    def first_day(self) -> date:
        """The first UTC day with events."""
        return self.last_day - timedelta(days=self.days - 1)

    @property
    def last_day(self) -> date:
        """The UTC day of `now`."""
        return self.now.astimezone(UTC).date()


def build_world(spec: WorldSpec | None = None) -> World:
    """Build the world of a spec. The same spec gives the same world; attendance is made on first use."""
    spec = spec or WorldSpec()
    companies = _companies(spec)
    events = _Calendar(spec, companies).events()
    return World(companies, events, now=spec.now)


def _companies(spec: WorldSpec) -> list[Company]:
    rng = random.Random(f"{spec.seed}/companies")
    made: list[Company] = []
    depths: list[int] = []
    for number in range(spec.companies):
        deeper = [i for i, depth in enumerate(depths) if 0 < depth < spec.depth]
        if number == 0:
            parent, depth = None, 0
        elif deeper and (number in (3, 4) or rng.random() < 0.3):
            parent = deeper[-1] if number == 4 else rng.choice(deeper)
            depth = depths[parent] + 1
        else:
            parent, depth = 0, 1
        name = NAMES[number % len(NAMES)] + (f" {number // len(NAMES)}" if number >= len(NAMES) else "")
        parent_id = None if parent is None else made[parent].id
        made.append(Company(_id(spec, "company", number), name, parent_id))
        depths.append(depth)
    return made


def _id(spec: WorldSpec, kind: str, number: int) -> str:
    """Ids of several styles: a uuid in lower case, in capitals, or without dashes; odd ones with `odd_ids`."""
    if spec.odd_ids:
        return f"{kind[0]}-" + ODD_IDS[number % len(ODD_IDS)].format(n=number)
    made = uuid.UUID(int=random.Random(f"{spec.seed}/{kind}/{number}").getrandbits(128), version=4)
    return (str(made), str(made).upper(), made.hex)[number % 3]


def _oddities(number: int) -> dict[str, Any]:
    """What a few events say otherwise, or do not say at all."""
    if number % 19 == 3:
        unsaid = {"presenters": MISSING, "description": MISSING, "isSimuliveEnabled": MISSING}
        return {"liveEventManagement": None, "organizers": None, "creatorUid": None, **unsaid}
    return {"type": "LiveStreamInPerson", "isInPersonEvent": True} if number % 29 == 11 else {}


def _rooms(spec: WorldSpec, number: int) -> tuple[Room, ...]:
    """The rooms of a hub: of a company's hubs in a row some, many, none; now and then one without a limit."""
    rng = random.Random(f"{spec.seed}/rooms/{number}")
    many = ROOMS[sum(divmod(number, HUBS_OF_A_COMPANY)) % len(ROOMS)]
    return tuple(Room(rng.choice(ROOM_NAMES).format(place), rng.choice(ROOM_SIZES)) for place in range(1, many + 1))


class _Calendar:
    """The events of all companies, day by day; what is special about an event follows from its running number."""

    def __init__(self, spec: WorldSpec, companies: Sequence[Company]) -> None:
        self.spec = spec
        self.companies = companies
        self.made: list[Event] = []
        self.linked: dict[int, list[Event]] = {}
        self.links = [0] * len(companies)
        self.circle = max(4, spec.people * 3)

    def events(self) -> list[Event]:
        """Stage events, then the hubs that they link."""
        for company in range(len(self.companies)):
            rng = random.Random(f"{self.spec.seed}/calendar/{company}")
            for offset in range(self.spec.days + self.spec.days_ahead):
                day = self.spec.first_day + timedelta(days=offset)
                sure = int(self.spec.events_per_day)
                for _ in range(sure + (rng.random() < self.spec.events_per_day - sure)):
                    self._stage(company, day, rng)
        stages = list(self.made)
        if self.spec.big_event_people:
            stages.append(self._big())
        return stages + [self._hub(number, linking) for number, linking in self.linked.items()]

    def _stage(self, company: int, day: date, rng: random.Random) -> None:
        number, spec = len(self.made), self.spec
        event_id = _id(spec, "event", number)
        minutes = rng.choice((30, 45, 60, 60, 90))
        hour, minute = (
            (23, rng.choice((15, 30, 45))) if number % 11 == 6 else (rng.randint(6, 21), rng.choice((0, 0, 30)))
        )
        starts_at = datetime.combine(day, time(hour, minute), UTC)
        is_cancelled, has_started, is_empty = number % 23 == 4, number % 23 != 9, number % 23 == 14
        replays = number % 10 != 7
        size = max(1, round(spec.people * rng.uniform(0.3, 1.7)))
        is_lounge = spec.hub_only and company == len(self.companies) - 1
        happens = has_started and not is_cancelled and not is_empty and not is_lounge
        organizers, presenters = hosts_of(spec.seed, event_id, company, number, self.circle)
        event = Event(
            event_id,
            self.companies[company].id,
            TOPICS[number % len(TOPICS)],
            starts_at,
            starts_at + timedelta(minutes=minutes),
            attendance=partial(
                crowd.stage_attendance,
                spec.seed,
                event_id,
                company,
                size,
                starts_at,
                minutes,
                replays=replays,
                circle=self.circle,
            )
            if happens
            else (),
            timezone=ZONES[number % len(ZONES)],
            is_cancelled=is_cancelled,
            has_started=has_started and not is_cancelled,
            is_replay_enabled=replays,
            shows_company=number % 19 != 3,
            absentees=tuple(Person(f"Absent {i}", f"absent{i}.{number}@example.com") for i in range(size // 5)),
            extra=_oddities(number),
            talk=talk_of if happens else None,
            registrations=registrations_of,
            organizers=organizers,
            presenters=presenters,
        )
        if is_lounge or (spec.hub_every and number % spec.hub_every == 2 % spec.hub_every):
            self._link(company, event)
        self.made.append(event)

    def _link(self, company: int, event: Event) -> None:
        """Two such events of a company in a row share a hub; the last company's first one links the first company's."""
        is_shared = (
            company == len(self.companies) - 1 and company > 1 and self.links[company] == 0 and self.links[0] > 0
        )
        hub = 0 if is_shared else company * HUBS_OF_A_COMPANY + self.links[company] // 2
        self.links[company] += 1
        self.linked.setdefault(hub, []).append(event)
        event.hub_id = _id(self.spec, "hub", hub)

    def _hub(self, number: int, linking: list[Event]) -> Event:
        first = min(linking, key=lambda event: event.starts_at)
        company = [company.id for company in self.companies].index(first.company_id)
        hub_id, ends = _id(self.spec, "hub", number), [event.ends_at for event in linking if event.has_started]
        size = max(1, self.spec.people // 3)
        attendance = partial(crowd.hub_attendance, self.spec.seed, hub_id, company, size, ends, circle=self.circle)
        return Event(
            hub_id,
            first.company_id,
            f"Lounge of {first.name}",
            first.starts_at,
            max(event.ends_at for event in linking),
            HUB,
            attendance,
            rooms=_rooms(self.spec, number),
        )

    def _big(self) -> Event:
        people, minutes = self.spec.big_event_people, 180
        starts_at = datetime.combine(self.spec.last_day - timedelta(days=1), time(12), UTC)
        event_id = _id(self.spec, "big", 0)
        attendance = partial(crowd.full_house, self.spec.seed, event_id, people, starts_at, minutes)
        ends_at = starts_at + timedelta(minutes=minutes)
        return Event(event_id, self.companies[0].id, "Keynote", starts_at, ends_at, attendance=attendance)
