"""`sequel-assets backfill` that works: what it says and which tables it comes to."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.warehouse.tables.core import NO_DAY, companies, refreshes
from sequel_assets_tests.cli.checkout import RANGE, SAID, Checkout, tables
from sequel_assets_tests.support.small_world import ACME, BOLT, PERSONAL, ROOT
from sequel_assets_tests.support.stage import files_below, rows_of

pytestmark = pytest.mark.slow
EACH = 3 * len(SLICED)
"""Slices of a company in that range."""


def test_a_backfill_fills_the_tables_and_says_so_plainly(whole: Checkout) -> None:
    """Exit 0; a line per company and a table, without colours or progress where there is no terminal."""
    said = (whole.folder.parent / SAID).read_text()
    assert "\x1b" not in said
    assert "\r" not in said
    lines = said.splitlines()
    done = re.compile(
        r"([a-z-]+)\.[0-9a-f]{8}: (\d+) slices, 0 failed, \d+ requests, run [0-9a-f-]{36}; "
        r"all: \d+ requests, \d+/s, about (\d+) left, \d:\d\d:\d\d"
    )
    told = [done.fullmatch(line) for line in lines[:3]]
    assert {line[1]: int(line[2]) for line in told if line} == {
        "root": EACH - 3,  # its roll-ups come with the last company beneath it
        "acme-events": EACH,
        "bolt": EACH,
    }
    assert told[-1] is not None
    assert told[-1][3] == "0"
    counted = [re.findall(r"\d+", line.partition("│")[2].partition("│")[2]) for line in lines if line.startswith("│ ")]
    assert counted == [[str(number), "0", "0", "0", "0"] for number in (EACH, EACH, EACH, 3 * EACH)]
    minutes = {(row[0], str(row[1])): row[4:] for row in rows_of(whole.url, SLICED[0]) if row[0] == BOLT}
    assert [str(row[1]) for row in rows_of(whole.url, SLICED[0])] == [
        "2026-03-01",
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
    ]
    assert minutes == {(BOLT, "2026-03-03"): ("virtualStageEvent", 20, 0, 20)}
    assert [word for word in PERSONAL if word in said.lower()] == []


def test_a_backfills_runs_are_dagsters_runs(whole: Checkout) -> None:
    """One per company, successful, visible in the UI, their slices green."""
    assert whole.runs() == ["SUCCESS"] * 3
    with whole.dagster() as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("lifetime_usage"))) == 9
        assert instance.get_latest_materialization_event(dg.AssetKey("companies")) is not None


def test_the_second_backfill_changes_no_row(whole: Checkout, checkout: Checkout) -> None:
    """Every slice says unchanged."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")
    done = checkout.call(*RANGE)
    assert done.returncode == 0
    (total,) = [line for line in done.stdout.splitlines() if line.startswith("│ all ")]
    assert re.findall(r"\d+", total) == ["0", str(3 * EACH), "0", "0", "0"]
    assert tables(checkout.url) == tables(whole.url)


def test_companies_are_chosen_by_id_key_or_unique_name(whole: Checkout, checkout: Checkout) -> None:
    """An id with a slash, a percent sign, a bar and an umlaut too; twice is once; nobody else's slices are touched."""
    keys = {company_id: key for company_id, key, *_ in rows_of(whole.url, companies)}
    done = checkout.call(*RANGE, "--company", ACME, "--company", keys[ACME], "--company", " Bolt ")
    assert done.returncode == 0, done.stderr
    assert {row[0] for row in rows_of(checkout.url, refreshes) if row[2] != NO_DAY} == {ACME, BOLT}
    assert len(checkout.runs()) == 2
    assert tables(checkout.url) == {
        name: [row for row in rows if row[0] != ROOT or name == "companies"] for name, rows in tables(whole.url).items()
    }


def test_a_backfill_into_postgresql_comes_to_the_same_tables(
    whole: Checkout, checkout: Checkout, new_database: Callable[..., str]
) -> None:
    """By a plain postgresql:// URL, without any table before; Dagster keeps its own SQLite."""
    url = new_database("postgresql", migrated=False)
    assert url.startswith("postgresql://")
    done = checkout.call(*RANGE, SEQUEL_WAREHOUSE_URL=url)
    assert done.returncode == 0, done.stderr
    assert tables(url) == tables(whole.url)
    assert not (checkout.folder / ".sequel" / "warehouse.db").exists()


@pytest.mark.scenario
def test_two_backfills_at_once_come_to_the_tables_of_one(whole: Checkout, checkout: Checkout) -> None:
    """In a fresh folder: both make the warehouse and Dagster's databases, and neither is in the other's way."""
    both = [checkout.start(*RANGE, is_fresh=True) for _ in range(2)]
    said = [process.communicate(timeout=90) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert tables(checkout.url) == tables(whole.url)
    assert checkout.runs() == ["SUCCESS"] * 6


@pytest.mark.scenario
def test_nothing_is_written_outside_what_the_settings_name(checkout: Checkout, tmp_path: Path) -> None:
    """DAGSTER_HOME and the warehouse elsewhere: the working directory and the home directory stay as they are."""
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    before = files_below(checkout.folder, checkout.home)
    told = {
        "DAGSTER_HOME": str(elsewhere),
        "SEQUEL_WAREHOUSE_URL": f"sqlite:///{elsewhere / 'w.db'}",
        "TMPDIR": str(tmp_path),
    }
    done = checkout.call(
        "backfill", "--from", "2026-03-03", "--to", "2026-03-03", "--company", "Bolt", is_fresh=True, **told
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert files_below(checkout.folder, checkout.home) == before == set()
    assert checkout.runs(elsewhere) == ["SUCCESS"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [checkout.folder.name, checkout.home.name, "else where"]
    )
