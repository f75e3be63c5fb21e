"""`sequel-assets export`: what is written where, what is left out and told, on both databases."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as arrow_dataset
import pytest
from pyarrow import parquet

from sequel_assets.cli.commands.export import export
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.insights import INSIGHTS
from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.tables import TABLES
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.cli.exported_rows import FACTS, book, files, fill, order, out, settings_of
from sequel_assets_tests.support.rows import ACME, AT, day

__all__ = ["out"]
SECRETS = ("zebulon", "zq@mail.example", "crm-77", "what was asked", "what was said", "what was answered")


def test_a_dataset_is_a_file_per_company_and_day_and_reads_back_as_it_is(warehouse: Warehouse, out: Path) -> None:
    """A day on which nobody came is a file without rows. pandas, Arrow and DuckDB read the folder as one table."""
    fill(warehouse)
    assert export(settings_of(warehouse), order(out, "event_participants"), ["acme"]) == 0
    base = "event_participants/company=acme.0"
    assert files(out) == [f"{base}/date={day(number)}/part.parquet" for number in range(3)]
    (empty,) = (out / base / f"date={day(1)}").iterdir()
    assert parquet.read_table(empty).num_rows == 0
    assert parquet.read_schema(empty) == schema_of(event_participants.columns)
    folder, names = out / "event_participants", [column.name for column in event_participants.columns]
    expected = [tuple(row) for row in FACTS]
    frame = pd.read_parquet(folder)
    assert sorted(frame[names].itertuples(index=False, name=None)) == expected
    assert set(frame["company"]) == {"acme.0"}
    read = arrow_dataset.dataset(folder, partitioning="hive").to_table(columns=names).to_pylist()
    assert sorted(tuple(record.values()) for record in read) == expected
    with duckdb.connect() as duck:
        found = duck.execute(
            f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true) ORDER BY ALL"
        )
        assert [row[: len(names)] for row in found.fetchall()] == expected


def test_what_was_not_refreshed_is_not_written_and_told(
    warehouse: Warehouse, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A day that is not whole is no file, though it has rows; exit 1."""
    fill(warehouse)
    assert export(settings_of(warehouse), order(out, "event_participants", "registrants", last=day(3)), []) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"missing: acme.0 event_participants: {day(3)} was not refreshed; sequel-assets backfill fetches what Sequel has",
        f"missing: bolt.0 event_participants: 4 days, such as {day(0)}, were not refreshed; sequel-assets backfill fetches what Sequel has",
        "missing: bolt.0 registrants: it was not refreshed; sequel-assets backfill fetches what Sequel has",
    ]
    assert not (out / "event_participants" / "company=acme.0" / f"date={day(3)}").exists()
    assert files(out)[-1] == "registrants/company=acme.0/part.parquet"
    numbers = [
        [int(n) for n in re.findall(r"\d+", line.replace(",", ""))] for line in said.out.splitlines() if "all" in line
    ]
    sizes = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    assert numbers == [[4, 4, sizes]]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_personal_data_leave_only_when_that_is_said(warehouse: Warehouse, out: Path, form: str) -> None:
    """Every dataset is written, and of the personal columns neither name nor content is there."""
    fill(warehouse)
    for with_people in (False, True):
        folder = out / str(with_people)
        export(settings_of(warehouse), order(folder, form=form, last=day(0), with_people=with_people), ["acme"])
        if form == "csv":
            text = "\n".join(path.read_text() for path in folder.rglob("*.csv"))
        else:
            text = "\n".join(str(parquet.read_table(path).to_pydict()) for path in folder.rglob("*.parquet"))
        found = {secret for secret in SECRETS if secret in text.lower()}
        assert found == (set(SECRETS) if with_people else set())
        assert ("custom_answers" in text) == with_people
        assert (folder / "people").exists() == with_people
        assert (folder / "questions/company=acme.0" / f"date={day(0)}" / f"part.{form}").exists()
    with pytest.raises(UsageError, match="--with-people"):
        export(settings_of(warehouse), order(out, "people"), [])


