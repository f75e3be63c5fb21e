"""The world: its companies and events, the true minutes of each, and every change that they can have."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.changes import changed
from sequel_assets.sandbox.world.truth import HUB, Attendance, Company, Event, Minute, Person

OnChange = Callable[["World", str, Event, Person | None], None]
"""Called after a change, with the world's lock: the type of the webhook, the event, and who registered."""


class World:
    """A hierarchy of companies, and events with their minutes. Mutable; readers and writers take `lock`.

    `now` is where a sandbox pins its clock by default. The root is the first company without a parent.
    """

    def __init__(
        self,
        companies: Iterable[Company],
        events: Iterable[Event] = (),
        *,
        now: datetime | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.on_change: OnChange | None = None
        self._companies: dict[str, Company] = {}
        self._events: dict[str, Event] = {}
        self._by_company: dict[str, list[Event]] = {}
        self._vanished: set[str] = set()
        for company in companies:
            self.add_company(company)
        for event in events:
            self.add_event(event)

    @property
    def companies(self) -> list[Company]:
        """Every company."""
        with self.lock:
            return list(self._companies.values())

    @property
    def events(self) -> list[Event]:
        """Every stage event and hub that has not vanished."""
        with self.lock:
            return [event for event in self._events.values() if event.id not in self._vanished]

    @property
    def root(self) -> Company:
        """The root of the company hierarchy."""
        return next(company for company in self.companies if company.parent_id is None)

    def company(self, company_id: str) -> Company | None:
        """A company by its id, to the letter."""
        return self._companies.get(company_id)

    def event(self, event_id: str) -> Event | None:
        """A stage event or hub by its id, to the letter; None when there is none or it vanished."""
        return None if event_id in self._vanished else self._events.get(event_id)

    def children(self, company_id: str) -> list[Company]:
        """The companies directly under one."""
        return [company for company in self.companies if company.parent_id == company_id]

    def with_descendants(self, company_id: str) -> list[str]:
        """The ids of a company and its descendants, each once, whatever loops the hierarchy has."""
        under: dict[str | None, list[str]] = {}
        for company in self.companies:
            under.setdefault(company.parent_id, []).append(company.id)
        found = dict.fromkeys([company_id])
        level = [company_id]
        while level:
            level = [child for parent in level for child in under.get(parent, ()) if child not in found]
            found.update(dict.fromkeys(level))
        return list(found)

    def events_of(self, company_id: str, *, include_sub_companies: bool = False, hubs: bool = False) -> list[Event]:
        """The events of a company (of its descendants too, with `include_sub_companies`); hubs only with `hubs`."""
        owners = self.with_descendants(company_id) if include_sub_companies else [company_id]
        with self.lock:
            return [
                event
                for owner in owners
                for event in self._by_company.get(owner, ())
                if event.id not in self._vanished and (hubs or event.event_type != HUB)
            ]

    def minutes(self, event_id: str, *, before: datetime | None = None) -> Iterator[Minute]:
        """The truth: every (person, minute) of an event, once, optionally only those before a time.

        A person shown under two spellings is one person here.
        """
        end = None if before is None else spans.minute_of(before)
        for row in self._events[event_id].rows:
            live = {minute for first, stop in row.live for minute in range(first, stop)}
            on_demand = {minute for first, stop in row.on_demand for minute in range(first, stop)}
            for minute in sorted(live | on_demand):
                if end is None or minute < end:
                    yield Minute(row.person, spans.datetime_of(minute), minute in live, minute in on_demand)

    def add_company(self, company: Company) -> None:
        """Add a company."""
        with self.lock:
            if company.id in self._companies:
                raise ValueError(f"company {company.id!r} is there already")
            self._companies[company.id] = company
            changed()

    def remove_company(self, company_id: str) -> None:
        """Remove a company with its events; its children keep their parent's id and are no longer reached."""
        with self.lock:
            for event in self._by_company.pop(company_id, []):
                del self._events[event.id]
                self._notify("virtual-stage-deleted", event)
            del self._companies[company_id]
            changed()

    def rename_company(self, company_id: str, name: str) -> None:
        """Give a company another name."""
        self._companies[company_id].name = name

    def move_company(self, company_id: str, parent_id: str | None) -> None:
        """Give a company another parent."""
        self._companies[company_id].parent_id = parent_id

    def add_event(self, event: Event) -> None:
        """Add an event; it exists at once, its minutes appear with the hour."""
        with self.lock:
            if event.id in self._events:
                raise ValueError(f"event {event.id!r} is there already")
            if event.company_id not in self._companies:
                raise ValueError(f"event {event.id!r} belongs to no company: {event.company_id!r}")
            self._events[event.id] = event
            self._by_company.setdefault(event.company_id, []).append(event)
            self._notify("virtual-stage-created", event)

    def remove_event(self, event_id: str) -> None:
        """Remove an event for good."""
        with self.lock:
            event = self._events.pop(event_id)
            self._by_company[event.company_id].remove(event)
            self._vanished.discard(event_id)
            self._notify("virtual-stage-deleted", event)

    def rename_event(self, event_id: str, name: str) -> None:
        """Give an event another name."""
        with self.lock:
            self._events[event_id].name = name
            self._notify("virtual-stage-updated", self._events[event_id])

    def move_event(self, event_id: str, company_id: str) -> None:
        """Give an event to another company."""
        with self.lock:
            event = self._events[event_id]
            self._by_company[event.company_id].remove(event)
            event.company_id = company_id
            self._by_company.setdefault(company_id, []).append(event)
            self._notify("virtual-stage-updated", event)

    def set_start(self, event_id: str, starts_at: datetime, *, move_minutes: bool = False) -> None:
        """Plan an event for another time, as long as before; its minutes stay, unless `move_minutes`."""
        with self.lock:
            event = self._events[event_id]
            step = spans.minute_of(starts_at) - spans.minute_of(event.starts_at)
            event.starts_at, event.ends_at = starts_at, starts_at + (event.ends_at - event.starts_at)
            event.version += 1
            if move_minutes:
                event.restate(
                    [row.rewatched(spans.shift(row.live, step), spans.shift(row.on_demand, step)) for row in event.rows]
                )
            self._notify("virtual-stage-updated", event)

    def start_event(self, event_id: str, at: datetime) -> Event:
        """The host starts an event at a time; it lasts as long as planned. Its minutes stay."""
        with self.lock:
            event = self._known(event_id)
            if event.starts_at > at or not event.has_started:
                event.starts_at, event.ends_at = at, at + (event.ends_at - event.starts_at)
            event.has_started, event.version = True, event.version + 1
            return event

    def end_event(self, event_id: str, at: datetime) -> Event:
        """The host ends an event at a time, unless it is over already. Its minutes stay."""
        with self.lock:
            event = self._known(event_id)
            if event.starts_at > at or not event.has_started:
                raise ValueError(f"event {event_id!r} has not started")
            event.ends_at, event.version = min(event.ends_at, at), event.version + 1
            return event

    def register(self, event_id: str, person: Person, at: datetime | None = None) -> None:
        """Somebody registers for an event, at a time; a day before it starts, unless that is given."""
        with self.lock:
            event = self._known(event_id)
            event.registers(person, at or event.starts_at - timedelta(days=1))
            self._notify("new-attendee-pre-registration", event, person)

    def restate(self, event_id: str, attendance: Iterable[Attendance] | None = None, *, minutes: int = 0) -> None:
        """Change past minutes: replace the list, or add (+) or remove (-) that many minutes at the end of each row.

        People with several rows keep theirs when minutes are added, so that no minute is counted twice.
        """
        with self.lock:
            event = self._events[event_id]
            event.restate(_changed(event, minutes) if attendance is None else attendance)

    def vanish(self, event_id: str) -> None:
        """From now on the event is neither listed nor found."""
        with self.lock:
            if event_id in self._events and event_id not in self._vanished:
                self._notify("virtual-stage-deleted", self._events[event_id])
            self._vanished.add(event_id)

    def reappear(self, event_id: str) -> None:
        """A vanished event is back."""
        with self.lock:
            self._vanished.discard(event_id)
            changed()

    def _known(self, event_id: str) -> Event:
        """A stage event that is not cancelled."""
        event = self.event(event_id)
        if event is None or event.event_type == HUB or event.is_cancelled:
            raise ValueError(f"there is no such stage event, or it is cancelled: {event_id!r}")
        return event

    def _notify(self, what: str, event: Event, person: Person | None = None) -> None:
        changed()
        if self.on_change is not None:
            self.on_change(self, what, event, person)


def _changed(event: Event, minutes: int) -> Sequence[Attendance]:
    rows_of = Counter(row.person.key(event.id) for row in event.rows)
    changed = []
    for row in event.rows:
        if minutes > 0 and rows_of[row.person.key(event.id)] > 1:
            changed.append(row)
        elif minutes > 0:
            changed.append(row.rewatched(spans.lengthen(row.live, minutes), spans.lengthen(row.on_demand, minutes)))
        else:
            changed.append(row.rewatched(spans.shorten(row.live, -minutes), spans.shorten(row.on_demand, -minutes)))
    return [row for row in changed if row.live or row.on_demand]
