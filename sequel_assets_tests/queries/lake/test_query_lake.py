"""`sequel-assets query --engine duckdb --lake`: the words of the warehouse, the lake's own state, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope, select_usage
from sequel_assets.queries.engines.duckdb_lake import opened_lake
from sequel_assets.queries.errors import QueryError
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import event_participants, people
from sequel_assets_tests.cli.lake.lakes import recount_slices
from sequel_assets_tests.cli.test_cli_query import DAYS, ENV, FIRST, MINUTE, ROWS
from sequel_assets_tests.insights.test_companies import land
from sequel_assets_tests.support.commands.calls import run_command

OF_RANGE = ["--from", "2026-03-01", "--to", "2026-03-03"]
ASKED = (
    ["usage", "--company", "root.0", *OF_RANGE, "--beneath", "--format", "json"],
    ["usage", "--company", "sub.0", *OF_RANGE],
    ["participants", "--company", "sub.0", *OF_RANGE, "--format", "csv"],
    ["top", "--company", "root.0", *OF_RANGE, "--beneath", "--limit", "2", "--with-people"],
    ["peak", "--company", "sub.0", *OF_RANGE, "--format", "json"],
    ["rollup", "--company", "root.0", *OF_RANGE, "--format", "json"],
    ["compare", "--company", "root.0", "--day", "2026-03-03", "--period", "month", "--beneath", "--format", "json"],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, template: Callable[[str], str]) -> Path:
    """A folder with a warehouse of a root and a sub-company, and a lake of it with names and one without."""
    place = tmp_path_factory.mktemp("query-lake")
    (place / "warehouse.db").write_bytes(Path(template("sqlite")).read_bytes())
    warehouse = Warehouse(f"sqlite:///{place / 'warehouse.db'}")
    land(warehouse, ROWS, [("sub", FIRST, "e1", MINUTE, 9)], of=["root", "sub"], days=DAYS, not_closed=DAYS[1:])
    with warehouse.write() as connection:
        bulk.insert(connection, company_parents, [("root", FIRST, None), ("sub", FIRST, "root")])
        bulk.insert(connection, people, [("sub", who, f"{who}@mail.example", f"={who}", None, FIRST) for who in "abc"])
    recount_slices(warehouse)
    warehouse.dispose()
    chosen = {
        "lake": ["--with-people"], "no names": [], "peaks": ["--dataset", "event_concurrency"],
        "facts": ["--dataset", "event_participants", "--with-people"],
    }  # fmt: skip
    for name, options in chosen.items():
        what = [] if "--dataset" in options else ["--all"]
        assert call(place, "export", "--layout", "lake", "--out", name, *what, *options) == (0, "", "")
    return place


def call(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Call a command; its exit code and what it says. What an export says is not of interest here."""
    env = ENV | {"SEQUEL_WAREHOUSE_URL": f"sqlite:///{folder / 'warehouse.db'}"}
    done = run_command(list(arguments), folder, env)
    return done.returncode, "" if arguments[0] == "export" and not done.returncode else done.stdout, done.stderr


@pytest.mark.parametrize("arguments", ASKED, ids=lambda asked: asked[0])
def test_duckdb_says_word_for_word_what_the_warehouse_says(folder: Path, arguments: list[str]) -> None:
    """Numbers, names, types, and the warnings about what is missing or open."""
    by_warehouse = call(folder, "query", *arguments)
    assert by_warehouse[0] == 0
    assert call(folder, "query", *arguments, "--engine", "duckdb", "--lake", "lake") == by_warehouse


def test_a_lake_answers_without_its_warehouse_and_for_the_time_of_its_export(folder: Path, tmp_path: Path) -> None:
    """What the warehouse has learned since is not in it, and what was missing then is said to be missing."""
    shutil.copytree(folder / "lake", tmp_path / "lake")
    asked = ["query", "usage", "--company", "sub.0", *OF_RANGE]
    expected = call(folder, *asked)
    assert call(tmp_path, *asked, "--engine", "duckdb", "--lake", "lake") == expected
    assert not (tmp_path / "warehouse.db").exists()


@pytest.mark.slow
def test_a_process_of_its_own_says_nothing_else(folder: Path) -> None:
    """DuckDB would print what is left at its end as leaks."""
    asked = ["query", *ASKED[5]]
    env = ENV | {"SEQUEL_WAREHOUSE_URL": f"sqlite:///{folder / 'warehouse.db'}"}
    done = run_command([*asked, "--engine", "duckdb", "--lake", "lake"], folder, env, is_fresh=True)
    assert (done.returncode, done.stdout, done.stderr) == call(folder, *asked)


