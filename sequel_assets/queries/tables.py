"""The tables that people read as a file or a frame, and which of their columns are personal."""

from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import CATALOG, SLICED
from sequel_assets.warehouse.tables.company_lists import availability, event_host_counts
from sequel_assets.warehouse.tables.core import people, refreshes

TABLES: dict[str, sa.Table] = {dataset.name: dataset.table for dataset in (*CATALOG, *SLICED)}
TABLES |= {each.name: each for each in (people, refreshes, availability, event_host_counts)}
"""The datasets, the people, and the slice coverage."""


def columns_of(of: sa.Table, *, with_people: bool) -> list[sa.Column[Any]]:
    """Return a table's columns, without the personal ones unless they were requested."""
    return [column for column in of.columns if with_people or not column.info.get("personal")]
