"""Reads and writes the known companies and events, as discovery finds them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.reader import Reader
from sequel_assets.warehouse.tables.company_lists import LISTED_OF, company_parents
from sequel_assets.warehouse.tables.core import (
    STAGE,
    companies,
    event_participants,
    events,
    exclusions,
    metadata,
    people,
    proofs,
    silences,
)
from sequel_assets.warehouse.tables.event_details import OF_EVENTS


@dataclass(frozen=True)
class KnownCompany:
    """A company as the table `companies` has it."""

    company_id: str
    partition_key: str
    name: str
    parent_company_id: str | None
    depth: int
    gone_at: datetime | None


@dataclass(frozen=True)
class KnownEvent:
    """An event or hub as the table `events` has it."""

    event_id: str
    event_type: str
    name: str
    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str | None
    is_cancelled: bool
    is_replay_enabled: bool | None
    networking_hub_id: str | None
    vanished_at: datetime | None
    concurrency_from: datetime | None
    concurrency_until: datetime | None


def known_companies(reader: Reader) -> list[KnownCompany]:
    """Return every company, the root first, then by depth and key."""
    columns = [companies.c[name] for name in KnownCompany.__dataclass_fields__]
    rows = reader.execute(sa.select(*columns).order_by(companies.c.depth, companies.c.partition_key))
    return [KnownCompany(*tuple(row)) for row in rows]


def partition_keys(connection: sa.Connection) -> dict[str, str]:
    """Return the partition key of every known company: how Dagster and messages name it."""
    c = companies.c
    query = sa.select(c.company_id, c.partition_key).order_by(c.depth, c.partition_key)
    return {row.company_id: row.partition_key for row in connection.execute(query)}


def present_companies(connection: sa.Connection) -> list[KnownCompany]:
    """Return the companies that are not gone at Sequel, in the same order."""
    return [company for company in known_companies(connection) if company.gone_at is None]


def save_companies(connection: sa.Connection, found: Iterable[KnownCompany], *, at: datetime) -> None:
    """Add or update companies; when a company was first seen and its partition key never change."""
    rows = [
        {
            "company_id": company.company_id,
            "partition_key": company.partition_key,
            "name": company.name,
            "parent_company_id": company.parent_company_id,
            "depth": company.depth,
            "first_seen_at": at,
            "last_seen_at": at,
            "gone_at": company.gone_at,
        }
        for company in found
    ]
    bulk.upsert(connection, companies, rows, keep=("first_seen_at", "partition_key"))


def save_parents(connection: sa.Connection, parents: Mapping[str, str | None], day: date) -> None:
    """Write a row for each company that has another parent from a day on; of two changes on one day the later one counts."""
    c = company_parents.c
    newest = sa.select(c.company_id, sa.func.max(c.from_day).label("from_day")).group_by(c.company_id).subquery()
    same = (c.company_id == newest.c.company_id) & (c.from_day == newest.c.from_day)
    query = sa.select(c.company_id, c.parent_company_id).select_from(company_parents.join(newest, same))
    known = {row.company_id: row.parent_company_id for row in connection.execute(query)}
    moved = sorted(company for company, parent in parents.items() if company not in known or known[company] != parent)
    rows = [{"company_id": company, "from_day": day, "parent_company_id": parents[company]} for company in moved]
    bulk.upsert(connection, company_parents, rows)


def mark_gone(connection: sa.Connection, company_ids: Iterable[str], *, at: datetime) -> None:
    """Mark companies that Sequel does not know any more; data and partition stay."""
    for company_id in company_ids:
        connection.execute(
            companies.update()
            .where(companies.c.company_id == company_id, companies.c.gone_at.is_(None))
            .values(gone_at=at)
        )


def known_events(connection: sa.Connection, company_id: str) -> dict[str, KnownEvent]:
    """Return the company's events and hubs by their id."""
    return {row.event_id: KnownEvent(*row) for row in connection.execute(_EVENTS, {"of_company": company_id})}


_EVENTS = (
    sa.select(*(events.c[name] for name in KnownEvent.__dataclass_fields__))
    .where(events.c.company_id == sa.bindparam("of_company"))
    .order_by(events.c.event_id)
)