REFUSED = {
    "no lake": (["usage", "--engine", "duckdb"], "--engine duckdb (or spark) and --lake FOLDER go together; sequel-assets export --layout lake makes a lake"),
    "no engine": (["usage", "--lake", "lake"], "--engine duckdb (or spark) and --lake FOLDER go together; sequel-assets export --layout lake makes a lake"),
    "nothing there": (
        ["usage", "--engine", "duckdb", "--lake", "nothing"],
        "nothing: there is no lake; make one: sequel-assets export --layout lake --all --out FOLDER",
    ),
    "no names": (
        ["top", "--with-people", "--engine", "duckdb", "--lake", "no names"],
        "no names: this lake has no names or e-mails; it was made without --with-people",
    ),
    "no people": (
        ["top", "--with-people", "--engine", "duckdb", "--lake", "facts"],
        "facts: this lake has no people; make one with --all, or with that dataset",
    ),
    "no facts": (
        ["usage", "--engine", "duckdb", "--lake", "peaks"],
        "peaks: this lake has no event_participants; make one with --all, or with that dataset",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_lake_that_cannot_answer_says_so_in_a_line(folder: Path, name: str) -> None:
    """Never with a nought."""
    arguments, said = REFUSED[name]
    code, out, error = call(folder, "query", *arguments, "--company", "sub.0", *OF_RANGE)
    assert (code, out, error) == (2, "", said + "\n")


def test_an_export_of_a_lake_refuses_a_part_of_the_companies_or_days(folder: Path) -> None:
    """Sums over such a lake would be wrong, and look right."""
    part = ["--from", "2026-03-01", "--company", "sub.0"]
    said = call(folder, "export", "--layout", "lake", "--out", "part", "--all", *part)
    assert said == (
        2, "",
        "--from, --company: a lake has every company and the whole history, so that sums over it are right; leave it out\n",
    )  # fmt: skip
    assert not (folder / "part").exists()
    by_day = call(folder, "export", "--all", "--from", "2026-03-01", "--out", "part")
    assert by_day == (2, "", "--to is missing; only --layout lake goes without it; see sequel-assets export --help\n")


def test_a_lake_of_a_release_with_other_tables_is_exported_again_before_it_answers(
    folder: Path, tmp_path: Path
) -> None:
    """A table that it lacks would be empty. The export is not refused: it writes what differs."""
    shutil.copytree(folder / "lake", tmp_path / "lake")
    shutil.copy(folder / "warehouse.db", tmp_path)
    manifest = tmp_path / "lake" / "manifest.json"
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(found | {"tables_checksum": "other", "release": "0.1.7"}))
    asked = ["query", *ASKED[0], "--engine", "duckdb", "--lake", "lake"]
    assert call(tmp_path, *asked) == (
        2, "",
        "lake: this lake has other tables than this release, it was written by 0.1.7; export it again with this release, then ask\n",
    )  # fmt: skip
    assert call(tmp_path, "export", "--layout", "lake", "--all", "--with-people", "--out", "lake") == (0, "", "")
    assert json.loads(manifest.read_text())["tables_checksum"] == found["tables_checksum"]
    assert call(tmp_path, *asked) == call(folder, *asked)


def test_what_duckdb_cannot_do_is_a_line(folder: Path) -> None:
    """Its own words may quote a row, and are not repeated."""
    with opened_lake(str(folder / "lake")) as lake:
        spoilt = sa.select(sa.cast(people.c.person_id, sa.BigInteger).label("n"))
        with pytest.raises(QueryError) as refused:
            lake.execute(spoilt)
    assert str(refused.value) == (
        f"{folder / 'lake'}: DuckDB could not answer (ConversionException), for want of memory or disk perhaps; ask about fewer days, or the "
        "warehouse"
    )


def test_a_question_about_days_that_were_not_opened_is_an_error_of_the_program(folder: Path) -> None:
    """Files of other months are not read, so the answer would lack them."""
    with opened_lake(str(folder / "lake"), Days(FIRST, FIRST)) as lake, pytest.raises(ValueError, match="another day"):
        lake.execute(select_usage(Scope("root", Days(FIRST, date(2026, 3, 2)))))


def test_only_files_of_the_months_and_companies_asked_about_are_read(folder: Path, tmp_path: Path) -> None:
    """A spoilt file of another company does not matter to who asks about one."""
    shutil.copytree(folder / "lake", tmp_path / "lake")
    (spoilt,) = (tmp_path / "lake" / event_participants.name / "company=root.0" / "month=2026-03").iterdir()
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"\0")
    asked = ["query", "usage", *OF_RANGE, "--engine", "duckdb", "--lake", "lake"]
    assert call(tmp_path, *asked, "--company", "sub.0") == call(folder, *asked, "--company", "sub.0")
    code, out, error = call(tmp_path, *asked, "--company", "root.0", "--beneath")
    assert (code, out) == (2, "")
    assert error.startswith(f"lake/{spoilt.relative_to(tmp_path / 'lake')}: it is gone or not as the export wrote it")


def test_duckdb_has_nothing_but_what_is_in_its_wheel_and_fetches_nothing(folder: Path) -> None:
    """An extension would be a program from the network."""
    with opened_lake(str(folder / "lake")) as lake:
        lake.execute(select_usage(Scope("root", Days(FIRST, FIRST))))
        loaded = lake.duck.sql("SELECT extension_name, install_mode FROM duckdb_extensions() WHERE loaded").fetchall()
        settings = lake.duck.sql(
            "SELECT name, value FROM duckdb_settings() WHERE name IN "
            "('autoinstall_known_extensions', 'autoload_known_extensions', 'allow_community_extensions')"
        ).fetchall()
    assert {mode for _, mode in loaded} == {"STATICALLY_LINKED"}
    assert {value for _, value in settings} == {"false"}
