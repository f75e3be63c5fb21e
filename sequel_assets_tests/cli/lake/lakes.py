"""A warehouse to make lakes of, and lakes as they are read, for the tests of `sequel-assets export --layout lake`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import parquet

from sequel_assets.cli.lake.export import LakeOptions, export_lake
from sequel_assets.queries.arrow import batches, schema_of
from sequel_assets.queries.lake.contents import LAKE_TABLES
from sequel_assets.queries.tables import columns_of
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.replacement import sum_up
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, people, refreshes
from sequel_assets.warehouse.tables.unlisted import unlisted_usage
from sequel_assets_tests.cli.exported_rows import book, fill, settings_of
from sequel_assets_tests.support.rows import ACME, AT, participant

NEXT_MONTH = date(2026, 4, 2)
FACTS_OF_MARCH, FACTS_OF_APRIL = (f"event_participants/company=acme.0/month=2026-0{month}" for month in (3, 4))


def fill_months(warehouse: Warehouse) -> None:
    """The warehouse of the other exports, one more fact in April, minutes of nobody, and bookkeeping that is true."""
    fill(warehouse)
    with warehouse.write() as connection:
        bulk.insert(connection, event_participants, [participant("e1", "p0", 7, on=NEXT_MONTH)])
        beyond = (ACME, NEXT_MONTH, "e1", "virtualStageEvent", 3, 0, 3, 1, 0, 1)
        bulk.insert(connection, unlisted_usage, [beyond])
    book(warehouse, "event_participants", [NEXT_MONTH])
    recount_slices(warehouse)


def recount_slices(warehouse: Warehouse) -> None:
    """Count the rows of every slice once more, as whoever changes rows without a refresh does."""
    with warehouse.write() as connection:
        r = refreshes.c
        for company_id, dataset, day in connection.execute(sa.select(r.company_id, r.dataset, r.day)).all():
            if day != NO_DAY:
                sum_up(connection, company_id, LAKE_TABLES[dataset], day)


def change_minutes(warehouse: Warehouse, day: date, minutes: int) -> None:
    """Let a slice have other minutes."""
    with warehouse.write() as connection:
        f = event_participants.c
        connection.execute(event_participants.update().where(f.day == day).values(engaged_minutes=minutes))
        sum_up(connection, ACME, event_participants, day)


def make(warehouse: Warehouse, where: str | Path, *datasets: str, with_people: bool = False) -> None:
    """Export a lake."""
    assert export_lake(settings_of(warehouse), LakeOptions(str(where), datasets, with_people)) == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that a reader sees, by its place beneath the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def manifest_of(found: dict[str, bytes]) -> dict[str, Any]:
    """The manifest, once every file that it names was found to be as it says, and no other to be there."""
    manifest: dict[str, Any] = json.loads(found["manifest.json"])
    said = {one["path"]: (one["bytes"], one["sha256"]) for one in manifest["files"]}
    there = {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in found.items() if path != "manifest.json"
    }
    assert said == there
    return manifest


def rows_in(found: dict[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table of a lake, in the order of its files."""
    read: dict[str, list[dict[str, Any]]] = {}
    for file in manifest_of(found)["files"]:
        rows = parquet.read_table(pa.BufferReader(found[file["path"]])).to_pylist()
        assert len(rows) == file["rows"]
        read.setdefault(file["dataset"], []).extend(rows)
    return read


def rows_of_warehouse(warehouse: Warehouse, *, with_people: bool) -> dict[str, Counter[str]]:
    """The rows of each table that a lake holds, with the types of an export, in no order."""
    found: dict[str, Counter[str]] = {}
    with warehouse.read() as connection:
        for name, table in LAKE_TABLES.items():
            columns = columns_of(table, with_people=with_people)
            rows = [tuple(row) for row in connection.execute(sa.select(*columns))]
            made = [record for batch in batches(schema_of(columns), rows) for record in batch.to_pylist()]
            if made and (with_people or name != people.name):
                found[name] = Counter(map(repr, made))
    return found


__all__ = ["ACME", "AT"]
