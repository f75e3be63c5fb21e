"""Runs SELECTs of the insights over a lake in an engine, with the rows that the warehouse would answer.

Only files that the manifest names are read, each once its checksum was compared: of the months and companies that are
asked about.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData

from sequel_assets.insights.coverage import select_members
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.engines.lake_sql import LakeSql, as_sql
from sequel_assets.queries.lake.contents import LAKE_TABLES, tables_checksum, tables_of
from sequel_assets.queries.lake.manifest import LakeError, LakeFile, Manifest
from sequel_assets.queries.lake.place import LakePlace, required_manifest
from sequel_assets.queries.tables import columns_of
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.tables.core import people
from sequel_assets.warehouse.tables.types import UtcDateTime


class LakeReader(ABC):
    """An open lake: a `Reader`. `days`: it is asked about these alone, and files of other months are not read."""

    dialect: ClassVar[str]
    """sqlglot's name of the engine's SQL."""

    def __init__(self, place: LakePlace, manifest: Manifest, folder: Path, days: Days | None) -> None:
        self._place, self._manifest, self._folder, self._days = place, manifest, folder, days
        self._companies: frozenset[str] | None = None
        self._views: set[str] = set()
        self._here: dict[str, Path] = {}

    def of(self, scope: Scope) -> Self:
        """Read from now on only files of the companies of a scope, its sub-companies where it includes them."""
        self._companies = frozenset(row.company_id for row in self.execute(select_members(scope))) | {scope.company_id}
        self._views.clear()
        return self

    def execute(self, statement: Any, /, *, columns: Iterable[sa.ColumnElement[Any]] = ()) -> sa.Result[Any]:
        """Return the rows of a SELECT; of an insight's, `columns` are those of its table, whose types they have."""
        sql, columns = as_sql(statement, self.dialect), list(columns or statement.selected_columns)
        asked = [value for value in sql.values.values() if type(value) is date]
        if self._days is not None and any(not self._days.first <= day <= self._days.last for day in asked):
            raise ValueError(f"the lake was opened for {self._days}, and is asked about another day")
        for name in sorted(sql.tables & LAKE_TABLES.keys()):
            self._view(name)
        made = self.answer(sql).cast(schema_of(columns))
        values = [_as_in_warehouse(column, made.column(place).to_pylist()) for place, column in enumerate(columns)]
        rows = zip(*values, strict=True)
        return IteratorResult(SimpleResultMetaData([column.name for column in columns]), iter(rows))

    def scalars(self, statement: Any, /) -> sa.ScalarResult[Any]:
        """Return the first column of a SELECT."""
        return self.execute(statement).scalars()

    @abstractmethod
    def answer(self, sql: LakeSql) -> pa.Table:
        """Return the rows of a SELECT."""

    @abstractmethod
    def make_view(self, name: str, files: list[str], schema: pa.Schema) -> None:
        """Let a table be a view of Parquet files, of one schema; without files it is empty."""

    def _view(self, name: str) -> None:
        """Let a table be a view of its files; one without files is empty."""
        if name in self._views:
            return
        table = LAKE_TABLES[name]
        self._refuse_missing(table)
        files = [str(self._local(file)) for file in self._files(table)]
        self.make_view(name, files, schema_of(columns_of(table, with_people=self._manifest.with_people)))
        self._views.add(name)

    def _refuse_missing(self, table: sa.Table) -> None:
        """Refuse a question about a table that the lake was made without: it would be answered with nothing."""
        if table is people and not self._manifest.with_people:
            raise LakeError(f"{self._place.name}: this lake has no names or e-mails; it was made without --with-people")
        if table not in tables_of(self._manifest.datasets, with_people=self._manifest.with_people):
            raise LakeError(
                f"{self._place.name}: this lake has no {table.name}; make one with --all, or with that dataset"
            )

    def _files(self, table: sa.Table) -> Iterator[LakeFile]:
        for file in self._manifest.files:
            is_of_company = self._companies is None or file.company_id is None or file.company_id in self._companies
            is_of_days = self._days is None or file.month is None or _months(self._days, file.month)
            if file.dataset == table.name and is_of_company and is_of_days:
                yield file

    def _local(self, file: LakeFile) -> Path:
        if file.path not in self._here:
            self._here[file.path] = self._place.verified(file, self._folder)
        return self._here[file.path]


def _months(days: Days, month: str) -> bool:
    return f"{days.first:%Y-%m}" <= month <= f"{days.last:%Y-%m}"


def _as_in_warehouse(column: sa.ColumnElement[Any], values: list[Any]) -> list[Any]:
    """Return values with the types that the warehouse answers: times in UTC, decimals as floats."""
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return [kind.process_result_value(value, None) for value in values]  # type: ignore[arg-type]
    if isinstance(kind, sa.Numeric) and not kind.asdecimal:
        return [None if value is None else float(value) for value in values]
    return values


@contextmanager
def lake_at(where: str) -> Iterator[tuple[LakePlace, Manifest, Path]]:
    """Yield a lake's place, its manifest, and a folder for copies of its files; one of another release is refused."""
    place = LakePlace(where)
    manifest = required_manifest(place)
    if manifest.tables_checksum != tables_checksum():
        raise LakeError(
            f"{place.name}: this lake has other tables than this release, it was written by {visible(manifest.release)}; export it again with "
            "this release, then ask"
        )
    with tempfile.TemporaryDirectory(prefix="sequel-lake-") as folder:
        yield place, manifest, Path(folder)
