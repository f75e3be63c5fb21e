"""Keeps the sets of people of each event's day, in the transaction that writes the facts they are made of.

`replacement` calls it for each slice of event_participants. Only events whose facts have changed are written. A slice whose
sets are not of its stored facts (`refreshes.people_checksum`) gets all of them again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from pyroaring import BitMap

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.core import MINUTES, event_participants
from sequel_assets.warehouse.tables.people_sets import event_day_people, person_numbers

_NAMES = event_participants.columns.keys()
_EVENT, _PERSON, _TYPE = (_NAMES.index(name) for name in ("event_id", "person_id", "event_type"))
_MINUTES = [_NAMES.index(name) for name in MINUTES]
_NUMBERS = sa.select(person_numbers.c.person_id, person_numbers.c.number)


@dataclass(frozen=True)
class FactsOfDay:
    """The facts of a company's day before and after an update; `has_sets` says whether its sets are those of `before`."""

    day: date
    before: frozenset[Row]
    after: frozenset[Row]
    has_sets: bool


def replace_people_sets(connection: sa.Connection, company_id: str, days: Iterable[FactsOfDay]) -> None:
    """Write the sets of every event whose facts have changed."""
    gone: list[Row] = []
    facts: dict[tuple[date, str], list[Row]] = {}
    for one in days:
        changed = {row[_EVENT] for row in (one.before ^ one.after if one.has_sets else one.after)}
        if one.has_sets:
            gone += [(company_id, one.day, event_id) for event_id in changed]
        else:
            here = (event_day_people.c.company_id == company_id, event_day_people.c.day == one.day)
            connection.execute(event_day_people.delete().where(*here))
        for row in one.after:
            if row[_EVENT] in changed:
                facts.setdefault((one.day, row[_EVENT]), []).append(row)
    bulk.delete(connection, event_day_people, gone)
    numbers = number_people(connection, {row[_PERSON] for rows in facts.values() for row in rows})
    bulk.insert(
        connection,
        event_day_people,
        [_sets_of(company_id, day, event_id, rows, numbers) for (day, event_id), rows in sorted(facts.items())],
    )


def number_people(connection: sa.Connection, person_ids: set[str]) -> dict[str, int]:
    """Return the number of each person; whoever has none gets one.

    New numbers are asked for in the order of ids, so that two companies with the same new people never wait for each other
    in a circle.
    """
    known = _numbers(connection, person_ids)
    new = sorted(person_ids - known.keys())
    if new:
        bulk.insert_missing(connection, person_numbers, [{"person_id": one} for one in new])
        known |= _numbers(connection, new)
    return known


def _numbers(connection: sa.Connection, person_ids: Iterable[str]) -> dict[str, int]:
    ids = list(person_ids)
    if not ids:
        return {}
    found = connection.execute(_NUMBERS.where(among(person_numbers.c.person_id, ids)))
    return {row.person_id: row.number for row in found}


def _sets_of(company_id: str, day: date, event_id: str, rows: Sequence[Row], numbers: dict[str, int]) -> Row:
    minutes = [sum(row[place] for row in rows) for place in _MINUTES]
    sets = [BitMap(numbers[row[_PERSON]] for row in rows if row[place] > 0).serialize() for place in _MINUTES]
    return (company_id, day, event_id, rows[0][_TYPE], *minutes, *sets)
