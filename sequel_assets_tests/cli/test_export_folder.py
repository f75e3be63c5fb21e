"""The folder of an export: a partition is replaced whole, nothing is left behind, nothing is written outside."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.dataset as arrow_dataset
import pytest
from pyarrow import parquet

from sequel_assets.cli.commands.export import export
from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.tables import TABLES
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.cli.exported_rows import files, fill, order, out, settings_of
from sequel_assets_tests.support.rows import ACME, AT, day, known_company

__all__ = ["out"]


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


def test_no_folder_is_named_as_a_column_is() -> None:
    """pandas, Athena and BigQuery refuse a column that is told twice."""
    assert {column.name for table in TABLES.values() for column in table.columns} & {"company", "date"} == set()
    assert all(schema_of(table.columns).names == table.columns.keys() for table in TABLES.values())


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
