"""What makes a table a dataset: the words that people read of it, and for a derived one its SELECT."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Table


class Subject(StrEnum):
    """What a dataset is about: its group in Dagster."""

    CATALOG = "catalog"
    USAGE = "usage"
    AUDIENCE = "audience"
    EVENT_DETAILS = "event_details"
    INTERACTION = "interaction"
    NETWORKING = "networking"
    PLATFORM = "platform"


@dataclass(frozen=True)
class Dataset:
    """What people must know of a table that is an asset: its page in Dagster and in docs/datasets.md."""

    table: Table
    subject: Subject
    answers: str
    """The question that it answers, in one sentence."""
    grain: str
    """What one row is."""
    source: str
    """Where its rows come from, with the confidence of that endpoint, or from which datasets it is derived."""
    refreshed: str
    """When its slices are refreshed."""
    example: str
    """A SELECT that works on any warehouse and shows how it is used."""

    @property
    def name(self) -> str:
        """Return the name that asset and table share."""
        return self.table.name


@dataclass(frozen=True)
class Insight(Dataset):
    """A dataset derived within the warehouse: a table and the SELECT that fills it, for one company and many days."""

    sources: tuple[str, ...]
    """The landed datasets, kept by slice, whose slices decide whether this one is behind; the first one leads in words."""
    as_of: bool
    """True when a day's slice depends on every day from the start to it."""
    select: "Callable[[str, date, date, date], sa.Select[tuple[object, ...]] | sa.CompoundSelect[tuple[object, ...]]]"
    """`(company_id, first day, last day, start of history) -> SELECT` of the table's columns in their order."""
    carry: "Callable[[str, date, date, date], sa.Select[tuple[object, ...]]] | None" = None
    """The same rows by another SELECT, which goes on from the stored rows of the day before the first one.

    Used where those rows are known to be right; `select` counts from the start of history without them. None where
    `select` itself reads no more of the past than the requested days need.
    """
    optional: tuple[str, ...] = ()
    """Landed datasets that it shows too, where they are there: of a day without a slice of them their numbers are null,
    and when the slice comes the day is behind."""
    at_close: bool = False
    """True when a day that is still open has no slice unless somebody asks for it: an hour does not pay for it."""
    reads_events: bool = False
    """True when it goes by an event's plan (start, end, hub): where Sequel moves one, the days from its start on are behind."""
    reads_hosts: bool = False
    """True when it goes by who hosts an event: where that changes, the days on which the event has minutes are behind."""
    with_descendants: bool = False
    """True when it counts a company with all its sub-companies: it is derived after all of those (refresh/transform/rollup.py)."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return every dataset that it is derived from."""
        return (*self.sources, *self.optional)

    @property
    def basis(self) -> tuple[object, ...]:
        """Return what decides when its slices are behind: the same of two insights, and so are the days."""
        return (self.sources, self.optional, self.reads_events, self.reads_hosts, self.as_of)

    @property
    def sources_in_words(self) -> str:
        """Return the names of its sources, for people."""
        return " and ".join(self.sources)
