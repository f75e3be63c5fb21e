"""What a world is made of: companies, events, people, and who was there in which minute."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.changes import Changing, ChangingDict
from sequel_assets.sandbox.world.spans import Spans

STAGE = "virtualStageEvent"
HUB = "networkingHub"


class Shown(enum.Enum):
    """How a person's name or e-mail stands in a list when it is not a text."""

    AS_IS = "the person's own"
    MISSING = "the field is left out"


AS_IS = Shown.AS_IS
MISSING = Shown.MISSING

Text = str | Shown | None


def canonical(text: str | None) -> str:
    """A text trimmed, lower-cased and in NFC, as e-mails and names are compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", (text or "").strip()).lower())


def canonical_email(text: str | None) -> str | None:
    """An e-mail in its canonical form; None when nothing is left."""
    return canonical(text) or None


@dataclass(frozen=True, slots=True)
class Person:
    """A human being. The e-mail (canonical, or None) is who they are; without one they are their name in one event.

    `which` distinguishes people of one name (or none) without an e-mail; nothing that Sequel lists does.
    """

    name: str
    email: str | None = None
    which: int = 1

    def __post_init__(self) -> None:
        """Bring the e-mail into its canonical form."""
        object.__setattr__(self, "email", canonical_email(self.email))

    def key(self, event_id: str) -> str:
        """The person's key: the e-mail, else event, name (in its canonical form) and which of those it is."""
        if self.email is not None:
            return self.email
        return f"\0{event_id}\0{canonical(self.name)}" + (f"\0{self.which}" if self.which > 1 else "")


class Minute(NamedTuple):
    """One person in one minute of one event: the grain of the truth."""

    person: Person
    at: datetime
    live: bool
    on_demand: bool


Watched = Iterable[tuple[datetime | int, int]]


@dataclass(frozen=True, slots=True, init=False)
class Attendance:
    """One row of an event's list: a person under one spelling, with the minutes watched live and on demand.

    `live` and `on_demand` are given as (start, minutes); the start is a UTC datetime (or minutes since 1970).
    `email` and `name` are how they are shown: as they are, another text, None (null), or MISSING.
    """

    person: Person
    live: Spans
    on_demand: Spans
    email: Text
    name: Text

    def __init__(
        self, person: Person, live: Watched = (), on_demand: Watched = (), *, email: Text = AS_IS, name: Text = AS_IS
    ) -> None:
        shown_email = person.email if email is AS_IS else email
        shown_name = person.name if name is AS_IS else name
        if canonical_email(shown_email if isinstance(shown_email, str) else None) != person.email:
            raise ValueError(f"{shown_email!r} is no spelling of {person.email!r}")
        if person.email is None:
            plain = shown_name if isinstance(shown_name, str) else ""
            if canonical(plain) != canonical(person.name):
                raise ValueError(f"without an e-mail the name is the person: {shown_name!r} is not {person.name!r}")
        for attribute, value in (
            ("person", person),
            ("live", _spans(live)),
            ("on_demand", _spans(on_demand)),
            ("email", shown_email),
            ("name", shown_name),
        ):
            object.__setattr__(self, attribute, value)

    @property
    def engaged(self) -> Spans:
        """Every minute watched, live or on demand or both, once."""
        return spans.union((*self.live, *self.on_demand))

    def rewatched(self, live: Spans, on_demand: Spans) -> Attendance:
        """The same row with other minutes."""
        return Attendance(
            self.person,
            [(first, end - first) for first, end in live],
            [(first, end - first) for first, end in on_demand],
            email=self.email,
            name=self.name,
        )


def _spans(watched: Watched) -> Spans:
    return spans.union(
        (first, first + minutes)
        for first, minutes in (
            (start if isinstance(start, int) else spans.minute_of(start), minutes) for start, minutes in watched
        )
    )


@dataclass
class Company(Changing):
    """A company of the hierarchy; `licence_is_valid=False` makes the list of its children answer 403."""

    id: str
    name: str
    parent_id: str | None = None
    licence_is_valid: bool = True


class Room(NamedTuple):
    """A room of a hub; None: for any number of people."""

    name: str
    max_slots: int | None = None


Rows = Sequence[Attendance]


@dataclass(eq=False)
class Event(Changing):
    """A stage event or a networking hub, with its list of attendance (or a function that makes it when needed)."""

    id: str
    company_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    event_type: str = STAGE
    attendance: Rows | Callable[[], Rows] = ()
    hub_id: str | None = None
    timezone: str = "UTC"
    is_cancelled: bool = False
    has_started: bool = True
    is_replay_enabled: bool = True
    shows_company: bool = True
    absentees: Sequence[Person] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    talk: dict[str, Any] | Callable[[Event], dict[str, Any]] | None = None
    registrations: dict[str, datetime | None] | Callable[[Event], dict[str, datetime | None]] = field(
        default_factory=dict
    )
    """When people registered, by their key; None: they never did. Who is not in it did a day before the start."""
    rooms: Sequence[Room] = ()
    """A hub's rooms, in order."""
    organizers: Sequence[Any] = ()
    presenters: Sequence[Any] = ()
    """Who hosts it, each as the answer names them: an e-mail, an id, an object."""
    version: int = field(default=0, init=False)
    _rows: tuple[Attendance, ...] | None = field(default=None, init=False, repr=False)
    _drawn: tuple[int, dict[str, datetime | None]] | None = field(default=None, init=False, repr=False)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it; what could be changed in place counts its changes, or cannot be."""
        if name in ("extra", "registrations") and isinstance(value, dict):
            value = ChangingDict(value)
        super().__setattr__(name, tuple(value) if name in ("absentees", "rooms", "organizers", "presenters") else value)

    @property
    def rows(self) -> tuple[Attendance, ...]:
        """The list of attendance, made and checked on first use."""
        if self._rows is None:
            made = tuple(self.attendance() if callable(self.attendance) else self.attendance)
            _check(self, made)
            self._rows = made
        return self._rows

    def registered_at(self, person: Person) -> datetime | None:
        """When somebody registered, or None."""
        registered = self.registrations
        if callable(registered):
            if self._drawn is None or self._drawn[0] != self.version:
                self._drawn = (self.version, registered(self))
            registered = self._drawn[1]
        return registered.get(person.key(self.id), self.starts_at - timedelta(days=1))

    def registers(self, person: Person, at: datetime) -> None:
        """Somebody registers at a time."""
        self.absentees = (*self.absentees, person)
        known = self.registrations(self) if callable(self.registrations) else self.registrations
        self.registrations = {**known, person.key(self.id): at}

    def restate(self, attendance: Iterable[Attendance]) -> None:
        """Replace the list of attendance."""
        rows = tuple(attendance)
        _check(self, rows)
        self.attendance = self._rows = rows
        self.version += 1


def _check(event: Event, rows: Sequence[Attendance]) -> None:
    """A person is in one place at a time: spellings of one person share no minute. A hub has no replays."""
    by_person: dict[str, list[Attendance]] = {}
    for row in rows:
        by_person.setdefault(row.person.key(event.id), []).append(row)
        if event.event_type == HUB and row.on_demand:
            raise ValueError(f"all minutes of a hub are live: {event.id!r}")
    for spellings in by_person.values():
        if len(spellings) > 1:
            every = [span for row in spellings for span in row.engaged]
            if spans.length(spans.union(every)) != sum(end - first for first, end in every):
                raise ValueError(f"two rows of one person share a minute in event {event.id!r}: {spellings[0].person}")
