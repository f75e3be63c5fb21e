"""Who hosts the events of which a day has minutes, as one checksum a day: what is derived from hosts is behind where it changes."""

import hashlib
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.company_lists import event_host_counts, event_hosts
from sequel_assets.warehouse.tables.core import proofs


def event_checksums(connection: sa.Connection, company_id: str | None = None) -> dict[str, dict[str, dict[date, str]]]:
    """Return what a day's events are planned to be (`events`) and who hosts those with minutes (`hosts`), by company and day."""
    return {
        "events": catalog.event_plans(connection, company_id),
        "hosts": host_checksums(connection, company_id),
    }


def host_checksums(connection: sa.Connection, company_id: str | None = None) -> dict[str, dict[date, str]]:
    """Return, by company and day, a checksum over the hosts of the events that have minutes on that day."""
    known: dict[tuple[str, str], list[str]] = {}
    for table in (event_host_counts, event_hosts):
        columns = [column for column in table.columns if column.name != "first_seen_at"]
        query = sa.select(*columns).order_by(*table.primary_key.columns)
        for row in connection.execute(query if company_id is None else query.where(table.c.company_id == company_id)):
            known.setdefault((row.company_id, row.event_id), []).append(repr(tuple(row)))
    p = proofs.c
    days = sa.select(p.company_id, p.day, p.event_id).order_by(p.company_id, p.day, p.event_id)
    lines: dict[str, dict[date, list[str]]] = {}
    for company, day, event_id in connection.execute(
        days if company_id is None else days.where(p.company_id == company_id)
    ):
        lines.setdefault(company, {}).setdefault(day, []).append(f"{event_id} {known.get((company, event_id))}")
    return {
        company: {day: hashlib.sha256("\n".join(each).encode()).hexdigest() for day, each in of_days.items()}
        for company, of_days in lines.items()
    }
