"""The slices that a refresh leaves as they are, and the figures of what is stored: their pages in Dagster stay whole.

Most of these slices are shown nowhere, so their rows are read only for those that are (`stored_outcome`). It requests nothing of Sequel and writes nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import SLICED, SLICED_NAMES
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.slice_summary import with_figures
from sequel_assets.warehouse.slices.stored import counted_rows
from sequel_assets.warehouse.tables.core import refreshes

TABLES = {dataset.name: dataset.table for dataset in SLICED}


def kept_outcomes(
    connection: sa.Connection,
    days_by_company: Mapping[str, Collection[date]],
    names: Collection[str] = SLICED_NAMES,
) -> Iterator[Outcome]:
    """Yield an outcome, without figures, for each stored slice of days that were not requested, because they need not be."""
    r = refreshes.c
    columns = (r.company_id, r.dataset, r.day, r.rows, r.data_through, r.is_final)
    for company_id, days in days_by_company.items():
        if days:
            chosen = (r.company_id == company_id, r.dataset.in_(list(names)), r.day.between(min(days), max(days)))
            stored = connection.execute(sa.select(*columns).where(*chosen).order_by(r.day, r.dataset)).all()
            for row in stored:
                if row.day in days and row.data_through is not None:
                    yield _outcome(row)


def _outcome(row: Any) -> Outcome:
    state = "final" if row.is_final else "complete for this hour"
    return Outcome(
        row.company_id,
        row.dataset,
        row.day,
        SliceStatus.UNCHANGED,
        reason=f"{state}, data through {row.data_through:%Y-%m-%d %H:%M} UTC",
        rows=row.rows,
        data_through=row.data_through,
        is_final=row.is_final,
        is_kept=True,
    )


def stored_outcome(connection: sa.Connection, outcome: Outcome) -> Outcome:
    """Return the outcome of a stored slice with the figures of its rows."""
    table = TABLES[outcome.dataset]
    rows = counted_rows(connection, outcome.company_id, table, outcome.day) if outcome.rows else []
    return with_figures(outcome, table, rows)
