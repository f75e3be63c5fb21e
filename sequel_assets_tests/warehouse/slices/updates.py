"""Updates of slices as a refresh makes them, for the tests of their replacement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import SliceResult, replace_slices
from sequel_assets.warehouse.tables.core import (
    event_participants,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    LATE,
    hour,
    participant,
)


def control_totals(event_id: str, through: datetime, minutes: int = 10) -> Row:
    return (ACME, DAY, event_id, 1, minutes, 0, 0, minutes, through)


def of_active_events(rows: Sequence[Row] | None, asked: Sequence[str], hours: int, **more: Any) -> SliceUpdate:
    """What an hourly refresh of these events writes; `full_through=...` makes it a full one."""
    through = hour(hours)
    given = {"data_through": through, "control_totals": [control_totals(e, through) for e in asked], **more}
    return SliceUpdate(event_participants, DAY, rows, frozenset(asked), through, **given)


def full(rows: Sequence[Row], asked: Sequence[str], hours: int, **more: Any) -> SliceUpdate:
    return of_active_events(rows, asked, hours, full_through=hour(hours), **more)


def commit(warehouse: Warehouse, *updates: SliceUpdate, at: datetime = AT, run_id: str = "run") -> list[SliceResult]:
    with warehouse.write(ACME) as connection:
        return replace_slices(connection, ACME, updates, at=at, late_window=LATE, run_id=run_id)


def states_and_rows(results: Sequence[SliceResult]) -> list[tuple[SliceState, int]]:
    return [(result.state, result.rows) for result in results]


ADA, BO, CY = participant("e1", "ada", 10), participant("e1", "bo", 5, 3), participant("e2", "cy", 7)
