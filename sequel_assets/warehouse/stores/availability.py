"""Which datasets Sequel answers for a company: reading it, and writing what a refresh found."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.tables.company_lists import availability
from sequel_assets.warehouse.tables.core import companies

MAX_REASON_LENGTH = 300
ANSWERED_LATELY = timedelta(days=7)
"""What was answered for a company within so long is not unavailable there: a refusal is the event's own."""


@dataclass(frozen=True)
class Unavailable:
    """A dataset that Sequel does not answer for a company, why, and since when."""

    company_id: str
    dataset: str
    reason: str
    since: datetime
    checked_at: datetime


def unavailable(connection: sa.Connection, *, even_gone: bool = False) -> list[Unavailable]:
    """Return every dataset that is unavailable at a company that is not gone (or at any), in order."""
    a = availability.c
    columns = (a.company_id, a.dataset, a.reason, a.since, a.checked_at)
    query = sa.select(*columns).where(a.is_available.is_(sa.false())).order_by(a.dataset, a.company_id)
    if not even_gone:
        query = query.where(
            a.company_id.not_in(sa.select(companies.c.company_id).where(companies.c.gone_at.is_not(None)))
        )
    return [Unavailable(*row) for row in connection.execute(query)]


def unavailable_datasets(connection: sa.Connection, company_id: str) -> frozenset[str]:
    """Return the datasets that are unavailable at a company."""
    return by_company(connection, company_id).get(company_id, frozenset())


def by_company(connection: sa.Connection, company_id: str | None = None) -> dict[str, frozenset[str]]:
    """Return, by company, the datasets that are unavailable there; companies that have everything are left out."""
    a = availability.c
    chosen: list[sa.ColumnElement[bool]] = [a.is_available.is_(sa.false())]
    if company_id is not None:
        chosen.append(a.company_id == company_id)
    found: dict[str, set[str]] = {}
    for company, dataset in connection.execute(sa.select(a.company_id, a.dataset).where(*chosen)):
        found.setdefault(company, set()).add(dataset)
    return {company: frozenset(datasets) for company, datasets in found.items()}


class KnownAvailability(NamedTuple):
    """What is known of a company's datasets: those that are unavailable, and those that were answered lately."""

    absent: frozenset[str]
    lately: frozenset[str]


def known(connection: sa.Connection, company_id: str, now: datetime) -> KnownAvailability:
    """Return what is known of a company's datasets before a refresh."""
    a = availability.c
    chosen = (a.company_id == company_id, a.is_available.is_(sa.true()), a.checked_at >= now - ANSWERED_LATELY)
    lately = frozenset(connection.scalars(sa.select(a.dataset).where(*chosen)))
    return KnownAvailability(unavailable_datasets(connection, company_id), lately)


_OF_COMPANY = sa.select(availability).where(availability.c.company_id == sa.bindparam("of_company"))


@repeats
def note(warehouse: Warehouse, company_id: str, datasets: Collection[str], *, reason: str = "", at: datetime) -> None:
    """Write that datasets are available at a company or, with a reason, not; `since` moves only when that changes."""
    with warehouse.write(company_id) as connection:
        known = {row.dataset: row for row in connection.execute(_OF_COMPANY, {"of_company": company_id})}
        rows = []
        for dataset in sorted(datasets):
            before = known.get(dataset)
            is_same = before is not None and before.is_available == (not reason)
            rows.append({
                "company_id": company_id,
                "dataset": dataset,
                "is_available": not reason,
                "reason": reason[:MAX_REASON_LENGTH],
                "since": before.since if is_same and before is not None else at,
                "checked_at": at,
            })  # fmt: skip
        bulk.upsert(connection, availability, rows)
