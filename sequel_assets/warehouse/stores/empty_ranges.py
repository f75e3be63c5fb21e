"""Reads and writes the empty ranges of events (table `silences`): days that were final and had no minutes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.core import silences


@dataclass(frozen=True, order=True)
class EmptyRange:
    """Days without minutes, both ends included, and the hour that Sequel's response covered at least."""

    first: date
    last: date
    through: datetime


def load(connection: sa.Connection, company_id: str) -> dict[str, list[EmptyRange]]:
    """Return the empty ranges of a company's events, in order."""
    found: dict[str, list[EmptyRange]] = {}
    for event_id, first, last, through in connection.execute(_OF_COMPANY, {"of_company": company_id}):
        found.setdefault(event_id, []).append(EmptyRange(first, last, through))
    return found


_OF_COMPANY = (
    sa.select(silences.c.event_id, silences.c.first_day, silences.c.last_day, silences.c.through)
    .where(silences.c.company_id == sa.bindparam("of_company"))
    .order_by(silences.c.event_id, silences.c.first_day)
)


def replace(connection: sa.Connection, company_id: str, by_event: Mapping[str, Sequence[EmptyRange]]) -> None:
    """Replace all empty ranges of these events."""
    forget(connection, company_id, by_event)
    rows = [
        {
            "company_id": company_id,
            "event_id": event_id,
            "first_day": empty_range.first,
            "last_day": empty_range.last,
            "through": empty_range.through,
        }
        for event_id, theirs in sorted(by_event.items())
        for empty_range in theirs
    ]
    if rows:
        connection.execute(silences.insert(), rows)


def forget(connection: sa.Connection, company_id: str, event_ids: Collection[str]) -> None:
    """Delete the empty ranges of events: each of their days is fetched from now on."""
    if event_ids:
        theirs = among(silences.c.event_id, event_ids)
        connection.execute(silences.delete().where(silences.c.company_id == company_id, theirs))
