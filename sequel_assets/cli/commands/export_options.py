"""What `sequel-assets export` writes: datasets, days, format and folder; and the tally of a run.

Personal columns, and the table of people, belong to an export only where `with_people` is set. A file that is named
after data stays within the folder: a company's name must never lead to another path.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.arguments import one_line
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.queries.tables import TABLES, columns_of
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys, is_plain
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import people

FORMATS = ("csv", "parquet")


def chosen_tables(datasets: Sequence[str], *, with_people: bool) -> list[sa.Table]:
    """Return the tables of these names, of none all; an unknown one is refused, and so are people without `with_people`."""
    for name in datasets:
        if name not in TABLES:
            near = get_close_matches(name, TABLES, 1)
            meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(TABLES)}"
            raise UsageError(f"--dataset {one_line(name)}: there is no such dataset; {meant}")
    if people.name in datasets and not with_people:
        raise UsageError(
            f"--dataset {people.name}: it holds names and e-mails; add --with-people to export personal data"
        )
    names = dict.fromkeys(datasets) if datasets else TABLES
    return [TABLES[name] for name in names if with_people or name != people.name]


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how."""

    datasets: Sequence[str]
    """Names of `TABLES`; an empty list stands for all of them."""
    first: date
    last: date
    form: str
    folder: Path
    with_people: bool = False
    has_mark: bool = False
    """Whether a CSV begins with a byte order mark."""

    def tables(self) -> list[sa.Table]:
        """Return the tables (see `chosen_tables`)."""
        return chosen_tables(self.datasets, with_people=self.with_people)

    def columns(self, of: sa.Table) -> list[sa.Column[Any]]:
        """Return a table's columns, without the personal ones unless they were requested."""
        return columns_of(of, with_people=self.with_people)

    def place(self, of: sa.Table, company: KnownCompany, day: date | None) -> Path:
        """Return the path of a partition's file."""
        folder = self.folder / of.name / f"company={company.partition_key}"
        return (folder / f"date={day}" if day else folder) / f"part.{self.form}"

    def unfinished(self, process: int | None = None) -> Path:
        """Return the folder of unfinished files of a process; readers skip it because of its leading dot."""
        return self.folder / f".unfinished.{socket.gethostname()}.{process or os.getpid()}"


@dataclass
class Tally:
    """What was written, and what is missing."""

    rows: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    size: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    """A line for each requested dataset of a company that is incomplete."""
    unavailable: list[str] = field(default_factory=list)
    """A line for each dataset that Sequel does not provide for a company, where it was not requested by name."""


def refuse_unsafe_keys(companies: Iterable[KnownCompany]) -> None:
    """Refuse companies whose partition key is not a plain name; such a key can only come from Dagster's storage."""
    for company in companies:
        if not is_plain(company.partition_key):
            own = PartitionKeys({}, ()).of(company.company_id, company.name)
            raise UsageError(
                f"company {visible(company.company_id)}: its partition key {visible(company.partition_key)} was not "
                "generated here and leads to another folder; nothing was written; set companies.partition_key to "
                f"{own}, then run: sequel-assets repair"
            )


def keep_within(folder: Path, path: Path) -> None:
    """Refuse a path that, with links followed, is outside a folder."""
    home = folder.resolve()
    if not path.resolve().is_relative_to(home):
        raise UsageError(
            f"{visible(str(path), 1000)}: a link there leads out of {visible(str(home), 1000)}; no file was written "
            "through it; remove the link, or export to another folder"
        )
