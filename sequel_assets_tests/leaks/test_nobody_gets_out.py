"""Two hundred planted people, every error path of the API, a real backfill and what comes after it: no byte tells of anybody."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse.tables.core import metadata
from sequel_assets_tests.leaks.front import ENDPOINTS, endpoint_of, standing_before
from sequel_assets_tests.leaks.planting import EVENT_STEM, STEM, needles, person
from sequel_assets_tests.leaks.scanning import found_in, leaks_below
from sequel_assets_tests.leaks.written_world import KINDS, OF_EVENTS, RANGE, Written, both, deliveries, sandbox, written
from sequel_assets_tests.support.commands.calls import call_in_process, environment

pytestmark = pytest.mark.slow

__all__ = ["sandbox", "written"]


def test_everybody_was_told_to_us(written: Written) -> None:
    """Else nothing would be proved: 200 people were named in errors, each kind of error was met, by each endpoint several."""
    assert written.front.people >= 200
    assert {kind for _, kind in written.front.told} == set(KINDS)
    assert {name for name, _ in written.front.told} >= {*OF_EVENTS, "sub_companies", "events"}
    assert sum(person(n).encode() in written.debug_file for n in range(300)) >= 150


def test_the_backfill_told_of_its_failures(written: Written) -> None:
    """What must not be told is not to be had by telling nothing."""
    assert "Traceback" not in written.texts["backfill"]
    reasons = {one["reason"] for one in json.loads(written.texts["status --json"])["problems"]}
    assert len(reasons) > 50
    assert any("quota" in reason for reason in reasons)
    assert "Sequel: job refresh_slices failed" in written.texts["alerts"]


@pytest.mark.parametrize("stem", [STEM, EVENT_STEM])
def test_no_command_and_no_alert_names_anybody(written: Written, stem: str) -> None:
    """Nor an event; not even escaped."""
    of_the_caller = {"exclude"} if stem == STEM else set()  # it repeats what its caller has typed
    assert [
        name for name, text in written.texts.items() if found_in(text.encode(), stem) and name not in of_the_caller
    ] == []


def test_no_byte_of_dagsters_home_names_anybody(written: Written) -> None:
    """Its event log, run logs, schedules and caches, as files and as values."""
    home = written.folder / ".sequel" / "dagster"
    assert len(list(home.rglob("*.db"))) > 10
    assert (leaks_below(home, STEM), leaks_below(home, EVENT_STEM)) == ([], [])


def test_no_file_of_an_export_names_anybody(written: Written) -> None:
    """Without permission for people; only the datasets that hold what events and polls are called hold that."""
    for form in ("csv", "parquet"):
        folder = written.folder / form
        assert len(list(folder.rglob("*.*"))) > 100
        assert [leak for leak in leaks_below(folder, STEM) if leak.split("/")[0] not in CALLED] == []
        assert {leak.split("/")[0] for leak in leaks_below(folder, EVENT_STEM)} <= CALLED


CALLED = {"events", "hub_rooms", "polls", "poll_options"}
"""Datasets with a column for what Sequel's customer called something. The names in this world name people to see where they go."""


def test_only_personal_columns_of_the_warehouse_hold_anybody(written: Written) -> None:
    """And the columns for what events, rooms and polls are called."""
    engine = sa.create_engine(f"sqlite:///{written.folder / '.sequel' / 'warehouse.db'}")
    holding = set()
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if column.info.get("personal") or (table.name, column.name) in CALLED_COLUMNS:
                    continue
                values = connection.scalars(sa.select(sa.cast(column, sa.Text)).where(column.is_not(None)))
                if any(found_in(str(value).encode(), stem) for value in values for stem in (STEM, EVENT_STEM)):
                    holding.add((table.name, column.name))
        people = connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["people"]))
    engine.dispose()
    assert holding == set()
    assert people >= 4


CALLED_COLUMNS = {("events", "name"), ("hub_rooms", "name"), ("polls", "question"), ("poll_options", "text")}


def test_the_receiver_names_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in an answer nor in its log nor in the inbox, whatever it is sent."""
    told = deliveries(tmp_path, caplog)
    assert "200 " in told
    assert "400 " in told
    assert found_in(told.encode(), STEM) is False
    assert leaks_below(tmp_path, STEM) == []


@pytest.mark.parametrize("kind", ["403 JSON", "200 HTML", "200 an object of people"])
def test_a_sign_in_that_fails_names_nobody(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """It ends the command, and its error is all that is told."""
    (tmp_path / "c").mkdir()
    with standing_before(sandbox.url, lambda endpoint, _: kind if endpoint == "token" else None) as front:
        url = f"http://127.0.0.1:{front.port}"
        env = environment(sandbox) | {"SEQUEL_API_URL": url, "SEQUEL_RETRY_BUDGET_SECONDS": "0", "NO_PROXY": "*"}
        done = call_in_process(["backfill", *RANGE], tmp_path / "c", env)
        assert (done.returncode, front.people) == (3, 1)
    assert found_in(both(done).encode(), STEM) is False
    assert leaks_below(tmp_path, STEM) == []


def test_the_scan_finds_what_there_is_to_be_found(tmp_path: Path) -> None:
    """In whatever spelling and packing it lies, also across the pages of a database."""
    who = person(1)
    hidden = {
        "plain": who.encode(), "upper": who.upper().encode(), "escaped": json.dumps({"a": who}).encode(),
        "percent": "".join(f"%{byte:02X}" for byte in who.encode()).encode(), "utf16": who.encode("utf-16"),
        "zlib": zlib.compress(who.encode()), **{f"base64-{n}": needles(STEM)[1 + n] for n in range(3)},
    }  # fmt: skip
    for name, content in hidden.items():
        (tmp_path / name).write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "long.db")) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 4050 + who + "y" * 9000,))
        connection.commit()
    (tmp_path / "nobody").write_bytes(b"somebody else")
    assert leaks_below(tmp_path, STEM) == sorted([*hidden, "long.db"])


def test_every_endpoint_is_known_to_the_front() -> None:
    """A path that it does not know would be answered by the sandbox, and tested by nobody."""
    from sequel_assets.sequel import Paths

    ids = dict.fromkeys(("company_id", "event_id", "hub_id", "subscription_id"), "x")
    unknown = {name for name, path in vars(Paths()).items() if endpoint_of(path.format(**ids))[0] != name}
    assert unknown == {"webhooks", "webhook", "renew_webhook", "lifetime_usage", "usage", "usage_by_day"}
    assert len(ENDPOINTS) == 13