def event_plans(connection: sa.Connection, company_id: str | None = None) -> dict[str, dict[date, str]]:
    """Return, by company and UTC day, one checksum over the plans of the stage events that start on it.

    The checksum covers start, end, hub and whether it is cancelled. Hubs have no plan of their own: it follows from the
    events that link them, which may belong to another company.
    """
    e = events.c
    query = sa.select(e.company_id, e.event_id, e.starts_at, e.ends_at, e.networking_hub_id, e.is_cancelled)
    query = query.where(e.event_type == STAGE, e.starts_at.is_not(None))
    query = query.order_by(e.company_id, e.starts_at, e.event_id)
    plans: dict[str, dict[date, list[str]]] = {}
    for row in connection.execute(query if company_id is None else query.where(e.company_id == company_id)):
        of_day = plans.setdefault(row.company_id, {}).setdefault(row.starts_at.date(), [])
        of_day.append(repr(tuple(value.isoformat() if isinstance(value, datetime) else value for value in row[1:])))
    return {
        company: {day: hashlib.sha256("\n".join(lines).encode()).hexdigest() for day, lines in days.items()}
        for company, days in plans.items()
    }


def save_events(connection: sa.Connection, company_id: str, found: Sequence[KnownEvent]) -> None:
    """Add or update events; what is known of their concurrency stays."""
    rows: list[dict[str, Any]] = [{"company_id": company_id, **vars(event)} for event in found]
    bulk.upsert(connection, events, rows, keep=("concurrency_from", "concurrency_until"))


def save_concurrency_span(
    connection: sa.Connection, company_id: str, spans: Mapping[str, tuple[datetime | None, datetime | None]]
) -> None:
    """Store the first and last minute of the concurrency that Sequel returned for an event."""
    here = {"of_company": company_id}
    moved = [{**here, "of_event": event_id, "first": first, "last": last} for event_id, (first, last) in spans.items()]
    if moved:
        connection.execute(_MOVE_SPAN, moved)


_MOVE_SPAN = (
    events.update()
    .where(events.c.company_id == sa.bindparam("of_company"), events.c.event_id == sa.bindparam("of_event"))
    .values(concurrency_from=sa.bindparam("first"), concurrency_until=sa.bindparam("last"))
)


def excluded_events(connection: sa.Connection, company_id: str) -> frozenset[str]:
    """Return the events of a company that are excluded (`sequel-assets exclude`)."""
    return frozenset(connection.scalars(sa.select(exclusions.c.event_id).where(exclusions.c.company_id == company_id)))


def exclude_event(connection: sa.Connection, company_id: str, event_id: str, reason: str, *, at: datetime) -> None:
    """Exclude an event: it is not fetched any more; its rows stay."""
    row = {"company_id": company_id, "event_id": event_id, "reason": reason, "since": at}
    bulk.upsert(connection, exclusions, [row], keep=("since",))


def include_event(connection: sa.Connection, company_id: str, event_id: str) -> None:
    """Undo the exclusion of an event."""
    chosen = (exclusions.c.company_id == company_id, exclusions.c.event_id == event_id)
    connection.execute(exclusions.delete().where(*chosen))


def mark_vanished(connection: sa.Connection, company_id: str, event_ids: Iterable[str], *, at: datetime) -> None:
    """Mark events that Sequel neither lists nor knows any more; their rows stay."""
    for event_id in event_ids:
        connection.execute(
            events.update()
            .where(events.c.company_id == company_id, events.c.event_id == event_id)
            .values(vanished_at=at)
        )


def forget_event(connection: sa.Connection, company_id: str, event_id: str) -> None:
    """Delete an event that belongs to another company now. Its rows must have been taken out of the slices before."""
    rows = (
        table for table in metadata.tables.values() if any(key.column.table is events for key in table.foreign_keys)
    )
    for table in (*rows, proofs, silences, events):
        connection.execute(table.delete().where(table.c.company_id == company_id, table.c.event_id == event_id))


WITH_PEOPLE = tuple(table for table in (event_participants, *OF_EVENTS, *LISTED_OF) if "person_id" in table.columns)
"""What is landed about people, but for their names."""


def people_of_event(connection: sa.Connection, company_id: str, event_id: str) -> frozenset[str]:
    """Return the ids of everybody in any table of an event."""
    return frozenset(
        person_id
        for table in WITH_PEOPLE
        for person_id in connection.scalars(
            sa.select(table.c.person_id)
            .where(table.c.company_id == company_id, table.c.event_id == event_id, table.c.person_id.is_not(None))
            .distinct()
        )
    )


def forget_orphaned_people(connection: sa.Connection, company_id: str, person_ids: Iterable[str]) -> None:
    """Delete from `people` those who are in no table of the company any more: they left it with their event."""
    known = [
        sa.exists().where(table.c.company_id == people.c.company_id, table.c.person_id == people.c.person_id)
        for table in WITH_PEOPLE
    ]
    for person_id in sorted(person_ids):
        here = (people.c.company_id == company_id, people.c.person_id == person_id)
        connection.execute(people.delete().where(*here, ~sa.or_(*known)))
