"""The folder of a lake: what is refused and left alone, and what a killed export leaves."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sequel_assets.cli.lake.export import LakeOptions, export_lake
from sequel_assets.queries.errors import QueryError
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import warehouse_identity
from sequel_assets_tests.cli.exported_rows import out, settings_of
from sequel_assets_tests.cli.lake.lakes import (
    FACTS_OF_MARCH,
    change_minutes,
    contents,
    fill_months,
    make,
    manifest_of,
    rows_in,
)
from sequel_assets_tests.support.rows import AT, day

__all__ = ["out"]
MANIFEST = "manifest.json"
ANEW = (
    "it is gone or not as the export wrote it; if an export runs just now, ask again when it has ended, else delete the lake and export it "
    "again; the warehouse is not concerned"
)
ELSEWHERE = "nothing was changed; export to another folder"


def _manifest(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    def changed(lake: Path) -> None:
        found = json.loads((lake / MANIFEST).read_text())
        change(found)
        (lake / MANIFEST).write_text(json.dumps(found))

    return changed


def _facts(lake: Path) -> Path:
    (path,) = (lake / FACTS_OF_MARCH).iterdir()
    return path


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file of somebody": (
        lambda lake: (lake / "events" / "notes.csv").write_text("a"),
        "/events/notes.csv: no export of a lake wrote this; nothing was changed; move it elsewhere, or export to another folder",
    ),
    "files by day": (
        lambda lake: (lake / "events" / "part.parquet").write_text("a"),
        "/events/part.parquet: no export of a lake wrote this; nothing was changed; move it elsewhere, or export to another folder",
    ),
    "a link": (
        lambda lake: (lake / "event_hosts").symlink_to("/"),
        "/event_hosts: no export of a lake wrote this; nothing was changed; move it elsewhere, or export to another folder",
    ),
    "a shorter file": (lambda lake: _facts(lake).write_text("PAR1"), f"/{FACTS_OF_MARCH}/NAME: {ANEW}"),
    "a missing file": (lambda lake: _facts(lake).unlink(), f"/{FACTS_OF_MARCH}/NAME: {ANEW}"),
    "another version": (
        _manifest(lambda found: found.update(version=2)),
        "/manifest.json: it is of another version than 1, which this release reads; nothing was changed; use the release that wrote it, or "
        "export to another folder",
    ),
    "another thing": (
        lambda lake: (lake / MANIFEST).write_text('{"icons": []}'),
        f"/manifest.json: it is not the manifest of a lake but something else; {ELSEWHERE}",
    ),
    "no JSON": (
        lambda lake: (lake / MANIFEST).write_bytes(b"\xff{"),
        f"/manifest.json: it is not the manifest of a lake but something else; {ELSEWHERE}",
    ),
    "a way out of the lake": (
        _manifest(lambda found: found["files"][0].update(path="../../etc/passwd")),  # type: ignore[index]
        f"/manifest.json: somebody has changed it: files.0.path is wrong; {ELSEWHERE}",
    ),
    "another warehouse": (
        _manifest(lambda found: found["warehouse"].update(company_id="other")),  # type: ignore[attr-defined]
        f": this lake is of another warehouse (company, API host or person key differ); {ELSEWHERE}",
    ),
    "names in it": (
        _manifest(lambda found: found.update(with_people=True)),
        f": this lake was made with --with-people; {ELSEWHERE}, or give the same options",
    ),
}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("name", BAD)
def test_a_lake_that_is_not_as_an_export_left_it_is_refused_in_a_line_and_left_alone(
    warehouse: Warehouse, out: Path, name: str
) -> None:
    """Whatever changed in the warehouse meanwhile."""
    fill_months(warehouse)
    with warehouse.write() as connection:
        bulk.insert(connection, warehouse_identity, [("acme", "api.example", "f" * 32, 1, AT)])
    make(warehouse, out)
    spoil, said = BAD[name]
    facts = _facts(out).name
    spoil(out)
    before = contents(out)
    change_minutes(warehouse, day(0), 5)
    with pytest.raises(QueryError) as refused:
        make(warehouse, out)
    assert str(refused.value) == f"{out}{said.replace('NAME', facts)}"
    assert contents(out) == before


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_place_that_can_be_no_lake_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    """A file, another kind of address, an address with a password (which is not repeated)."""
    fill_months(warehouse)
    (tmp_path / "file").write_text("x")
    with pytest.raises(QueryError) as refused:
        make(warehouse, tmp_path / "file")
    assert str(refused.value) == f"{tmp_path / 'file'}: it is a file; give a folder for the lake"
    for where in ("gs://bucket/lake", "s3://", "s3://key:zq-secret@bucket/lake"):
        with pytest.raises(QueryError) as refused:
            make(warehouse, where)
        assert str(refused.value) == (
            "a lake is in a folder or in s3://BUCKET/PREFIX, without user or password; nothing was written"
        )


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_two_exports_into_one_lake_take_turns(warehouse: Warehouse, out: Path) -> None:
    """The second one is refused while the first one works."""
    fill_months(warehouse)
    make(warehouse, out)
    with (out / ".export.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(QueryError) as refused:
            make(warehouse, out)
    assert str(refused.value) == (
        f"{out}: another export writes into this lake just now; nothing was changed; run this again when that has ended"
    )
    make(warehouse, out)


def test_where_the_manifest_cannot_be_written_the_former_lake_is_whole(warehouse: Warehouse, out: Path) -> None:
    """The new files are there and belong to nothing; the next export that ends removes what is left."""
    fill_months(warehouse)
    make(warehouse, out)
    before = contents(out)
    change_minutes(warehouse, day(0), 5)
    (out / ".manifest.unfinished").mkdir()
    with pytest.raises(QueryError, match="the lake is as it was; run the same command again when that is repaired"):
        make(warehouse, out)
    after = contents(out)
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 2
    change_minutes(warehouse, day(0), 6)
    (out / ".manifest.unfinished").rmdir()
    make(warehouse, out)
    assert {row["engaged_minutes"] for row in rows_in(contents(out))["event_participants"]} == {6, 5, 99, 7}


EXPORT = """
import sys
from datetime import UTC, date, datetime
from sequel_assets import settings
from sequel_assets.cli.lake.export import LakeOptions, export_lake
own = settings.load(warehouse_url=sys.argv[1], start_date=date(2026, 3, 1), now=datetime(2026, 3, 4, tzinfo=UTC))
raise SystemExit(export_lake(own, LakeOptions(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_killed_export_leaves_the_former_lake_whole(warehouse: Warehouse, out: Path) -> None:
    """Killed as soon as it has written a file of its own; then the same export once more makes the new lake."""
    fill_months(warehouse)
    make(warehouse, out)
    before = contents(out)
    change_minutes(warehouse, day(0), 5)
    command = [sys.executable, "-c", EXPORT, warehouse.url.render_as_string(hide_password=False), str(out)]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while contents(out).keys() == before.keys() and time.monotonic() < until:
            time.sleep(0.0005)
    finally:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    after = contents(out)
    assert after.keys() != before.keys()
    for file in json.loads(after[MANIFEST])["files"]:
        assert hashlib.sha256(after[file["path"]]).hexdigest() == file["sha256"]
    assert export_lake(settings_of(warehouse), LakeOptions(str(out))) == 0
    manifest_of(contents(out))
    assert {row["engaged_minutes"] for row in rows_in(contents(out))["event_participants"]} == {5, 99, 7}
