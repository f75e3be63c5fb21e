"""A warehouse that an older release filled."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights.unlisted import HAS_UNLISTED
from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.identity.adoption import adopt
from sequel_assets.warehouse.identity.identity import (
    IdentitySettings,
    ensure,
)
from sequel_assets.warehouse.slices.replacement import sum_up
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, metadata, refreshes
from sequel_assets_tests.support.harness import (
    NOW,
)
from sequel_assets_tests.support.reference import KEY

MINE = IdentitySettings("root", "http://127.0.0.1:8700", KEY)


def rows_of(table: sa.Table, rows: list[list[Any]]) -> list[dict[str, Any]]:
    """Return rows of JSON with their days and times as such."""
    later = (HAS_UNLISTED, "people_checksum")
    names = [column.name for column in table.columns if not column.name.endswith(later)]
    readers: dict[str, Callable[[str], Any]] = {
        column.name: datetime.fromisoformat if "Time" in type(column.type).__name__ else date.fromisoformat
        for column in table.columns
        if type(column.type).__name__ in ("UtcDateTime", "Date")
    }
    return [
        {n: readers[n](v) if n in readers and v is not None else v for n, v in zip(names, row, strict=True)}
        for row in rows
    ]


def fill(connection: sa.Connection) -> None:
    """Write the rows of the release before, as its migration leaves them."""
    told = json.loads((Path(__file__).parent / "rule_1.json").read_text())
    for table in metadata.sorted_tables:
        if table.name in told:
            connection.execute(table.insert(), rows_of(table, told[table.name]))
    if "before_has_unlisted_people" not in {
        one["name"] for one in sa.inspect(connection).get_columns("usage_comparison")
    }:
        return
    compared = usage_comparison.c
    is_known = compared.before_live_minutes.is_not(None)
    connection.execute(usage_comparison.update().where(is_known).values(before_has_unlisted_people=False))
    r = refreshes.c
    filled = sa.select(r.company_id, r.day).where(r.dataset == event_participants.name, r.day != NO_DAY)
    for company_id, day in connection.execute(filled).all():
        sum_up(connection, company_id, event_participants, day)  # as migration 0017 does


def take_over(warehouse: Warehouse, mine: IdentitySettings = MINE) -> None:
    """Adopt a warehouse, as the first write does."""
    assert ensure(warehouse, mine, at=lambda: NOW, adopt=adopt)
