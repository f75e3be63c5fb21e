"""Facts landed, and what is derived from them."""

from __future__ import annotations

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.derive import derive
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate, day_end
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import (
    event_concurrency,
    event_participants,
)
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    day,
    hour,
    participant,
)

THROUGH = hour(24 * 8)
MOMENT = RunInfo(at=AT, through=THROUGH, late_window=LATE, run_id="run")
FACTS = {
    0: [participant("e1", "ada", 10, 5)],
    1: [],
    2: [participant("e1", "ada", 0, 3, on=day(2)), participant("h1", "bo", 7, on=day(2), kind=HUB)],
    3: [participant("e1", "cy", 1, on=day(3)), participant("e1", "ada", 1, on=day(3))],
}


def land(warehouse: Warehouse, number: int, rows: list[Row] | None = None) -> None:
    """Store the facts of a day, and one minute of concurrency for each person."""
    rows = FACTS[number] if rows is None else rows
    minutes = [(ACME, day(number), "e1", hour(24 * number + 1), len(rows))] if rows else []
    with warehouse.write(ACME) as connection:
        for table, held in ((event_participants, rows), (event_concurrency, minutes)):
            update = SliceUpdate(table, day(number), held, None, THROUGH, THROUGH, THROUGH)
            replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id="run")


def derived(
    warehouse: Warehouse, *numbers: int, start: int = 0, frozen_before: date = NONE_FROZEN
) -> dict[str, list[tuple[int, str]]]:
    """Derive and tell, by insight, which days became what."""
    results = derive(
        warehouse,
        ACME,
        [day(n) for n in numbers],
        start=day(start),
        run_info=MOMENT,
        frozen_before=frozen_before,
    ).results
    return {name: [((result.day - DAY).days, result.state.value) for result in each] for name, each in results.items()}


def fact(number: int, through: datetime | None, full: datetime | None, checksum: str = "c") -> tuple[Any, Any]:
    """A row of `refreshes` as the derivation reads it."""
    is_final = full is not None and full >= day_end(day(number)) + LATE
    return day(number), SimpleNamespace(
        checksum=checksum, data_through=through, full_through=full, is_final=is_final, day=day(number)
    )
