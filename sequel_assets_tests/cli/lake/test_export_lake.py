"""`sequel-assets export --layout lake`: what is in it, and what the next export writes again, on both databases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyarrow import parquet

from sequel_assets.cli.lake.export import LakeOptions, export_lake
from sequel_assets.cli.lake.writing import ROWS_IN_GROUP, write_rows
from sequel_assets.queries.lake.manifest import LakeError
from sequel_assets.queries.tables import TABLES
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.cli.exported_rows import out, settings_of
from sequel_assets_tests.cli.lake.lakes import (
    FACTS_OF_APRIL,
    FACTS_OF_MARCH,
    NEXT_MONTH,
    change_minutes,
    contents,
    fill_months,
    make,
    manifest_of,
    recount_slices,
    rows_in,
    rows_of_warehouse,
)
from sequel_assets_tests.cli.test_export import SECRETS
from sequel_assets_tests.support.rows import day, participant

__all__ = ["out"]


@pytest.mark.parametrize("with_people", [False, True])
def test_a_lake_has_every_row_of_the_warehouse_and_names_only_where_that_is_said(
    warehouse: Warehouse, out: Path, with_people: bool
) -> None:
    """Table by table; also the facts of a day that no refresh has completed, the minutes of nobody, and the bookkeeping."""
    fill_months(warehouse)
    make(warehouse, out, with_people=with_people)
    read = rows_in(contents(out))
    assert {name: Counter(map(repr, rows)) for name, rows in read.items()} == rows_of_warehouse(
        warehouse, with_people=with_people
    )
    text = str(read).lower()
    assert {secret for secret in SECRETS if secret in text} == (set(SECRETS) if with_people else set())
    manifest = manifest_of(contents(out))
    assert (manifest["version"], manifest["with_people"], manifest["datasets"]) == (1, with_people, [])


def test_a_file_is_a_company_and_month_sorted_by_day_and_person(warehouse: Warehouse, out: Path) -> None:
    """The folders are Hive's, the file is compressed with zstd, and the manifest says from how many slices it was made."""
    fill_months(warehouse)
    make(warehouse, out)
    files = {one["path"]: one for one in manifest_of(contents(out))["files"] if one["dataset"] == "event_participants"}
    assert [path.rpartition("/")[0] for path in files] == [FACTS_OF_MARCH, FACTS_OF_APRIL]
    march, april = files.values()
    assert [(one["month"], one["rows"], one["slices"]) for one in (march, april)] == [
        ("2026-03", 4, 4),
        ("2026-04", 1, 1),
    ]
    rows = parquet.read_table(out / march["path"]).to_pylist()
    assert [(row["day"], row["person_id"]) for row in rows] == [
        (day(0), "p1"),
        (day(0), "p2"),
        (day(2), "p1"),
        (day(3), "p9"),
    ]
    column = parquet.read_metadata(out / march["path"]).row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert "month" not in {column.name for table in TABLES.values() for column in table.columns}


def test_the_next_export_writes_nothing_again_that_has_not_changed(
    warehouse: Warehouse, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a file nor the manifest; of one changed slice its month alone, and what says how complete it is."""
    fill_months(warehouse)
    make(warehouse, out)
    first = contents(out)
    many = len(first) - 1
    capsys.readouterr()
    make(warehouse, out)
    assert contents(out) == first
    assert f"0 files written, {many} kept, 0 removed." in capsys.readouterr().out
    change_minutes(warehouse, day(0), 5)
    make(warehouse, out)
    second = contents(out)
    places = {path.rpartition("/")[0] for path in first.keys() ^ second.keys()}
    assert places == {FACTS_OF_MARCH, "refreshes/company=acme.0"}
    assert f"2 files written, {many - 2} kept, 2 removed." in capsys.readouterr().out
    minutes = {(row["day"], row["engaged_minutes"]) for row in rows_in(second)["event_participants"]}
    assert minutes == {(day(0), 5), (day(2), 5), (day(3), 99), (NEXT_MONTH, 7)}


def test_a_month_that_lost_its_last_row_has_no_file_any_more(warehouse: Warehouse, out: Path) -> None:
    """And no folder."""
    fill_months(warehouse)
    make(warehouse, out, "event_participants")
    with warehouse.write() as connection:
        connection.execute(event_participants.delete().where(event_participants.c.day == NEXT_MONTH))
    recount_slices(warehouse)
    make(warehouse, out, "event_participants")
    assert not (out / FACTS_OF_APRIL).exists()
    assert {row["day"] for row in rows_in(contents(out))["event_participants"]} == {day(0), day(2), day(3)}


def test_rows_that_no_refresh_counts_make_no_lake(warehouse: Warehouse, out: Path) -> None:
    """Somebody deleted a fact behind the platform's back: the checksum is not that of the rows any more."""
    fill_months(warehouse)
    with warehouse.write() as connection:
        connection.execute(event_participants.delete().where(event_participants.c.day == NEXT_MONTH))
    with pytest.raises(LakeError) as refused:
        make(warehouse, out, "event_participants")
    assert str(refused.value) == (
        "acme.0 event_participants 2026-04: the warehouse has 0 rows where its refreshes count 1; the lake was left as it was; "
        "fetch these days again: sequel-assets backfill --force"
    )
    assert "manifest.json" not in contents(out)


def test_chosen_datasets_come_with_what_says_how_complete_they_are(warehouse: Warehouse, out: Path) -> None:
    """The companies, their places, the bookkeeping; of minutes those of nobody too."""
    fill_months(warehouse)
    make(warehouse, out, "event_participants")
    read = {one["dataset"] for one in manifest_of(contents(out))["files"]}
    assert read == {"companies", "refreshes", "event_participants", "unlisted_usage"}
    with pytest.raises(LakeError) as refused:
        export_lake(settings_of(warehouse), LakeOptions(str(out), ["questions"]))
    assert str(refused.value) == (
        f"{out}: this lake was made with --dataset event_participants; nothing was changed; export to another folder, or give the same "
        "options"
    )


def test_a_file_of_many_rows_has_row_groups_of_bounded_size(tmp_path: Path) -> None:
    """Readers skip row groups by the days in them; memory is that of one group."""
    rows = [participant(f"e{number % 7}", f"p{number:06}", 1, on=day(0)) for number in range(ROWS_IN_GROUP + 7_000)]
    path = tmp_path / "part.parquet"
    assert write_rows(path, list(event_participants.columns), rows) == len(rows)
    found = parquet.read_metadata(path)
    assert [found.row_group(place).num_rows for place in range(found.num_row_groups)] == [ROWS_IN_GROUP, 7_000]
    assert parquet.read_table(path)["person_id"].to_pylist() == [row[3] for row in rows]
    assert write_rows(path, list(event_participants.columns), []) == 0
    assert parquet.read_table(path).num_rows == 0
