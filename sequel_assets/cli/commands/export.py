"""`sequel-assets export`: datasets as files, a folder per company and day, for whatever reads Parquet or CSV.

    FOLDER/dataset/company=KEY/date=YYYY-MM-DD/part.parquet     what is kept by day
    FOLDER/dataset/company=KEY/part.parquet                     what has no day, whole

The folders' names are no columns of the files (a `day` twice is refused by pandas, Athena and BigQuery), so each file tells
all by itself. A file is there or not, never half; one that was there is replaced whole. A refreshed day without rows is
a file without rows, a day that was not refreshed is no file.
"""

import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.arguments import MAX_NAMED, choose, one_line
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.safe_paths import keep_within, refuse_strange_keys
from sequel_assets.cli.support.signals import was_killed
from sequel_assets.cli.support.terminal import UsageError, console, counting, errors, table
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.core.datasets import CATALOG, SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.safety.visible import as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.slices.replacement import day_end
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.availability import unavailable
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.company_lists import LISTED_OF, availability, company_parents, event_host_counts
from sequel_assets.warehouse.tables.core import NO_DAY, companies, events, people, refreshes

FORMATS = ("csv", "parquet")
BY_DAY = {dataset.name for dataset in SLICED}
TABLES: dict[str, sa.Table] = {dataset.name: dataset.table for dataset in (*CATALOG, *SLICED)}
TABLES |= {each.name: each for each in (people, refreshes, availability, event_host_counts)}
"""What can be exported: every dataset, who the people are, how far each slice goes, and which hosts are not known."""
AS_IT_STANDS = {each.name for each in (companies, company_parents, people, refreshes, availability, event_host_counts)}
"""What is never missing: it holds what is known."""
Covered = Mapping[str, Mapping[date, datetime]]
_SOURCES = {insight.name: insight.sources for insight in INSIGHTS if insight.at_close}


@dataclass(frozen=True)
class Order:
    """What is to be exported, and how."""

    datasets: Sequence[str]
    """Names of `TABLES`; none of them is all of them."""
    first: date
    last: date
    form: str
    folder: Path
    with_people: bool = False
    has_mark: bool = False
    """Whether a CSV begins with a byte order mark."""

    def tables(self) -> list[sa.Table]:
        """Return the tables; a name that there is not, or that must not leave without being asked, is refused."""
        for name in self.datasets:
            if name not in TABLES:
                raise UsageError(f"--dataset {one_line(name)}: there is no such dataset; known are {', '.join(TABLES)}")
        if people.name in self.datasets and not self.with_people:
            raise UsageError(f"--dataset {people.name}: it is names and e-mails; say --with-people if they shall leave")
        names = dict.fromkeys(self.datasets) if self.datasets else TABLES
        return [TABLES[name] for name in names if self.with_people or name != people.name]

    def columns(self, of: sa.Table) -> list[sa.Column[Any]]:
        """Return a table's columns, without the personal ones unless they were asked for."""
        return [column for column in of.columns if self.with_people or not column.info.get("personal")]

    def place(self, of: sa.Table, company: KnownCompany, day: date | None) -> Path:
        """Return where a partition is kept."""
        folder = self.folder / of.name / f"company={company.partition_key}"
        return (folder / f"date={day}" if day else folder) / f"part.{self.form}"

    def unfinished(self, process: int | None = None) -> Path:
        """Return the folder of what a process of this machine is writing; for its leading dot readers pass it over."""
        return self.folder / f".unfinished.{socket.gethostname()}.{process or os.getpid()}"


@dataclass
class Tally:
    """What was written, and what could not be."""

    rows: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    size: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    """A line for each dataset of a company that was asked for and is not all there."""
    unavailable: list[str] = field(default_factory=list)
    """A line for each dataset that Sequel does not tell of a company, where nobody asked for it by name."""


def export(settings: Settings, order: Order, wanted: Sequence[str]) -> int:
    """Write the files of some companies (default: all), tell what was written and what is missing; return the exit code."""
    tables, tally = order.tables(), Tally()
    with stored(settings) as warehouse:
        with warehouse.read() as connection:
            chosen = choose(catalog.known_companies(connection), wanted)
            refuse_strange_keys(chosen)
            reasons = {(each.company_id, each.dataset): each.reason for each in unavailable(connection, even_gone=True)}
        with _workplace(order), counting("Export", len(chosen) * len(tables)) as step:
            for company in chosen:
                with warehouse.read() as connection:  # one state for all datasets of a company
                    covered = _covered(connection, company, order)
                    for each in tables:
                        _dataset(connection, order, each, company, covered.get(each.name, {}), tally)
                        reason = reasons.get((company.company_id, each.name))
                        if bool(wanted) or company.gone_at is None:
                            _lack(order, f"{company.partition_key} {each.name}", each.name, covered, reason, tally)
                        step(1)
    _tell(order, tables, tally)
    return 1 if tally.missing else 0


@contextmanager
def _workplace(order: Order) -> Iterator[None]:
    """Make the folder for what is being written, and remove it at the end, and those of exports that were killed."""
    make_folder(order.folder)
    for left in order.folder.iterdir():
        process = left.suffix.removeprefix(".")
        if process.isdecimal() and left == order.unfinished(int(process)) and was_killed(int(process)):
            shutil.rmtree(left)
    order.unfinished().mkdir()
    try:
        yield
    finally:
        shutil.rmtree(order.unfinished())


