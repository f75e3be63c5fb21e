"""`sequel-assets export`: datasets as files, a folder per company and day, for whatever reads Parquet or CSV.

    FOLDER/dataset/company=KEY/date=YYYY-MM-DD/part.parquet     datasets that are kept by day
    FOLDER/dataset/company=KEY/part.parquet                     datasets without days

The names of the folders are not columns of the files: pandas, Athena and BigQuery refuse a `day` that appears twice. So
each file is complete in itself. A file is never half-written; an existing one is replaced in one step. A refreshed day
without rows is a file without rows, a day that was not refreshed has no file. Columns marked as personal never leave
unless the options say so.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.commands.export_options import ExportOptions, Tally, keep_within, refuse_unsafe_keys
from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.signals import was_killed
from sequel_assets.cli.support.terminal import console, errors, progress_bar, table
from sequel_assets.insights import INSIGHTS
from sequel_assets.queries.arrow import BATCH_ROWS
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.safety.visible import MAX_NAMED, as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.availability import unavailable
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.company_lists import LISTED_OF, availability, company_parents, event_host_counts
from sequel_assets.warehouse.tables.core import NO_DAY, companies, events, people, refreshes

BY_DAY = {dataset.name for dataset in SLICED}
NEVER_MISSING = {each.name for each in (companies, company_parents, people, refreshes, availability, event_host_counts)}
"""Tables without slices: they hold whatever is known and are never incomplete."""
Covered = Mapping[str, Mapping[date, datetime]]
_SOURCES = {insight.name: insight.sources for insight in INSIGHTS if insight.at_close}


def export(settings: Settings, options: ExportOptions, wanted: Sequence[str]) -> int:
    """Write the files of these companies (default: all), print what was written or is missing, return the exit code."""
    tables, tally = options.tables(), Tally()
    with stored(settings) as warehouse:
        with warehouse.read() as connection:
            chosen = choose(catalog.known_companies(connection), wanted)
            refuse_unsafe_keys(chosen)
            reasons = {(each.company_id, each.dataset): each.reason for each in unavailable(connection, even_gone=True)}
        with _work_folder(options), progress_bar("Export", len(chosen) * len(tables)) as step:
            for company in chosen:
                with warehouse.read() as connection:  # one state for all datasets of a company
                    covered = _covered(connection, company, options)
                    for each in tables:
                        _write_dataset(connection, options, each, company, covered.get(each.name, {}), tally)
                        reason = reasons.get((company.company_id, each.name))
                        if bool(wanted) or company.gone_at is None:
                            _note_missing(
                                options, f"{company.partition_key} {each.name}", each.name, covered, reason, tally
                            )
                        step(1)
    _report(options, tables, tally)
    return 1 if tally.missing else 0


@contextmanager
def _work_folder(options: ExportOptions) -> Iterator[None]:
    """Create the folder for unfinished files and remove it at the end; remove those of exports that were killed."""
    make_folder(options.folder)
    for left in options.folder.iterdir():
        process = left.suffix.removeprefix(".")
        if process.isdecimal() and left == options.unfinished(int(process)) and was_killed(int(process)):
            shutil.rmtree(left)
    options.unfinished().mkdir()
    try:
        yield
    finally:
        shutil.rmtree(options.unfinished())


def _covered(connection: sa.Connection, company: KnownCompany, options: ExportOptions) -> Covered:
    """Return, by dataset, the days with a refreshed slice, and the hour that each is complete through."""
    r = refreshes.c
    among = sa.or_(r.day.between(options.first, options.last), r.day == NO_DAY)
    chosen = (r.company_id == company.company_id, r.data_through.is_not(None), among)
    found: dict[str, dict[date, datetime]] = {}
    for dataset, day, through in connection.execute(sa.select(r.dataset, r.day, r.data_through).where(*chosen)):
        found.setdefault(dataset, {})[day] = through
    for of, kind in LISTED_OF.items():  # without events of its kind nothing was requested: it is complete and empty
        of_kind = sa.select(events.c.event_id).where(
            events.c.company_id == company.company_id, events.c.event_type == kind
        )
        if of.name not in found and events.name in found and connection.scalar(of_kind.limit(1)) is None:
            found[of.name] = found[events.name]
    return found


def _note_missing(
    options: ExportOptions, label: str, dataset: str, covered: Covered, reason: str | None, tally: Tally
) -> None:
    """Note the missing days of a company's dataset, or that it is unavailable."""
    mine = covered.get(dataset, {})
    if reason is not None and not mine:
        (tally.missing if options.datasets else tally.unavailable).append(f"unavailable: {label}: {reason}")
        return
    advice = "sequel-assets backfill fetches what Sequel has"
    if dataset in BY_DAY:
        days = [day for day in days_between(options.first, options.last) if day not in mine]
        lost = [day for day in days if not _is_open(dataset, day, covered)]
        if lost:
            many = f"{lost[0]} was" if len(lost) == 1 else f"{len(lost)} days, such as {lost[0]}, were"
            tally.missing.append(f"missing: {label}: {many} not refreshed; {advice}")
    elif not mine and dataset not in NEVER_MISSING:
        tally.missing.append(f"missing: {label}: it was not refreshed; {advice}")


