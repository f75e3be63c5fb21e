"""`open_warehouse()`: frames with the right types, which say what is missing, and the same numbers as the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sequel_assets
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.notebook import WarehouseReader
from sequel_assets.queries.tables import TABLES
from sequel_assets.refresh.core.outcomes import UNTIL_ACCEPTED
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.tables.core import problems
from sequel_assets_tests.cli.test_cli_query import ENV, folder, query
from sequel_assets_tests.support.commands.calls import clean_environment, variables

__all__ = ["folder"]
FIRST, LAST = "2026-03-01", "2026-03-03"
DAYS = {"since": FIRST, "until": LAST}
DOUBTS = {
    "complete": False,
    "data_through": "2026-03-03T23:00:00+00:00",
    "missing_days": ["2026-03-02"],
    "not_closed_days": ["2026-03-03"],
    "quarantined_days": [],
}
Ask = Callable[[WarehouseReader], pd.DataFrame]


@pytest.fixture
def reader(folder: Path) -> Iterator[WarehouseReader]:
    """The warehouse of the tests of `query`, opened as a notebook does."""
    with variables(clean_environment(**ENV)):
        reader = sequel_assets.open_warehouse(warehouse_url=f"sqlite:///{folder / 'warehouse.db'}")
    with reader:
        yield reader


@pytest.mark.parametrize(
    ("ask", "command"),
    [
        (lambda it: it.usage("root", **DAYS), ["usage", "--company", "root"]),
        (lambda it: it.usage("Sub", **DAYS, event_type="networkingHub", engagement_type="live"),
         ["usage", "--company", "Sub", "--event-type", "networkingHub", "--engagement-type", "live"]),
        (lambda it: it.participants("root", **DAYS, with_sub_companies=True), ["participants", "--company", "root", "--beneath"]),
        (lambda it: it.participants("sub", **DAYS, limit=1, with_people=True), ["top", "--company", "sub", "--limit", "1", "--with-people"]),
        (lambda it: it.peak("sub", **DAYS), ["peak", "--company", "sub"]),
        (lambda it: it.rollup("root", **DAYS), ["rollup", "--company", "root"]),
    ],
    ids=["usage", "filtered", "participants", "top", "peak", "rollup"],
)  # fmt: skip
def test_a_frame_has_the_rows_and_the_doubts_of_the_command(
    reader: WarehouseReader, folder: Path, ask: Ask, command: list[str]
) -> None:
    """Whole rows, and everything that the JSON says beside them."""
    if command[0] == "top":
        command = [*command[:-1], "--format", "json"]  # names are not in the JSON of the command that leaves them out
    answer, _ = query(folder, *command, *([] if "--format" in command else ["--format", "json"]))
    expected = json.loads(answer)
    frame = ask(reader)
    rows = expected.pop("rows")
    assert json.loads(frame[list(rows[0])].to_json(orient="records", date_format="iso", date_unit="us")) == [
        {name: _as_pandas(value) for name, value in row.items()} for row in rows
    ]
    assert frame.attrs == expected
    assert "object" not in set(map(str, frame.dtypes))


def _as_pandas(value: Any) -> Any:
    """Times as pandas writes them in JSON."""
    if isinstance(value, str) and value.endswith("+00:00"):
        return value.removesuffix("+00:00") + ".000000Z"
    return f"{value}T00:00:00.000000" if isinstance(value, str) and value[4:5] + value[7:8] == "--" else value


def test_a_comparison_is_that_of_the_command(reader: WarehouseReader, folder: Path) -> None:
    """Two rows; what was not known before is NA."""
    answer, _ = query(folder, "compare", "--company", "sub", "--period", "day", "--format", "json", days=(LAST,))
    frame = reader.compare("sub", "day", day=LAST)
    rows = json.loads(answer)["rows"]
    assert frame["engaged_minutes"].tolist() == [row["engaged_minutes"] for row in rows]
    assert frame["before_engaged_minutes"].isna().all()
    assert frame["compared_with"].cat.categories.tolist() == ["previous", "year_before"]


def test_columns_have_their_types(reader: WarehouseReader) -> None:
    """Counts may be unknown, times are in UTC, days have no zone, words are categories."""
    found = {name: str(kind) for name, kind in reader.rollup("root", **DAYS).dtypes.items()}
    assert found == {
        "event_type": "category", "live_minutes": "Int64", "on_demand_minutes": "Int64", "engaged_minutes": "Int64",
        "unique_users": "Int64", "average_engaged_minutes": "Float64", "events": "Int64", "companies": "Int64",
        "has_unlisted_people": "boolean",
        "peak_users": "Int64", "peak_at": "datetime64[us, UTC]", "data_through": "datetime64[us, UTC]",
    }  # fmt: skip
    people = reader.participants("sub", **DAYS)
    assert (str(people["person_id"].dtype), str(people["first_day"].dtype)) == ("string", "datetime64[ms]")
    facts = reader.dataset("event_participants", "sub", **DAYS)
    assert facts["day"].dt.date.tolist() == [date(2026, 3, 1), date(2026, 3, 3), date(2026, 3, 3)]
    assert facts["company"].tolist() == ["sub.0"] * 3
    assert facts.attrs == {"dataset": "event_participants", "company": "sub.0", "from": FIRST, "to": LAST} | DOUBTS


@pytest.mark.parametrize("with_people", [False, True])
def test_no_table_has_an_object_column_and_people_come_only_on_request(
    reader: WarehouseReader, *, with_people: bool
) -> None:
    """Every table, empty ones too; what is personal is left out unless a call asks for it."""
    for name, table in TABLES.items():
        if name == "people" and not with_people:
            continue
        frame = reader.dataset(name, with_people=with_people)
        assert [column for column, kind in frame.dtypes.items() if str(kind) == "object"] == []
        personal = {column.name for column in table.columns if column.info.get("personal")}
        assert set(frame.columns) & personal == (personal if with_people else set()), name
    with pytest.raises(QueryError, match="pass with_people=True"):
        reader.dataset("people")


def test_all_companies_are_as_complete_as_the_least_of_them_and_quarantined_days_are_named(
    reader: WarehouseReader, folder: Path, tmp_path: Path
) -> None:
    """The days of the facts; a day whose newer numbers are quarantined is one of them."""
    copy = tmp_path / "warehouse.db"
    copy.write_bytes((folder / "warehouse.db").read_bytes())
    warehouse = Warehouse(f"sqlite:///{copy}")
    held = {"company_id": "sub", "dataset": "event_participants", "day": date(2026, 3, 1), "event_id": ""}
    with warehouse.write() as connection:
        since = datetime(2026, 3, 4, tzinfo=UTC)
        connection.execute(problems.insert().values(**held, reason=f"fewer; {UNTIL_ACCEPTED}", since=since))
    warehouse.dispose()
    with variables(clean_environment(**ENV)), sequel_assets.open_warehouse(warehouse_url=f"sqlite:///{copy}") as it:
        every, rest = it.dataset("event_participants", **DAYS), it.usage("root", **DAYS)
        own = it.usage("sub", **DAYS)
    assert every.attrs == {
        "dataset": "event_participants", "company": None, "from": FIRST, "to": LAST,
    } | DOUBTS | {"quarantined_days": [FIRST]}  # fmt: skip
    assert set(every["company"]) == {"root.0", "sub.0"}
    assert (own.attrs["quarantined_days"], rest.attrs["quarantined_days"]) == ([FIRST], [])


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda it: it.usage("nobody"), "company nobody: there is no such company; known are root.0, sub.0"),
        (lambda it: it.usage("root", since="2026-03-03", until="2026-03-01"), "since 2026-03-03 is after until 2026-03-01; give the earlier day first"),
        (lambda it: it.usage("root", since="3 March"), "since 3 March: it must be a day (UTC) such as 2026-11-23, without time or zone"),
        (lambda it: it.usage("root", since=pd.Timestamp("2026-03-01T10:00")), "since 2026-03-01T10:00:00: it must be a day (UTC) such as 2026-11-23, without time or zone"),
        (lambda it: it.usage("root", event_type="hub"), "event_type hub: it must be one of all, virtualStageEvent, networkingHub"),
        (lambda it: it.compare("root", "fortnight"), "period fortnight: it must be one of day, week, month, quarter, year, last_7_days, last_28_days, last_90_days"),
        (lambda it: it.dataset("companies", since="2026-03-01"), "dataset companies: it has no day, so since and until choose nothing; leave them out"),
        (lambda it: it.participants("root", limit=0), "limit 0: it must be 1 or more"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(reader: WarehouseReader, ask: Ask, words: str) -> None:
    """By the name of the argument."""
    with pytest.raises(QueryError) as refused:
        ask(reader)
    assert str(refused.value) == words


def test_days_are_dates_texts_and_timestamps_alike(reader: WarehouseReader) -> None:
    """And by default the whole history until today."""
    frames = [
        reader.usage("sub", since=first, until=last)
        for first, last in ((FIRST, LAST), (date(2026, 3, 1), date(2026, 3, 3)), (pd.Timestamp(FIRST), pd.Timestamp(LAST, tz="UTC")))
    ]  # fmt: skip
    assert [frame["engaged_minutes"].tolist() for frame in frames] == [[29, 4, 25]] * 3
    everything = reader.usage("sub")
    assert (everything.attrs["from"], everything.attrs["to"]) == ("2026-02-01", "2026-03-04")


def test_a_warehouse_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    """It says what to run."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    with pytest.raises(WarehouseError, match="does not exist yet; run: sequel-assets backfill"):
        sequel_assets.open_warehouse(warehouse_url=url)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_imports_neither_pandas_nor_dagster() -> None:
    """And a notebook's reader does not import Dagster."""
    code = (
        "import sys, sequel_assets; heavy = ('pandas', 'dagster', 'sqlalchemy'); "
        "print([name in sys.modules for name in heavy]); sequel_assets.open_warehouse; print('dagster' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[False, False, False]", "False"]
