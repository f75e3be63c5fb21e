"""A final slice that comes back with less: quarantined, or a restatement of each number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.tables.core import (
    event_participants,
    restatements,
)
from sequel_assets_tests.support.rows import (
    everything,
    participant,
    table_of,
)
from sequel_assets_tests.warehouse.slices.updates import commit, full, states_and_rows

pytestmark = pytest.mark.usefixtures("known_events")


def final(rows: list[Row], *, hours: int, accepts_loss: bool = False) -> SliceUpdate:
    """An update of the whole slice, asked after its late window."""
    return replace(full(rows, ["e1", "e2"], 24 + 48 + hours), accepts_loss=accepts_loss)


def test_a_final_slice_that_comes_back_with_less_than_half_its_minutes_is_held(warehouse: Warehouse) -> None:
    """History is not lost because a source forgot it: rows and bookkeeping stay until the owner accepts the loss."""
    commit(warehouse, final([participant("e1", "ada", 10)], hours=0))
    before = everything(warehouse)
    assert states_and_rows(commit(warehouse, final([participant("e1", "ada", 4)], hours=1))) == [
        (SliceState.QUARANTINED, 1)
    ]
    assert states_and_rows(commit(warehouse, final([], hours=1))) == [(SliceState.QUARANTINED, 1)]
    assert everything(warehouse) == before
    assert states_and_rows(commit(warehouse, final([participant("e1", "ada", 4)], hours=1, accepts_loss=True))) == [
        (SliceState.CHANGED, 1)
    ]
    assert table_of(warehouse, event_participants) == [participant("e1", "ada", 4)]


def test_half_of_the_minutes_is_not_held_and_neither_is_a_slice_that_is_not_final(warehouse: Warehouse) -> None:
    """The rule is less than half, and of final slices only: a provisional one may still shrink."""
    commit(warehouse, full([participant("e1", "ada", 10)], ["e1"], 5))
    assert states_and_rows(commit(warehouse, full([participant("e1", "ada", 1)], ["e1"], 6))) == [
        (SliceState.CHANGED, 1)
    ]
    commit(warehouse, final([participant("e1", "ada", 10)], hours=0))
    assert states_and_rows(commit(warehouse, final([participant("e1", "ada", 5)], hours=1))) == [
        (SliceState.CHANGED, 1)
    ]


def test_every_number_of_a_final_slice_that_moves_is_a_restatement(warehouse: Warehouse) -> None:
    """By event and column, from and to; a number that stays, and a slice that was not final, leaves none."""
    commit(warehouse, full([participant("e1", "ada", 9)], ["e1"], 5))
    commit(warehouse, final([participant("e1", "ada", 10), participant("e2", "bo", 3)], hours=0))
    assert table_of(warehouse, restatements) == []
    commit(
        warehouse,
        final([participant("e1", "ada", 10), participant("e1", "bo", 2), participant("e2", "bo", 3)], hours=1),
    )
    assert [(row[3], row[4], row[6], row[7]) for row in table_of(warehouse, restatements)] == [
        ("e1", "engaged_minutes", 10, 12),
        ("e1", "live_minutes", 10, 12),
        ("e1", "people", 1, 2),
    ]