def _is_open(dataset: str, day: date, covered: Covered) -> bool:
    """Say whether a dataset that is derived at a day's close is not due yet: the day of its sources has not closed."""
    through = [covered.get(source, {}).get(day) for source in _SOURCES.get(dataset, ())]
    return any(hour is not None and hour < day_end(day) for hour in through)


def _write_dataset(
    connection: sa.Connection,
    options: ExportOptions,
    of: sa.Table,
    company: KnownCompany,
    mine: Mapping[date, datetime],
    tally: Tally,
) -> None:
    """Write a company's files of one dataset."""
    if of.name not in BY_DAY:
        if mine or of.name in NEVER_MISSING:
            _write_partition(options, of, company, None, _rows(connection, options, of, company), tally)
        return
    days = sorted(mine)
    if not days:
        return
    rows = _rows(connection, options, of, company, of.c.day.between(days[0], days[-1]))
    groups: Iterator[tuple[date, Iterable[Any]]] = groupby(rows, key=lambda row: row.day)
    group = next(groups, None)
    for day in days:
        while group is not None and group[0] < day:  # skip rows of days that no refresh has completed
            group = next(groups, None)
        _write_partition(options, of, company, day, group[1] if group is not None and group[0] == day else (), tally)


def _rows(
    connection: sa.Connection,
    options: ExportOptions,
    of: sa.Table,
    company: KnownCompany,
    *chosen: sa.ColumnElement[bool],
) -> sa.CursorResult[Any]:
    """Return a company's rows in the order of their key, fetched in batches."""
    query = sa.select(*options.columns(of)).where(of.c.company_id == company.company_id, *chosen)
    return connection.execute(query.order_by(*of.primary_key.columns).execution_options(yield_per=BATCH_ROWS))


def _write_partition(
    options: ExportOptions, of: sa.Table, company: KnownCompany, day: date | None, rows: Iterable[Any], tally: Tally
) -> None:
    """Write a partition, and move it to its place once it is complete."""
    path = options.place(of, company, day)
    keep_within(options.folder, path)
    make_folder(path.parent)
    with replacing(path, options.unfinished() / path.name) as file:
        count = tabular.write(file, options.form, options.columns(of), rows, options.has_mark)
    tally.rows[of.name] += count
    tally.files[of.name] += 1
    tally.size[of.name] += path.stat().st_size


def _report(options: ExportOptions, tables: Sequence[sa.Table], tally: Tally) -> None:
    counts = (tally.rows, tally.files, tally.size)
    rows = [(each.name, *(count[each.name] for count in counts)) for each in tables]
    footer = ("all", *(count.total() for count in counts)) if len(rows) > 1 else ()
    table("Export", ("dataset", "rows", "files", "bytes"), rows, footer)
    for line in tally.unavailable[:MAX_NAMED]:
        console().print(as_line(line))
    console().print(f"Written to {options.folder}.")
    if not options.with_people:
        console().print("Personal data was left out; --with-people exports it too.")
    for line in tally.missing[:MAX_NAMED]:
        errors().print(as_line(line))
    if len(tally.missing) > MAX_NAMED:
        errors().print(f"and {len(tally.missing) - MAX_NAMED} more; sequel-assets status shows how far each goes")
