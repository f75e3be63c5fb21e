"""Exports the warehouse as a lake: reads one state of it, writes the files that have changed, and says what was done.

    FOLDER/manifest.json                                             which files belong to the lake
    FOLDER/dataset/company=KEY/month=YYYY-MM/CHECKSUM.parquet        datasets that are kept by day
    FOLDER/dataset/company=KEY/CHECKSUM.parquet                      datasets without days
    FOLDER/dataset/CHECKSUM.parquet                                  the companies, where each stood, what is open

A lake has the whole history of every company, so that a roll-up over it cannot lack one. Personal columns are in it only
where the options say so.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.commands.export_options import chosen_tables, refuse_unsafe_keys
from sequel_assets.cli.lake.parts import Month, months
from sequel_assets.cli.lake.writing import LakeWriter
from sequel_assets.cli.support.terminal import console, progress_bar, table
from sequel_assets.queries.arrow import BATCH_ROWS
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.queries.lake.contents import SLICES_OF, WHOLE, order_of, tables_checksum, tables_of
from sequel_assets.queries.lake.manifest import LakeError, LakeFile, LakeOwner, Manifest
from sequel_assets.queries.lake.place import LakePlace
from sequel_assets.queries.tables import columns_of
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.company_lists import warehouse_identity

Columns = dict[sa.Table, list[sa.Column[Any]]]


@dataclass(frozen=True)
class LakeOptions:
    """What a lake is to hold, and where it is."""

    where: str
    """A folder, or s3://bucket/prefix."""
    datasets: Sequence[str] = ()
    """Names of `TABLES`; an empty list stands for all of them."""
    with_people: bool = False


def export_lake(settings: Settings, options: LakeOptions) -> int:
    """Make the lake, or write again what has changed since the last export; print what was done, return 0."""
    chosen_tables(options.datasets, with_people=options.with_people)
    place = LakePlace(options.where)
    place.refuse_changes(None, place.listing())
    with (
        stored(settings) as warehouse,
        tempfile.TemporaryDirectory(prefix="sequel-lake-") as folder,
        LakeWriter(place, Path(folder)).alone(),
    ):
        writer, found, listing = LakeWriter(place, Path(folder)), place.manifest(), place.listing()
        former, before = found or (None, None)
        place.refuse_changes(former, listing)
        with warehouse.read() as connection:  # one state for the entire lake
            owner = _owner(connection)
            if former is not None:
                _refuse_another(place, former, owner, options)
            run = _Run(connection, options, writer, former)
            files = run.files()
        manifest = Manifest(
            written_at=settings.clock(), release=metadata.version("sequel_assets"), tables_checksum=tables_checksum(), warehouse=owner,
            with_people=options.with_people, datasets=tuple(sorted(set(options.datasets))), files=tuple(files),
        )  # fmt: skip
        if former is None or former.files != manifest.files or former.tables_checksum != manifest.tables_checksum:
            writer.finish(manifest, before)
        removed = writer.remove(former, manifest, listing)
    _report(place, manifest, run.written, removed)
    return 0


def _owner(connection: sa.Connection) -> LakeOwner:
    w = warehouse_identity.c
    row = connection.execute(sa.select(w.company_id, w.api_host, w.person_key_fingerprint)).first()
    return LakeOwner(**row._mapping) if row else LakeOwner()


def _refuse_another(place: LakePlace, former: Manifest, owner: LakeOwner, options: LakeOptions) -> None:
    """Refuse a lake that is another warehouse's, or was made with other options."""
    advice = "nothing was changed; export to another folder"
    if former.warehouse != owner:
        raise LakeError(
            f"{place.name}: this lake is of another warehouse (company, API host or person key differ); {advice}"
        )
    if former.with_people != options.with_people:
        how = "with" if former.with_people else "without"
        raise LakeError(f"{place.name}: this lake was made {how} --with-people; {advice}, or give the same options")
    if set(former.datasets) != set(options.datasets):
        had = " ".join(f"--dataset {name}" for name in former.datasets) or "--all"
        raise LakeError(f"{place.name}: this lake was made with {had}; {advice}, or give the same options")


