"""What one endpoint answers of an event: rows for its tables, or why there are none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from sequel_assets.insights.event_days import REPLAY_DAYS
from sequel_assets.refresh.datasets.people_without_email import ListEntry, distinguish
from sequel_assets.sequel import Event, SequelClient
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.people import Person, normal_email, person_id
from sequel_assets.warehouse.tables.dataset import Dataset

MAX_ID_LENGTH = 200
"""Ids and emoji are keys, and no database indexes a key of any length."""
REFRESHED = (
    "every hour for the events that start today or are under way, once more at the day's close, when it turns final, "
    f"and {REPLAY_DAYS} days later, when the replay window closes"
)
"""When the details of events are refreshed, in the words of their pages."""
WAY_OUT = "if it stays so, sequel-assets exclude rules the event out"


class InvalidEventData(Exception):  # noqa: N818 - an answer that cannot be kept right; the problem names it
    """An event's answer that contradicts itself; the text says how and quotes nobody."""


@dataclass(frozen=True)
class EventRequest:
    """A request for the details of one event, and whose rows they will be."""

    company_id: str
    event: KnownEvent
    day: date
    person_key: str
    listed: Event | None = None
    """The event as its company's list has just answered it, where it did."""

    @property
    def start(self) -> Row:
        """Return the first columns of every row."""
        return (self.company_id, self.day, self.event.event_id)


@dataclass
class Rows:
    """The rows of one event, by table, and the people in them."""

    by_table: dict[sa.Table, list[Row]] = field(default_factory=dict)
    missing_parts: dict[sa.Table, str] = field(default_factory=dict)
    """Why the answer says nothing of a table: without rows it would pass for "nothing happened"."""
    people: dict[str, Person] = field(default_factory=dict)
    entries: int = 0
    """How many entries the answer had, where it is a list of people that comes without a total."""
    outside: set[str] = field(default_factory=set)
    """Times outside the calendar that are kept as unknown, as Sequel spells them."""

    def add(self, table: sa.Table, row: Row) -> None:
        """Add a row with every column of its table."""
        self.by_table.setdefault(table, []).append(row)

    def who(self, request: EventRequest, email: str | None, name: str | None) -> str | None:
        """Return the id of somebody who wrote or chose something, who is remembered; None for nobody.

        Of several people of one name without an e-mail it is the first: nothing says which one it was.
        """
        if not (email or "").strip() and not (name or "").strip():
            return None
        return self.known(request, email, name)

    def known(self, request: EventRequest, email: str | None, name: str | None, number: int = 1) -> str:
        """Return the id of a person, who is remembered if there is anything to remember.

        `number` says which one of those of the name it is, without an e-mail.
        """
        shown = (name or "").strip()
        person = person_id(request.person_key, email, shown, request.event.event_id, number)
        if shown or normal_email(email) is not None:
            self.meet(Person(person, normal_email(email), shown))
        return person

    def everybody(self, request: EventRequest, entries: Sequence[ListEntry]) -> list[str]:
        """Return the id of each entry of a list of people, who are remembered; those without an e-mail are kept apart."""
        unnamed = [entry for entry in entries if normal_email(entry.email) is None]
        who = iter(distinguish(unnamed))
        found = []
        for entry in entries:
            if normal_email(entry.email) is None:
                one = next(who)
                found.append(self.known(request, None, one.name, one.number))
            else:
                found.append(self.known(request, entry.email, entry.name))
        return found

    def meet(self, person: Person) -> None:
        """Remember a person; of several spellings of the name the last in order."""
        known = self.people.get(person.person_id)
        if known is None or known.name < person.name:
            self.people[person.person_id] = person


class FetchFailure(StrEnum):
    """Why the request for one event ended without rows."""

    VANISHED = "vanished"
    """Sequel neither lists nor knows the event any more: its rows stay."""
    NO_AUDIENCE = "no audience"
    """404 of an event that nobody has come to: there is nothing to be answered, and its rows stay."""
    NOT_FOUND = "not found"
    """404, though Sequel knows the event: perhaps it does not answer this for the company at all."""
    REFUSED = "refused"
    """403, another shape and the like: the same."""
    FAILED = "failed"
    """It may be answered another time: its slice fails."""


@dataclass(frozen=True)
class FetchResult:
    """What became of the request for one event."""

    event_id: str
    rows: Rows | None = None
    failure_kind: FetchFailure | None = None
    reason: str = ""
    requests: int = 0
    seconds: float = 0.0

    def answers(self, table: sa.Table) -> bool:
        """Say whether it says anything of a table, be it that there is nothing."""
        return self.rows is not None and table not in self.rows.missing_parts

    def why_not(self, table: sa.Table) -> str:
        """Return why it says nothing of a table; empty where it does, or where there is nothing to be said."""
        return self.reason if self.rows is None else self.rows.missing_parts.get(table, "")

    def failure(self, table: sa.Table) -> str:
        """Return why the event fails its slice of a table, and what can be done about a refusal; empty where it does not."""
        why = self.why_not(table)
        return why if not why or self.failure_kind is FetchFailure.FAILED else f"{why}; {WAY_OUT}"


def _event(client: SequelClient, event_id: str) -> object:
    return client.event(event_id)


@dataclass(frozen=True)
class Endpoint:
    """Datasets that come from the same endpoint: their words, and how they are fetched for one event or hub.

    What it is requested of stands at its table (`tables/company_lists.py`, `tables/event_details.py`).
    """

    name: str
    """The endpoint in words."""
    datasets: tuple[Dataset, ...]
    fetch: Callable[[SequelClient, EventRequest], Rows]
    beside: Mapping[str, sa.Table] = field(default_factory=dict)
    """Tables without bookkeeping of their own, by the dataset that they go with."""
    comes_with_list: bool = False
    """Whether the list of events answers it: then every event is kept up to date, and costs no request."""
    needs_audience: bool = False
    """Whether there is nothing to be answered of an event that nobody has come to."""
    look_up: Callable[[SequelClient, str], object] = _event
    """What else is requested of an event after a 404: `NotFound` from there too means that Sequel does not know it."""

    @property
    def tables(self) -> tuple[sa.Table, ...]:
        """Return the tables of its datasets."""
        return tuple(dataset.table for dataset in self.datasets)


def checked_key(text: str, what: str) -> str:
    """Return an id as it is; one that is too long to be a key is refused by name."""
    if len(text) > MAX_ID_LENGTH:
        raise InvalidEventData(f"{what} of {len(text)} characters; at most {MAX_ID_LENGTH} can be kept")
    return text
