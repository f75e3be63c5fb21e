"""What the files of a lake are made from: each company's month of a dataset, by the checksums of its slices.

A month's checksum says whether its file has to be written again. It covers the columns too, so that a release with
another column, or a lake with personal columns, has files of its own.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.lake.contents import SLICES_OF
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import NO_DAY, refreshes
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

Slice = tuple[date, int, str]
"""A slice's day, its rows and its checksum, as `refreshes` has them."""


@dataclass(frozen=True)
class Month:
    """A company's month of a table: what a file of the lake is made from."""

    table: sa.Table
    company: KnownCompany
    month: str
    first: date
    last: date
    rows: int
    slices: int
    checksum: str

    @property
    def place(self) -> str:
        """Return the folder of its file."""
        return f"{self.table.name}/company={self.company.partition_key}/month={self.month}"


def checksum_of(columns: Iterable[sa.ColumnElement[Any]], slices: Iterable[Slice]) -> str:
    """Return the checksum of slices in the order of their days, and of the columns that are written of them. Pure."""
    digest = hashlib.sha256(str(schema_of(columns)).encode())
    for day, rows, checksum in slices:
        digest.update(f"\n{day} {rows} {checksum}".encode())
    return digest.hexdigest()


def month_of(day: date) -> str:
    """Return a day's month as YYYY-MM."""
    return f"{day.year:04}-{day.month:02}"


def months(
    connection: sa.Connection, columns: Mapping[sa.Table, Sequence[sa.Column[Any]]], companies: Iterable[KnownCompany]
) -> Iterator[Month]:
    """Yield every month that has rows, of the tables that are kept by day, by company and dataset."""
    known = {company.company_id: company for company in companies}
    tables: dict[str, list[sa.Table]] = {}
    for table in columns:
        if table.name in SLICES_OF:
            tables.setdefault(SLICES_OF[table.name], []).append(table)
    beyond = _rows_of_nobody(connection)
    r = refreshes.c
    query = sa.select(r.company_id, r.dataset, r.day, r.rows, r.checksum).where(r.day != NO_DAY)
    found = connection.execute(query.order_by(r.company_id, r.dataset, r.day).execution_options(yield_per=5_000))
    by_month = groupby(found, key=lambda row: (row.company_id, row.dataset, month_of(row.day)))
    for (company_id, dataset, month), rows in by_month:
        if company_id not in known or dataset not in tables:
            continue
        slices = [(row.day, row.rows, row.checksum) for row in rows]
        for table in tables[dataset]:
            many = sum(one[1] for one in slices)
            if table is unlisted_usage:
                many = beyond.get((company_id, month), 0)
            if many:
                checksum = checksum_of(columns[table], slices)
                first, last = slices[0][0], slices[-1][0]
                yield Month(table, known[company_id], month, first, last, many, len(slices), checksum)


def _rows_of_nobody(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many rows `unlisted_usage` has, by company and month: no bookkeeping counts them."""
    u, found = unlisted_usage.c, dict[tuple[str, str], int]()
    for company_id, day, many in connection.execute(
        sa.select(u.company_id, u.day, sa.func.count()).group_by(u.company_id, u.day)
    ):
        found[company_id, month_of(day)] = found.get((company_id, month_of(day)), 0) + many
    return found
