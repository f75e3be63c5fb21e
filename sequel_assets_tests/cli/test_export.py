"""`sequel-assets export`: what is written where, what is left out and told, on both databases."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as arrow_dataset
import pytest
from pyarrow import parquet

from sequel_assets import settings as settings_module
from sequel_assets.cli.commands.export import export
from sequel_assets.cli.commands.export_options import TABLES, ExportOptions
from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.tabular import schema_of
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.replacement import day_end
from sequel_assets.warehouse.stores import availability, catalog
from sequel_assets.warehouse.tables.company_lists import registrants
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, events, people, refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages, questions
from sequel_assets_tests.cli.test_cli import Checkout
from sequel_assets_tests.support.rows import ACME, AT, day, known_company, participant, settle_in

BOLT = "bolt"
EACH = {ACME: "acme.0", BOLT: "bolt.0"}
SECRETS = ("zebulon", "zq@mail.example", "crm-77", "what was asked", "what was said", "what was answered")
NOW = datetime(2026, 3, 4, 0, 20, tzinfo=UTC)
FACTS = [
    participant("e1", "p1", 30, 12, on=day(0)),
    participant("e1", "p2", 10, on=day(0)),
    participant("e1", "p1", 0, 5, on=day(2)),
]


def settings_of(warehouse: Warehouse, now: datetime = NOW) -> settings_module.Settings:
    """Settings for this warehouse."""
    url = warehouse.url.render_as_string(hide_password=False)
    return settings_module.load(warehouse_url=url, start_date=day(0), now=now)


def book(
    warehouse: Warehouse, dataset: str, days: Sequence[date], *, company_id: str = ACME, through: datetime | None = None
) -> None:
    """Write that slices were refreshed, each to its day's end unless told otherwise."""
    with warehouse.write() as connection:
        for each in days:
            moment = through or (AT if each == NO_DAY else day_end(each))
            row = (company_id, dataset, each, AT, moment, moment, False, 0, "sum", None, "run")
            bulk.insert(connection, refreshes, [row])


def fill(warehouse: Warehouse) -> None:
    """Two companies; of Acme days 0, 1 (nobody came) and 2 are whole, day 3 is not though it has a row. Bolt has nothing."""
    settle_in(warehouse, {"e1": "virtualStageEvent"})
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company(BOLT)], at=AT)
        bulk.insert(connection, event_participants, [*FACTS, participant("e1", "p9", 99, on=day(3))])
        bulk.insert(connection, people, [(ACME, "p1", "zq@mail.example", "Zebulon", "crm-77", day(0))])
        bulk.insert(
            connection,
            questions,
            [(ACME, day(0), "e1", "q1", "p1", "what was asked", None, "what was answered", AT, 3)],
        )
        bulk.insert(connection, chat_messages, [(ACME, day(0), "e1", "m1", 1, "p1", "what was said", AT)])
        bulk.insert(connection, registrants, [(ACME, "e1", "p1", None, True, '{"why": "what was said"}', AT)])
        bulk.insert(
            connection, refreshes, [(ACME, "event_participants", day(3), AT, None, None, False, 1, "sum", None, "run")]
        )
    book(warehouse, "event_participants", [day(0), day(1), day(2)])
    book(warehouse, "questions", [day(0)])
    book(warehouse, "chat_messages", [day(0)])
    for name in (events.name, registrants.name):
        book(warehouse, name, [NO_DAY])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder that is exported to."""
    return tmp_path / "out"


def order(
    folder: Path, *datasets: str, last: date | None = None, form: str = "parquet", with_people: bool = False
) -> ExportOptions:
    """An order from the first day on."""
    return ExportOptions(datasets, day(0), last or day(2), form, folder, with_people)


def files(folder: Path) -> list[str]:
    """Every file, by its place beneath the folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


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


