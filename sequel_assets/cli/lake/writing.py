"""Writes files of a lake: new ones under the checksum of their content, then the manifest, then the old ones go.

A name says what is in a file, so that a file is never replaced by another, and whoever reads by the former manifest
reads the former files. Killed at any place, an export leaves the former lake, and at most files that no manifest names.
"""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import parquet

from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.only_one import only_one
from sequel_assets.queries.arrow import batches, schema_of
from sequel_assets.queries.lake.manifest import NAME, LakeError, Manifest
from sequel_assets.queries.lake.place import LOCK, UNFINISHED, LakePlace
from sequel_assets.safety.file_modes import make_file, make_folder

ROWS_IN_GROUP, BYTES_IN_GROUP = 120_000, 64 * 2**20
"""A row group of a file has so many rows, or bytes in memory, at most: what readers skip or read at once."""
ABANDONED_AFTER = timedelta(days=1)
"""In S3, where nothing locks, a file that no manifest names may be another export's for so long."""


def write_rows(path: Path, columns: Sequence[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> int:
    """Write rows as a Parquet file, compressed with zstd; return their number."""
    schema, many = schema_of(columns), 0
    waiting: list[pa.RecordBatch] = []
    with parquet.ParquetWriter(path, schema, compression="zstd") as into:
        for batch in batches(schema, rows):
            waiting.append(batch)
            many += batch.num_rows
            if (
                sum(one.num_rows for one in waiting) >= ROWS_IN_GROUP
                or sum(one.nbytes for one in waiting) >= BYTES_IN_GROUP
            ):
                into.write_table(pa.Table.from_batches(waiting, schema), row_group_size=ROWS_IN_GROUP * 2)
                waiting = []
        if waiting or not many:
            into.write_table(pa.Table.from_batches(waiting, schema), row_group_size=ROWS_IN_GROUP * 2)
    return many


class LakeWriter:
    """Writes into the lake at a place; `folder` is for a file that is being made."""

    def __init__(self, place: LakePlace, folder: Path) -> None:
        self._place, self._folder = place, folder

    def alone(self) -> AbstractContextManager[None]:
        """Let no other export into the same folder; in S3 nothing can, and the manifest is compared before it is replaced."""
        if not self._place.is_local:
            return nullcontext()
        make_folder(Path(self._place.root))
        return only_one(
            Path(self._place.path(LOCK)),
            f"{self._place.name}: another export writes into this lake just now; nothing was changed; run this again when that has ended",
        )

    def make(self, columns: Sequence[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> tuple[Path, int, str]:
        """Make a file beside the lake; return where it is, how many rows it has, and its checksum."""
        path = self._folder / "part.parquet"
        path.unlink(missing_ok=True)
        make_file(path)
        many = write_rows(path, columns, rows)
        with path.open("rb") as opened:
            return path, many, hashlib.file_digest(opened, "sha256").hexdigest()

    def add(self, made: Path, path_in_lake: str) -> None:
        """Move a file into the lake, of which it is a part once the manifest names it."""
        with self._place.explained():
            if self._place.is_local:
                place = Path(self._place.path(path_in_lake))
                make_folder(place.parent)
                shutil.move(made, place)
            else:
                self._place.fs.put_file(str(made), self._place.path(path_in_lake))

    def finish(self, manifest: Manifest, before: bytes | None) -> None:
        """Replace the manifest, unless another export has replaced it since it was `before`."""
        found = self._place.manifest()
        if (found[1] if found else None) != before:
            raise LakeError(
                f"{self._place.name}: another export has renewed this lake meanwhile; it stays as that one left it; run this again"
            )
        text = (manifest.model_dump_json(indent=1) + "\n").encode()
        with self._place.explained():
            if self._place.is_local:
                with replacing(Path(self._place.path(NAME)), Path(self._place.path(UNFINISHED))) as file:
                    file.write(text)
            else:
                self._place.fs.pipe_file(self._place.path(NAME), text)

    def remove(self, former: Manifest | None, manifest: Manifest, listing: Iterable[str]) -> int:
        """Delete the files that were in the former lake and are not in this one, and those of killed exports."""
        present, ours = {file.path for file in manifest.files}, {NAME, LOCK}
        replaced = {file.path for file in former.files} if former else set()
        gone = [
            path for path in listing if path not in present | ours and (path in replaced or self._is_abandoned(path))
        ]
        with self._place.explained():
            for path in gone:
                self._place.fs.rm_file(self._place.path(path))
                self._remove_empty(Path(self._place.path(path)).parent)
        return len(gone)

    def _is_abandoned(self, path: str) -> bool:
        if self._place.is_local:  # no other export is at work: this one holds the lock
            return True
        with self._place.explained():
            written: datetime = self._place.fs.modified(self._place.path(path))
        return datetime.now(UTC) - written > ABANDONED_AFTER

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder of the lake, and those above it, where nothing is left in it; S3 has no folders."""
        while self._place.is_local and folder != Path(self._place.root) and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
