"""`sequel-assets query`: what people and programs get, how doubts are said, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from pyarrow import parquet

from sequel_assets.cli.commands.query_output import has_minutes_of_both
from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import MINUTES, companies, event_concurrency, people, refreshes
from sequel_assets_tests.insights.test_companies import land
from sequel_assets_tests.support.commands.calls import run_command
from sequel_assets_tests.support.rows import HUB, participant

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 3)
DAYS = [FIRST, LAST]  # the 2nd was never asked
MINUTE = datetime.combine(FIRST, time(9, 7), UTC)
ROWS = [
    participant("e1", "a", 12, 3, on=FIRST, company_id="root"),
    participant("e1", "a", 5, on=LAST, company_id="sub"),
    participant("e1", "b", 20, on=LAST, company_id="sub"),
    participant("h1", "c", 4, on=FIRST, kind=HUB, company_id="sub"),
]
ENV = {
    "SEQUEL_CLIENT_ID": "id",
    "SEQUEL_CLIENT_SECRET": "zq-secret-of-the-tests",
    "SEQUEL_COMPANY_ID": "root",
    "SEQUEL_PERSON_KEY": "zq-person-key-0123456789-0123456789-zq",
    "SEQUEL_START_DATE": "2026-02-01",
    "SEQUEL_NOW": "2026-03-04T10:00:00Z",
}
NO_PEAK = (
    "a peak is of the live minutes of stage events: Sequel has no concurrency of hubs or replays; "
    "leave out the event type networkingHub and the engagement type onDemand"
)
COMPARED = {
    "day": "2026-03-03", "period": "day", "is_over": True, "first_day": "2026-03-03", "is_complete": False,
    "live_minutes": 25, "on_demand_minutes": 0, "engaged_minutes": 25, "unique_users": 2, "events": 1,
    "average_engaged_minutes": 12.5, "engaged_minutes_per_day": 25.0, "has_unlisted_people": False,
}  # fmt: skip
NOTHING_BEFORE = {
    "before_is_complete": False, "before_live_minutes": None, "before_on_demand_minutes": None,
    "before_engaged_minutes": None, "before_unique_users": None, "before_events": None,
    "before_average_engaged_minutes": None, "before_engaged_minutes_per_day": None,
    "engaged_minutes_change": None, "events_change": None, "unique_users_change": None,
    "before_has_unlisted_people": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, template: Callable[[str], str]) -> Path:
    """A folder with a warehouse: a root, and a sub-company whose name a spreadsheet would compute."""
    place = tmp_path_factory.mktemp("query")
    (place / "warehouse.db").write_bytes(Path(template("sqlite")).read_bytes())
    warehouse = Warehouse(f"sqlite:///{place / 'warehouse.db'}")
    land(warehouse, ROWS, [("sub", FIRST, "e1", MINUTE, 9)], of=["root", "sub"], days=DAYS, not_closed=[LAST])
    with warehouse.write() as connection:
        bulk.insert(connection, company_parents, [("root", FIRST, None), ("sub", FIRST, "root")])
        connection.execute(companies.update().where(companies.c.company_id == "sub").values(name="Sub"))
        named = {"company_id": "sub", "external_id": None, "named_on": FIRST}
        known = [{"person_id": who, "email": f"{who}@mail.example", "name": f"={who}"} for who in "abc"]
        connection.execute(people.insert(), [named | one for one in known])
    warehouse.dispose()
    return place


def query(
    folder: Path, *arguments: str, code: int = 0, days: tuple[str, ...] = ("2026-03-01", "2026-03-03")
) -> tuple[str, list[str]]:
    """Run it on the warehouse; return what it says, and its lines on the standard error."""
    env = ENV | {"SEQUEL_WAREHOUSE_URL": f"sqlite:///{folder / 'warehouse.db'}"}
    asked = [
        f"{option}={day}" for option, day in zip(("--from", "--to") if len(days) > 1 else ("--day",), days, strict=True)
    ]
    done = run_command(["query", *arguments, *asked], folder, env)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr.splitlines()


def test_a_rollup_as_json_has_its_numbers_and_how_far_they_go(folder: Path) -> None:
    """Person a is one though seen in two companies; a day is missing, another has not closed, and both are named."""
    said, doubts = query(folder, "rollup", "--company", "root.0", "--format", "json")
    assert json.loads(said) == {
        "company_id": "root", "company": "root.0", "beneath": True, "companies": 2, "from": "2026-03-01",
        "to": "2026-03-03", "event_type": "all", "engagement_type": "all", "complete": False,
        "data_through": "2026-03-03T23:00:00+00:00", "missing_days": ["2026-03-02"], "not_closed_days": ["2026-03-03"],
        "quarantined_days": [],
        "rows": [
            {"event_type": kind, "live_minutes": live, "on_demand_minutes": replay, "engaged_minutes": live + replay,
             "unique_users": users, "average_engaged_minutes": average, "events": events, "companies": 2,
             "has_unlisted_people": False,
             "peak_users": top, "peak_at": top and "2026-03-01T09:07:00+00:00",
             "data_through": "2026-03-03T23:00:00+00:00"}
            for kind, live, replay, users, average, events, top in (
                ("all", 41, 3, 3, 14.67, 3, 9), ("networkingHub", 4, 0, 1, 4.0, 1, None),
                ("virtualStageEvent", 37, 3, 2, 20.0, 2, 9),
            )
        ],
    }  # fmt: skip
    assert doubts == [
        "incomplete: 1 of 3 days have no facts of every company (2026-03-02 first): never requested, failed, or forgotten by "
        "Sequel; what is known is counted; see sequel-assets status",
        "provisional: 1 of 3 days have not closed (2026-03-03 first); everything is counted through 2026-03-03 23:00 UTC",
    ]


def test_usage_as_a_table_is_the_companys_own_and_filtered(folder: Path) -> None:
    """Nothing is doubted of a day that is known and closed."""
    said, doubts = query(
        folder,
        "usage",
        "--company",
        "sub",
        "--engagement-type",
        "live",
        "--event-type",
        "networkingHub",
        days=("2026-03-01", "2026-03-01"),
    )
    assert doubts == []
    assert "Usage of sub.0, 2026-03-01 to 2026-03-01" in said
    row = next(line for line in said.splitlines() if "networkingHub" in line)
    assert [cell.strip() for cell in row.strip("│┃ ").split("│")] == [
        "networkingHub",
        "4",
        "0",
        "4",
        "1",
        "4.00",
        "1",
        "False",
    ]


def test_minutes_that_were_both_live_and_on_demand_are_said_to_count_once() -> None:
    """Only where there are some, and all three kinds of minutes are shown."""
    columns = [*daily_usage.columns]
    names = [column.name for column in columns]
    rows = [
        [dict(zip(MINUTES, minutes, strict=True)).get(name, 1) for name in names]
        for minutes in ((60, 48, 63), (4, 0, 4))
    ]
    assert has_minutes_of_both(columns, rows)
    assert not has_minutes_of_both(columns, rows[1:])
    assert not has_minutes_of_both([daily_usage.c.live_minutes, daily_usage.c.on_demand_minutes], [(1, 1)])


def test_names_come_only_with_people_and_do_no_harm_in_a_spreadsheet(folder: Path) -> None:
    """A name that begins with = is told with an apostrophe in front."""
    plain, _ = query(folder, "top", "--company", "Sub", "--limit", "1", "--format", "csv")
    assert list(csv.DictReader(io.StringIO(plain))) == [
        {"rank": "1", "person_id": "b", "live_minutes": "20", "on_demand_minutes": "0", "engaged_minutes": "20",
         "events": "1", "days": "1", "first_day": "2026-03-03", "last_day": "2026-03-03"}
    ]  # fmt: skip
    named, _ = query(folder, "participants", "--company", "root", "--beneath", "--with-people", "--format", "csv")
    told = [(row["person_id"], row["name"], row["email"]) for row in csv.DictReader(io.StringIO(named))]
    assert told == [(who, f"'={who}", f"{who}@mail.example") for who in "abc"]


def test_parquet_keeps_the_types(folder: Path, tmp_path: Path) -> None:
    """A moment is one in UTC, a count a whole number."""
    file = tmp_path / "peak.parquet"
    file.touch()
    before = file.stat().st_ino
    said, _ = query(folder, "peak", "--company", "sub", "--format", "parquet", "--out", str(file))
    assert said == f"1 rows in {file}\n"
    assert file.stat().st_ino != before  # written beside it, and moved to its place
    assert parquet.read_table(file).to_pylist() == [{"peak_users": 9, "peak_at": MINUTE}]


def test_a_rollup_is_incomplete_where_concurrency_alone_is(folder: Path, tmp_path: Path) -> None:
    """A peak of the other days is not the peak; who asks for no peak is not told."""
    shutil.copyfile(folder / "warehouse.db", tmp_path / "warehouse.db")
    warehouse, r = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}"), refreshes.c
    with warehouse.write() as connection:
        connection.execute(refreshes.delete().where(r.company_id == "sub", r.dataset == event_concurrency.name))
    warehouse.dispose()
    arguments, day = ("rollup", "--company", "root", "--format", "json"), ("2026-03-01", "2026-03-01")
    said, doubts = query(tmp_path, *arguments, days=day)
    assert (json.loads(said)["missing_days"], len(doubts)) == (["2026-03-01"], 1)
    for option in ("--event-type=networkingHub", "--engagement-type=onDemand"):
        said, doubts = query(tmp_path, *arguments, option, days=day)
        assert (json.loads(said)["complete"], doubts) == (True, [])


def test_a_comparison_tells_both_ranges_and_no_change_of_what_is_not_whole(folder: Path) -> None:
    """As JSON a row each, as a table a line for each column; what is doubted of a range compared with names it."""
    arguments = ("compare", "--company", "sub", "--period", "day")
    said, doubts = query(folder, *arguments, "--format", "json", days=("2026-03-03",))
    told = json.loads(said)
    assert told.pop("rows") == [
        COMPARED | {"compared_with": how, "before_first_day": day, "before_last_day": day} | NOTHING_BEFORE
        for how, day in (("previous", "2026-03-02"), ("year_before", "2025-03-03"))
    ]
    assert (told["from"], told["to"], told["not_closed_days"]) == ("2026-03-03", "2026-03-03", ["2026-03-03"])
    assert [line.split(" of ")[0] for line in doubts] == [
        "provisional: 1", "2026-03-02 to 2026-03-02: incomplete: 1", "2025-03-03 to 2025-03-03: incomplete: 1",
    ]  # fmt: skip
    said, _ = query(folder, *arguments, days=("2026-03-03",))
    lines = [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in said.splitlines()]
    assert ["compared_with", "previous", "year_before"] in lines
    assert ["engaged_minutes_per_day", "25.00", "25.00"] in lines
    _, doubts = query(folder, *arguments, days=("2026-03-05",), code=2)
    assert doubts == ["--day 2026-03-05 is in the future; today is 2026-03-04 (UTC)"]


@pytest.mark.parametrize(
    ("arguments", "days", "words"),
    [
        (["usage", "--company", "nobody"], ("2026-03-01", "2026-03-03"), "--company nobody: there is no such company; known are root.0, sub.0"),
        (["usage", "--company", "root"], ("2026-03-03", "2026-03-01"), "--from 2026-03-03 is after --to 2026-03-01; give the earlier day first"),
        (["usage", "--company", "root"], ("2026-03-03", "2026-03-05"), "--to 2026-03-05 is in the future; today is 2026-03-04 (UTC)"),
        (["usage", "--company", "root"], ("3 March", "2026-03-05"), "--from 3 March: it must be a day (UTC) such as 2026-11-23, without time or zone"),
        (["peak", "--company", "root", "--event-type", "networkingHub"], ("2026-03-01", "2026-03-01"), NO_PEAK),
        (["peak", "--company", "root", "--engagement-type", "onDemand"], ("2026-03-01", "2026-03-01"), NO_PEAK),
        (["peak", "--company", "root", "--out", "x"], ("2026-03-01", "2026-03-01"), "--out goes with --format csv, json or parquet; a table is for the terminal"),
        (["peak", "--company", "root", "--format", "json", "--bom"], ("2026-03-01", "2026-03-01"), "--bom goes with --format csv"),
        (["peak", "--company", "root", "--format", "csv", "--out", "no/where"], ("2026-03-01", "2026-03-01"), "no/where: No such file or directory; nothing half-written"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(
    folder: Path, arguments: list[str], days: tuple[str, str], words: str
) -> None:
    """Exit 2, and nothing on the standard output."""
    assert query(folder, *arguments, code=2, days=days) == ("", [words])