def test_a_partition_is_replaced_whole_or_stays(
    warehouse: Warehouse, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are no more go; a write that fails in the middle leaves the file of before, and nothing else."""
    fill(warehouse)
    wanted = order(out, "event_participants", last=day(0))
    assert export(settings_of(warehouse), wanted, ["acme"]) == 0
    (path,) = out.rglob("*.parquet")
    assert parquet.read_table(path)["person_id"].to_pylist() == ["p1", "p2"]
    with warehouse.write() as connection:
        connection.execute(event_participants.delete().where(event_participants.c.person_id == "p2"))
    before = path.read_bytes()
    real = tabular.write

    def breaks(file: Any, *arguments: Any) -> int:
        real(file, *arguments)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(tabular, "write", breaks)
        with pytest.raises(OSError, match="No space"):
            export(settings_of(warehouse), wanted, ["acme"])
    assert path.read_bytes() == before
    assert files(out) == [str(path.relative_to(out))]
    assert export(settings_of(warehouse), wanted, ["acme"]) == 0
    assert parquet.read_table(path)["person_id"].to_pylist() == ["p1"]
    assert files(out) == [str(path.relative_to(out))]


def test_what_a_killed_export_left_is_removed_by_the_next_one(warehouse: Warehouse, out: Path) -> None:
    """And nothing of one that is still at work, or of another machine."""
    fill(warehouse)
    wanted = order(out, "event_participants", last=day(0))
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    killed, at_work = subprocess.Popen(sleeping), subprocess.Popen(sleeping)
    try:
        killed.kill()
        killed.wait()
        theirs = [wanted.unfinished(at_work.pid), out / f".unfinished.elsewhere.{killed.pid}"]
        for folder in (wanted.unfinished(killed.pid), wanted.unfinished(os.getpid()), *theirs):
            folder.mkdir(parents=True)
            (folder / "part.parquet").write_bytes(b"PAR1 and no mo")
        assert export(settings_of(warehouse), wanted, ["acme"]) == 0
    finally:
        for process in (killed, at_work):
            process.kill()
            process.wait()
    place = f"event_participants/company=acme.0/date={day(0)}/part.parquet"
    assert files(out) == sorted([place, *(f"{folder.name}/part.parquet" for folder in theirs)])
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(folder.name for folder in theirs), "event_participants"]
    )
    assert arrow_dataset.dataset(out / "event_participants").to_table().num_rows == 2


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


def test_no_folder_is_named_as_a_column_is() -> None:
    """pandas, Athena and BigQuery refuse a column that is told twice."""
    assert {column.name for table in TABLES.values() for column in table.columns} & {"company", "date"} == set()
    assert all(schema_of(table.columns).names == table.columns.keys() for table in TABLES.values())


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


@pytest.mark.parametrize(
    "key", ["../../../x.4813494d", "/tmp/x.4813494d", "a/../b.0", "..", "a\0b", "\x1b]0;x\x07", "a\nb"]
)
def test_a_key_that_leads_elsewhere_writes_nothing(new_warehouse: Any, out: Path, key: str) -> None:
    """An older release took such keys over from Dagster; the line names the key that the company would have."""
    warehouse = new_warehouse("sqlite")
    with warehouse.write() as connection:
        catalog.save_companies(connection, [replace(known_company(ACME), partition_key=key)], at=AT)
    with pytest.raises(UsageError) as refused:
        export(settings_of(warehouse), order(out, "companies"), [])
    assert str(refused.value) == (
        f"company acme: its partition key {visible(key)} was not generated here and leads to another folder; nothing was "
        f"written; set companies.partition_key to {PartitionKeys({}, ()).of(ACME, known_company(ACME).name)}, then run: sequel-assets repair"
    )
    assert not out.exists()


@pytest.mark.parametrize("linked", ["companies", "companies/company=acme.0", "companies/company=acme.0/part.csv"])
def test_a_link_in_the_folder_is_not_followed_out_of_it(
    new_warehouse: Any, tmp_path: Path, out: Path, linked: str
) -> None:
    """The folder itself may be one; a link that stays within is followed."""
    warehouse, elsewhere = new_warehouse("sqlite"), tmp_path / "elsewhere"
    fill(warehouse)
    elsewhere.mkdir()
    (tmp_path / "real").mkdir()
    out.symlink_to(tmp_path / "real")
    wanted = order(out, "companies", form="csv")
    (out / linked).parent.mkdir(parents=True, exist_ok=True)
    (out / linked).symlink_to(elsewhere / "part.csv" if linked.endswith(".csv") else elsewhere)
    with pytest.raises(UsageError, match=r"a link there leads out of .*/real; no file was written through it"):
        export(settings_of(warehouse), wanted, [ACME])
    assert list(elsewhere.iterdir()) == []
    assert [path for path in out.iterdir() if path.name.startswith(".unfinished")] == []
    (out / linked).unlink()
    assert export(settings_of(warehouse), wanted, [ACME]) == 0
    assert (tmp_path / "real" / "companies" / "company=acme.0" / "part.csv").is_file()


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