def _covered(connection: sa.Connection, company: KnownCompany, order: Order) -> Covered:
    """Return, by dataset, the days that have a refreshed slice, and the hour that each covers."""
    r = refreshes.c
    among = sa.or_(r.day.between(order.first, order.last), r.day == NO_DAY)
    chosen = (r.company_id == company.company_id, r.data_through.is_not(None), among)
    found: dict[str, dict[date, datetime]] = {}
    for dataset, day, through in connection.execute(sa.select(r.dataset, r.day, r.data_through).where(*chosen)):
        found.setdefault(dataset, {})[day] = through
    for of, kind in LISTED_OF.items():  # nothing was asked where there was nobody to ask
        of_kind = sa.select(events.c.event_id).where(
            events.c.company_id == company.company_id, events.c.event_type == kind
        )
        if of.name not in found and events.name in found and connection.scalar(of_kind.limit(1)) is None:
            found[of.name] = found[events.name]
    return found


def _lack(order: Order, words: str, dataset: str, covered: Covered, reason: str | None, tally: Tally) -> None:
    """Note what a company lacks of a dataset."""
    mine = covered.get(dataset, {})
    if reason is not None and not mine:
        (tally.missing if order.datasets else tally.unavailable).append(f"unavailable: {words}: {reason}")
        return
    hint = "sequel-assets backfill brings what Sequel has"
    if dataset in BY_DAY:
        days = [day for day in days_between(order.first, order.last) if day not in mine]
        lost = [day for day in days if not _is_open(dataset, day, covered)]
        if lost:
            many = f"{lost[0]} was" if len(lost) == 1 else f"{len(lost)} days, such as {lost[0]}, were"
            tally.missing.append(f"missing: {words}: {many} not refreshed; {hint}")
    elif not mine and dataset not in AS_IT_STANDS:
        tally.missing.append(f"missing: {words}: it was not refreshed; {hint}")


def _is_open(dataset: str, day: date, covered: Covered) -> bool:
    """Say whether a dataset that is derived at a day's close is not owed yet: its sources' day has not closed."""
    through = [covered.get(source, {}).get(day) for source in _SOURCES.get(dataset, ())]
    return any(moment is not None and moment < day_end(day) for moment in through)


def _dataset(
    connection: sa.Connection,
    order: Order,
    of: sa.Table,
    company: KnownCompany,
    mine: Mapping[date, datetime],
    tally: Tally,
) -> None:
    """Write a company's files of one dataset."""
    if of.name not in BY_DAY:
        if mine or of.name in AS_IT_STANDS:
            _write(order, of, company, None, _rows(connection, order, of, company), tally)
        return
    days = sorted(mine)
    if not days:
        return
    rows = _rows(connection, order, of, company, of.c.day.between(days[0], days[-1]))
    groups: Iterator[tuple[date, Iterable[Any]]] = groupby(rows, key=lambda row: row.day)
    group = next(groups, None)
    for day in days:
        while group is not None and group[0] < day:  # rows of days that no refresh has made whole are passed over
            group = next(groups, None)
        _write(order, of, company, day, group[1] if group is not None and group[0] == day else (), tally)


def _rows(
    connection: sa.Connection, order: Order, of: sa.Table, company: KnownCompany, *chosen: sa.ColumnElement[bool]
) -> sa.CursorResult[Any]:
    """Return a company's rows in the order of their key, few at a time."""
    query = sa.select(*order.columns(of)).where(of.c.company_id == company.company_id, *chosen)
    return connection.execute(query.order_by(*of.primary_key.columns).execution_options(yield_per=tabular.BATCH_ROWS))


def _write(
    order: Order, of: sa.Table, company: KnownCompany, day: date | None, rows: Iterable[Any], tally: Tally
) -> None:
    """Write a partition, and move it to its place once it is whole."""
    path = order.place(of, company, day)
    keep_within(order.folder, path)
    make_folder(path.parent)
    with replacing(path, order.unfinished() / path.name) as file:
        count = tabular.write(file, order.form, order.columns(of), rows, order.has_mark)
    tally.rows[of.name] += count
    tally.files[of.name] += 1
    tally.size[of.name] += path.stat().st_size


def _tell(order: Order, tables: Sequence[sa.Table], tally: Tally) -> None:
    counts = (tally.rows, tally.files, tally.size)
    rows = [(each.name, *(count[each.name] for count in counts)) for each in tables]
    footer = ("all", *(count.total() for count in counts)) if len(rows) > 1 else ()
    table("Export", ("dataset", "rows", "files", "bytes"), rows, footer)
    for line in tally.unavailable[:MAX_NAMED]:
        console().print(as_line(line))
    console().print(f"Written to {order.folder}.")
    if not order.with_people:
        console().print("Personal data stayed here; --with-people lets it leave.")
    for line in tally.missing[:MAX_NAMED]:
        errors().print(as_line(line))
    if len(tally.missing) > MAX_NAMED:
        errors().print(f"and {len(tally.missing) - MAX_NAMED} more; sequel-assets status shows how far each goes")
