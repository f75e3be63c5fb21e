"""What makes a table a dataset: the words that people read of it, and for a derived one its SELECT."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Table


@dataclass(frozen=True)
class Dataset:
    """What people must know of a table that is an asset: its page in Dagster and in docs/datasets.md."""

    table: Table
    answers: str
    """The question that it answers, in one sentence."""
    grain: str
    """What one row is."""
    source: str
    """Where its rows come from, with the confidence of that endpoint, or from which datasets it is derived."""
    refreshed: str
    """When its slices are made anew."""
    example: str
    """A SELECT that works on any warehouse and shows how it is used."""

    @property
    def name(self) -> str:
        """Return the name that asset and table share."""
        return self.table.name


@dataclass(frozen=True)
class Insight(Dataset):
    """A dataset derived within the warehouse: a table and the SELECT that fills it, for one company and many days."""

    source_dataset: str
    """The name of the landed dataset whose slices decide whether this one is behind."""
    as_of: bool
    """True when a day's slice depends on every day from the start to it."""
    select: "Callable[[str, date, date, date], sa.Select[tuple[object, ...]] | sa.CompoundSelect[tuple[object, ...]]]"
    """`(company_id, first day, last day, start of history) -> SELECT` of the table's columns in their order."""
