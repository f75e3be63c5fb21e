"""Rows by hand, and whole tables as they are: what the tests of warehouse and insights put in and compare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pyroaring import BitMap

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.checksums import checksum_of
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany, KnownEvent
from sequel_assets.warehouse.tables.core import event_participants, metadata
from sequel_assets.warehouse.tables.people_sets import event_day_people, person_numbers

ACME = "acme"
STAGE, HUB = "virtualStageEvent", "networkingHub"
DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 9, 12, 5, tzinfo=UTC)
LATE = timedelta(hours=48)


def day(number: int) -> date:
    """The first of March 2026 is day 0."""
    return DAY + timedelta(days=number)


def hour(number: int) -> datetime:
    """Hours from the beginning of day 0."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)


def known_company(company_id: str = ACME, **different: Any) -> KnownCompany:
    values = {"partition_key": f"{company_id}.0", "name": company_id, "parent_company_id": None, "depth": 0}
    return KnownCompany(**{"company_id": company_id, "gone_at": None, **values, **different})


def known_event(event_id: str, **different: Any) -> KnownEvent:
    values: dict[str, Any] = dict.fromkeys(KnownEvent.__dataclass_fields__)
    values |= {"event_id": event_id, "event_type": STAGE, "name": event_id, "is_cancelled": False}
    return KnownEvent(**{**values, **different})


def settle_in(warehouse: Warehouse, events: Mapping[str, str], company_id: str = ACME) -> None:
    """Store a company and its events, `{event_id: event_type}`."""
    with warehouse.write(company_id) as connection:
        catalog.save_companies(connection, [known_company(company_id)], at=AT)
        catalog.save_events(connection, company_id, [known_event(e, event_type=kind) for e, kind in events.items()])


def participant(
    event_id: str,
    person: str,
    live: int = 0,
    on_demand: int = 0,
    engaged: int | None = None,
    *,
    on: date = DAY,
    kind: str = STAGE,
    company_id: str = ACME,
) -> Row:
    together = live + on_demand if engaged is None else engaged
    return (company_id, on, event_id, person, kind, live, on_demand, together)


def table_of(warehouse: Warehouse, table: sa.Table) -> list[Row]:
    """Every row of a table, by its key."""
    with warehouse.read() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(table))]
    keys = [list(table.columns).index(column) for column in table.primary_key.columns]
    return sorted(rows, key=lambda row: [row[place] for place in keys])


def everything(warehouse: Warehouse) -> dict[str, list[Row]]:
    """Every row of every table, with people in place of their numbers."""
    return without_numbers({table.name: table_of(warehouse, table) for table in metadata.sorted_tables})


def without_numbers(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Put people in place of the numbers that they got in the order in which they came."""
    people = dict(found.pop(person_numbers.name))
    found[event_day_people.name] = [
        (*row[:-3], *(frozenset(people[number] for number in BitMap.deserialize(one)) for one in row[-3:]))
        for row in found[event_day_people.name]
    ]
    return found


def wrong_checksums(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Return (company, dataset, day) of each slice whose rows are not those that its bookkeeping has a checksum of."""
    rows, found = everything(warehouse), []
    for company_id, dataset, day, *_, count, kept, _, _, _ in rows["refreshes"]:
        table = metadata.tables.get(dataset)
        if table is not None and "day" in table.columns:
            of_slice = [row for row in rows[dataset] if row[:2] == (company_id, day)]
            if (len(of_slice), checksum_of(table, of_slice)) != (count, kept):
                found.append((company_id, dataset, day))
    return found


def empty(warehouse: Warehouse, *tables: sa.Table) -> None:
    """Delete all rows of these tables; with the facts those that are made of them."""
    with warehouse.write() as connection:
        for table in (*([event_day_people] if event_participants in tables else []), *tables):
            connection.execute(table.delete())
