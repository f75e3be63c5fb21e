"""Replacing slices: all or nothing, in any order, the same checksum on every engine, and fast."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.slices.checksums import checksum, checksum_of
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import note_refresh, replace_slices
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    event_concurrency,
    event_participants,
    proofs,
    refreshes,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    STAGE,
    day,
    everything,
    hour,
    participant,
    table_of,
)
from sequel_assets_tests.warehouse.slices.updates import ADA, BO, CY, commit, full, states_and_rows

pytestmark = pytest.mark.usefixtures("known_events")


@pytest.mark.parametrize(
    "wrong",
    [
        participant("e2", "cy", -1),
        participant("unknown", "cy", 1),
        (*participant("e2", "ada", 1)[:7], None),
    ],
    ids=["minutes -1", "an event that is not there", "no minutes"],
)
def test_a_failure_in_the_middle_leaves_everything_as_it_was(warehouse: Warehouse, wrong: Row) -> None:
    """Rows, proofs and bookkeeping of all slices of the transaction, also those written before the failure."""
    commit(warehouse, full([ADA], ["e1"], 1))
    before = everything(warehouse)
    good = replace(full([participant("e1", "bo", 5, on=day(1))], ["e1"], 2, control_totals=()), day=day(1))
    bad = full([BO, wrong], ["e1", wrong[2]], 2)

    def both() -> None:
        with warehouse.write(ACME) as connection:
            for update in (good, bad):
                replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)

    with pytest.raises(WarehouseError, match="refused a row"):
        both()
    assert everything(warehouse) == before


def test_full_refreshes_come_to_the_same_in_whatever_order_they_commit(warehouse: Warehouse) -> None:
    """The newest hour's rows and hours stand at the end, of every order of three."""
    steps = [
        full([ADA], ["e1", "e2"], 3),
        full([BO, CY], ["e1", "e2"], 4),
        full([CY], ["e1", "e2"], 5, control_totals=()),
    ]
    ends = []
    for order in itertools.permutations(steps):
        with warehouse.write() as connection:
            for table in (event_participants, proofs, refreshes):
                connection.execute(table.delete())
        for step in order:
            commit(warehouse, step)
        ends.append(everything(warehouse))
    assert ends[0]["event_participants"] == [CY]
    assert ends == [ends[0]] * 6


def test_nothing_to_do_is_nothing_done(warehouse: Warehouse) -> None:
    """No update, no result."""
    assert commit(warehouse) == []


def test_a_checksum_is_the_same_on_every_engine_and_in_any_order(warehouse: Warehouse) -> None:
    """Over what the table holds, whole and broken averages and times included, as an independent computation says."""
    usage = [
        (ACME, DAY, "all", 898, 0, 898, 57, 15.75, 2, False),
        (ACME, DAY, HUB, 30, 0, 30, 2, 15.0, 1, False),
        (ACME, DAY, STAGE, 0, 0, 0, 0, None, 0, False),
    ]
    minutes = [(ACME, DAY, "e1", hour(n), n) for n in range(3)]
    commit(warehouse, SliceUpdate(daily_usage, DAY, usage, None, hour(1)))
    commit(warehouse, SliceUpdate(event_concurrency, DAY, minutes, None, hour(1)))
    lines = [
        ["acme", "2026-03-01", "all", 898, 0, 898, 57, 15.75, 2],
        ["acme", "2026-03-01", "networkingHub", 30, 0, 30, 2, 15, 1],
        ["acme", "2026-03-01", "virtualStageEvent", 0, 0, 0, 0, None, 0],
    ]
    expected = hashlib.sha256("".join(sorted(json.dumps(line) + "\n" for line in lines)).encode()).hexdigest()
    assert {checksum_of(daily_usage, order) for order in itertools.permutations(table_of(warehouse, daily_usage))} == {
        expected
    }
    assert [row[8] for row in table_of(warehouse, refreshes)] == [expected, checksum(minutes)]
    assert checksum(table_of(warehouse, event_concurrency)) == checksum(minutes[::-1])


def test_a_checksum_distinguishes_rows() -> None:
    """One minute, one person, one row more: another checksum; texts cannot run into each other."""
    different = [[], [ADA], [BO], [ADA, BO], [participant("e1", "ada", 11)], [("a", "b")], [('a", "b',)], [("ab",)]]
    assert len({checksum(rows) for rows in different}) == len(different)


def test_a_dataset_without_days_is_noted_whole(warehouse: Warehouse) -> None:
    """Its one row of bookkeeping moves on, and its hour never back."""
    for hours, rows, run_id in ((5, [("a",)], "one"), (4, [("a",), ("b",)], "two")):
        with warehouse.write(ACME) as connection:
            note_refresh(connection, ACME, "events", rows, at=AT, through=hour(hours), run_id=run_id)
    assert table_of(warehouse, refreshes) == [
        (ACME, "events", NO_DAY, AT, hour(5), hour(5), False, 2, checksum([("a",), ("b",)]), None, "two", None)
    ]


@pytest.mark.scenario
def test_ten_thousand_rows_go_in_and_out_the_fast_way(warehouse: Warehouse) -> None:
    """In and out again, by the fast way of each engine."""
    rows = [participant("e1", f"person {n}", n % 90) for n in range(10_000)]
    began = datetime.now().astimezone()
    assert states_and_rows(commit(warehouse, full(rows, ["e1"], 1))) == [(SliceState.CHANGED, 10_000)]
    assert states_and_rows(commit(warehouse, full(rows[:1], ["e1"], 2))) == [(SliceState.CHANGED, 1)]
    assert datetime.now().astimezone() - began < timedelta(seconds=10)
    with warehouse.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(event_participants)).scalar_one() == 1
