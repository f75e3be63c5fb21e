"""A lake in DuckDB, in this process. It loads nothing that is not in its wheel, and fetches nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from sequel_assets.insights.periods import Days
from sequel_assets.queries.engines.lake_reader import LakeReader, lake_at
from sequel_assets.queries.engines.lake_sql import LakeSql
from sequel_assets.queries.lake.manifest import LakeError, Manifest
from sequel_assets.queries.lake.place import LakePlace

NOTHING_FROM_OUTSIDE: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


class DuckdbLake(LakeReader):
    """A lake that DuckDB reads."""

    dialect = "duckdb"

    def __init__(self, place: LakePlace, manifest: Manifest, folder: Path, days: Days | None, duck: Any) -> None:
        super().__init__(place, manifest, folder, days)
        self.duck = duck
        self.errors: tuple[type[Exception], ...] = ()

    def answer(self, sql: LakeSql) -> pa.Table:
        """Return the rows of a SELECT."""
        try:
            return self.duck.sql(sql.text, params=dict(sql.values)).to_arrow_table()
        except self.errors as error:  # its text may quote what is in a row
            raise LakeError(
                f"{self._place.name}: DuckDB could not answer ({type(error).__name__}), for want of memory or disk perhaps; ask about fewer "
                "days, or the warehouse"
            ) from None

    def make_view(self, name: str, files: list[str], schema: pa.Schema) -> None:
        """Let a table be a view of Parquet files."""
        rows = (
            self.duck.read_parquet(files, hive_partitioning=False)
            if files
            else self.duck.from_arrow(schema.empty_table())
        )
        rows.create_view(name, replace=True)


@contextmanager
def opened_lake(where: str, days: Days | None = None) -> Iterator[DuckdbLake]:
    """Open the lake at a place for questions about these days (default: any)."""
    try:
        import duckdb
    except ImportError:
        raise LakeError("--engine duckdb needs DuckDB: pip install 'sequel_assets[duckdb]'; or leave it out") from None
    with lake_at(where) as (place, manifest, folder), duckdb.connect(config=NOTHING_FROM_OUTSIDE) as duck:
        duck.execute(f"SET temp_directory = '{folder}'")
        duck.execute("SET TimeZone = 'UTC'")
        lake = DuckdbLake(place, manifest, folder, days, duck)
        lake.errors = (duckdb.Error,)
        yield lake
