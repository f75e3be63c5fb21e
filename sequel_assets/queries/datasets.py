"""The rows of one table, of a company or of all and of some days, and how complete they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights.coverage import Coverage
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.range_answers import completeness, quarantined_days, read_coverage
from sequel_assets.queries.tables import TABLES, columns_of
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED_NAMES
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import companies, people


@dataclass(frozen=True)
class TableRows:
    """Rows of a table, the company's partition key first, and what is to be known of them."""

    columns: Sequence[sa.ColumnElement[Any]]
    rows: Sequence[Sequence[Any]]
    about: dict[str, Any]


def table_named(name: str, *, with_people: bool) -> sa.Table:
    """Return the table of a name; one that is none is refused, and so are the people without `with_people`."""
    if name not in TABLES:
        raise QueryError(f"dataset {visible(name)}: there is no such dataset; known are {', '.join(TABLES)}")
    if name == people.name and not with_people:
        raise QueryError(f"dataset {name}: it holds names and e-mails; pass with_people=True to read personal data")
    return TABLES[name]


def read_table(
    connection: sa.Connection,
    of: sa.Table,
    known: Sequence[KnownCompany],
    chosen: KnownCompany | None,
    days: Days | None,
    today: date,
    *,
    with_people: bool,
) -> TableRows:
    """Return the rows of a table: of a company or of all, of some days or, where it has none, all of them."""
    owner = companies.alias("owner")  # of the table companies itself too
    key = owner.c.partition_key.label("company")
    columns = [key, *columns_of(of, with_people=with_people)]
    query = sa.select(*columns).join_from(of, owner, of.c.company_id == owner.c.company_id)
    if chosen is not None:
        query = query.where(of.c.company_id == chosen.company_id)
    about: dict[str, Any] = {"dataset": of.name, "company": chosen.partition_key if chosen else None}
    if days is not None:
        query = query.where(of.c.day.between(days.first, days.last))
        about |= {"from": days.first.isoformat(), "to": days.last.isoformat()}
    if of.name in SLICED_NAMES and days is not None:
        scopes = [Scope(one.company_id, days) for one in ([chosen] if chosen else known)]
        coverages = [read_coverage(connection, scope, {of.name}) for scope in scopes]
        held = {day for scope in scopes for day in quarantined_days(connection, scope, {of.name})}
        together = _together(coverages)
        if of.name in AT_CLOSE_NAMES:  # an open day owes nobody what is derived at its close
            together = replace(together, missing=tuple(day for day in together.missing if day < today))
        about |= completeness(together, sorted(held))
    order = [owner.c.depth, key, *(column for column in of.primary_key.columns if column.name != "company_id")]
    return TableRows(columns, connection.execute(query.order_by(*order)).all(), about)


def _together(coverages: Sequence[Coverage]) -> Coverage:
    """Return how complete several companies are together: as complete as the least of them on each day. Pure."""
    throughs = [one.data_through for one in coverages]
    known = [through for through in throughs if through is not None]
    return Coverage(
        sum(one.companies for one in coverages),
        tuple(sorted({day for one in coverages for day in one.missing})),
        tuple(sorted({day for one in coverages for day in one.not_closed})),
        min(known, default=None),
    )
