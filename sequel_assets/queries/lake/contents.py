"""What a lake holds: which tables, how each is divided into files, and in which order its rows are."""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.tables import TABLES
from sequel_assets.refresh.core.datasets import SLICED_NAMES
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import companies, event_participants, people, problems, refreshes
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

BESIDE: dict[str, sa.Table] = {unlisted_usage.name: unlisted_usage, problems.name: problems}
"""What is no dataset, and without which a range could not be answered, nor said how complete it is."""
LAKE_TABLES: dict[str, sa.Table] = {**TABLES, **BESIDE}
WHOLE = frozenset({companies.name, company_parents.name, problems.name})
"""Tables with a few rows per company: one file has those of every company."""
ALWAYS = (companies, company_parents, refreshes, problems)
"""What says whose the numbers are and how complete: it is in each lake, whichever datasets are chosen."""
SLICES_OF: dict[str, str] = {name: name for name in LAKE_TABLES if name in SLICED_NAMES} | {
    unlisted_usage.name: event_participants.name
}
"""Tables that are divided by month too, and the dataset whose slices say when a month of theirs has changed."""


def tables_of(datasets: Sequence[str], *, with_people: bool) -> list[sa.Table]:
    """Return the tables of a lake with these datasets (none: all), in the order in which they are written."""
    names = {*datasets} or set(LAKE_TABLES)
    names |= {table.name for table in ALWAYS}
    if event_participants.name in names:
        names.add(unlisted_usage.name)
    return [table for name, table in LAKE_TABLES.items() if name in names and (with_people or name != people.name)]


def tables_checksum() -> str:
    """Return a checksum of the tables that this release puts into a lake, with their columns and types."""
    found = [(name, str(schema_of(table.columns))) for name, table in sorted(LAKE_TABLES.items())]
    return hashlib.sha256(repr(found).encode()).hexdigest()


def order_of(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns that the rows of a file are sorted by: day and person first, then the rest of the key."""
    first = [name for name in ("day", "person_id") if name in table.columns]
    return [table.c[name] for name in dict.fromkeys([*first, *table.primary_key.columns.keys()])]