class _Run:
    """Writes what has changed; all reads are in one connection."""

    def __init__(
        self, connection: sa.Connection, options: LakeOptions, writer: LakeWriter, former: Manifest | None
    ) -> None:
        self._connection, self._writer = connection, writer
        self._columns: Columns = {
            one: columns_of(one, with_people=options.with_people)
            for one in tables_of(options.datasets, with_people=options.with_people)
        }
        self._former = {(one.dataset, one.company_id, one.month): one for one in former.files} if former else {}
        self._companies = catalog.known_companies(connection)
        self.written: Counter[str] = Counter()
        refuse_unsafe_keys(self._companies)

    def files(self) -> list[LakeFile]:
        """Return the files of the lake as it is to be, those that were not there before written."""
        found: list[LakeFile | None] = []
        for each in self._columns:
            if each.name in WHOLE:
                found.append(self._whole(each, None))
            elif each.name not in SLICES_OF:
                found += [self._whole(each, company) for company in self._companies]
        due = list(months(self._connection, self._columns, self._companies))
        with progress_bar("Export", len(due)) as step:
            for month in due:
                found.append(self._month(month))
                step(1)
        return sorted((one for one in found if one is not None), key=lambda one: one.path)

    def _month(self, month: Month) -> LakeFile:
        key = (month.table.name, month.company.company_id, month.month)
        former = self._former.get(key)
        if (
            former is not None
            and former.slices_checksum == month.checksum
            and former.path.startswith(month.place + "/")
        ):
            return former
        c = month.table.c
        rows = self._rows(month.table, c.company_id == month.company.company_id, c.day.between(month.first, month.last))
        made, many, sha256 = self._writer.make(self._columns[month.table], rows)
        if many != month.rows:
            raise LakeError(
                f"{month.company.partition_key} {month.table.name} {month.month}: the warehouse has {many} rows where its refreshes count "
                f"{month.rows}; the lake was left as it was; fetch these days again: sequel-assets backfill --force"
            )
        return self._added(made, month.place, key, many, sha256, month)

    def _whole(self, of: sa.Table, company: KnownCompany | None) -> LakeFile | None:
        """Write a table without days, whose files are compared by what is in them; none without rows."""
        here = [] if company is None else [of.c.company_id == company.company_id]
        made, many, sha256 = self._writer.make(self._columns[of], self._rows(of, *here))
        place = of.name if company is None else f"{of.name}/company={company.partition_key}"
        key = (of.name, None if company is None else company.company_id, None)
        former = self._former.get(key)
        if former is not None and former.sha256 == sha256 and former.path.startswith(place + "/"):
            return former
        return self._added(made, place, key, many, sha256, None) if many else None

    def _rows(self, of: sa.Table, *chosen: sa.ColumnElement[bool]) -> sa.CursorResult[Any]:
        query = sa.select(*self._columns[of]).where(*chosen).order_by(*order_of(of))
        return self._connection.execute(query.execution_options(yield_per=BATCH_ROWS))

    def _added(
        self,
        made: Path,
        place: str,
        key: tuple[str, str | None, str | None],
        rows: int,
        sha256: str,
        month: Month | None,
    ) -> LakeFile:
        """Move a file into the lake and return its line of the manifest."""
        path, size = f"{place}/{sha256[:32]}.parquet", made.stat().st_size
        self._writer.add(made, path)
        self.written[key[0]] += 1
        slices, checksum = (month.slices, month.checksum) if month else (0, "")
        return LakeFile(
            path=path, dataset=key[0], company_id=key[1], month=key[2], rows=rows, bytes=size, sha256=sha256,
            slices=slices, slices_checksum=checksum,
        )  # fmt: skip


def _report(place: LakePlace, manifest: Manifest, written: Counter[str], removed: int) -> None:
    sums: dict[str, list[int]] = {}
    for file in manifest.files:
        line = sums.setdefault(file.dataset, [0, 0, 0])
        line[:] = [line[0] + file.rows, line[1] + 1, line[2] + file.bytes]
    rows = [(name, *line[:2], written[name], line[2]) for name, line in sorted(sums.items())]
    footer = ("all", *(sum(row[place] for row in rows) for place in (1, 2, 3, 4)))  # type: ignore[misc]
    table("Lake", ("dataset", "rows", "files", "written", "bytes"), rows, footer)
    kept = len(manifest.files) - written.total()
    console().print(f"{place.name}: {written.total()} files written, {kept} kept, {removed} removed.")
    if not manifest.with_people:
        console().print("Personal data was left out; --with-people exports it too.")