def test_each_column_that_may_be_personal_is_marked() -> None:
    """By the word that begins its comment, and external_id."""
    for table in TABLES.values():
        for column in table.columns:
            says_so = str(column.comment).startswith("personal") or column.name == "external_id"
            assert bool(column.info.get("personal")) == says_so, f"{table.name}.{column.name}"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_unavailable_dataset_is_told_and_missing_only_where_it_was_named(
    warehouse: Warehouse, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--all` is all there is."""
    fill(warehouse)
    availability.note(warehouse, ACME, ["polls"], reason="Sequel refuses it (403)", at=AT)
    assert export(settings_of(warehouse), order(out, "polls"), ["acme"]) == 1
    assert capsys.readouterr().err.splitlines() == ["unavailable: acme.0 polls: Sequel refuses it (403)"]
    export(settings_of(warehouse), order(out), ["acme"])
    said = capsys.readouterr()
    assert "unavailable: acme.0 polls: Sequel refuses it (403)" in said.out.splitlines()
    assert "polls:" not in said.err
    assert not (out / "polls").exists()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_derived_at_the_close_is_not_missed_of_an_open_day(warehouse: Warehouse, out: Path) -> None:
    """But of one that has closed it is."""
    fill(warehouse)
    at_close = next(insight for insight in INSIGHTS if insight.at_close)
    for name in {*at_close.sources} - {"event_participants"}:
        book(warehouse, name, [day(0)])
    wanted = order(out, at_close.name, last=day(0))
    assert export(settings_of(warehouse), wanted, ["acme"]) == 1
    with warehouse.write() as connection:
        connection.execute(
            refreshes.update().where(refreshes.c.day == day(0)).values(data_through=datetime(2026, 3, 1, 9, tzinfo=UTC))
        )
    assert export(settings_of(warehouse), wanted, ["acme"]) == 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("dataset", ["hub_participants", "hub_rooms"])
def test_a_company_without_hubs_lacks_neither_their_people_nor_their_rooms(
    warehouse: Warehouse, out: Path, dataset: str
) -> None:
    """Nobody was asked since there is nobody to ask: a file without rows."""
    fill(warehouse)
    assert export(settings_of(warehouse), order(out, dataset), ["acme"]) == 0
    (path,) = out.rglob("*.parquet")
    assert parquet.read_table(path).num_rows == 0


def test_the_command_exports_a_backfilled_world(sandbox: Any, tmp_path: Path) -> None:
    """As people call it; what is wrong is one line and exit 2."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    checkout = Checkout(folder, sandbox)
    days = ["--from", "2026-03-01", "--to", "2026-03-03"]
    assert checkout.call("backfill", *days).returncode == 0
    done = checkout.call("export", *days, "--all", "--format", "csv", "--to-folder", "out", "--with-people")
    assert (done.returncode, done.stderr) == (0, "")
    frame = pd.concat(pd.read_csv(path) for path in (folder / "out" / "event_participants").rglob("*.csv"))
    assert sorted(frame["engaged_minutes"]) == [10, 12, 20, 30]
    for arguments, words in [
        (["--format", "csv"], "choose datasets: --dataset NAME (it may be repeated), or --all"),
        (
            ["--all", "--dataset", "events", "--format", "csv"],
            "choose datasets: --dataset NAME (it may be repeated), or --all",
        ),
        (["--all", "--format", "xlsx"], "--format xlsx: it must be one of csv, parquet"),
        (["--all", "--format", "parquet", "--bom"], "--bom goes with --format csv"),
        (["--dataset", "nope", "--format", "csv"], "--dataset nope: there is no such dataset; known are companies, "),
        (["--all", "--format", "csv", "--company", "nope"], "--company nope: there is no such company; known are "),
    ]:
        wrong = checkout.call("export", *days, *arguments, "--to-folder", "other")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert wrong.stderr.startswith(words), wrong.stderr
    assert not (folder / "other").exists()


def test_each_csv_begins_with_a_byte_order_mark_where_that_is_said(new_warehouse: Any, out: Path) -> None:
    """And is otherwise the same."""
    warehouse = new_warehouse("sqlite")
    fill(warehouse)
    for folder, has_mark in ((out, False), (out.with_name("marked"), True)):
        wanted = replace(order(folder, "companies", "event_participants", form="csv"), has_mark=has_mark)
        assert export(settings_of(warehouse), wanted, ["acme"]) == 0
    for path in out.rglob("*.csv"):
        marked = (out.with_name("marked") / path.relative_to(out)).read_bytes()
        assert marked == codecs.BOM_UTF8 + path.read_bytes()
    assert len(files(out)) == 4
