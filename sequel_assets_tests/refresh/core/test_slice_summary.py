"""What is shown of a refreshed slice in Dagster's event log, which no erasure reaches."""

from __future__ import annotations

import pytest

from sequel_assets.insights.person_engagement import person_engagement
from sequel_assets.insights.person_history import person_history
from sequel_assets.insights.top_participants import top_participants
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.decisions import SliceState
from sequel_assets.warehouse.slices.replacement import SliceResult
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets.warehouse.tables.dataset import Dataset
from sequel_assets.warehouse.tables.event_details import chat_messages
from sequel_assets_tests.support.rows import ACME, AT, DAY

WHO = "a1b2c3"


def preview(table: object, rows: list[Row]) -> tuple[tuple[str, ...], ...]:
    result = SliceResult(table, DAY, SliceState.CHANGED, len(rows), AT, is_final=False, stored_rows=rows)  # type: ignore[arg-type]
    return outcome_of(ACME, result).preview


@pytest.mark.parametrize("dataset", SLICED, ids=lambda dataset: dataset.name)
def test_no_preview_shows_a_person(dataset: Dataset) -> None:
    """Neither who it is nor what only one person did: of people there are counts."""
    columns = dataset.table.columns
    row = tuple(WHO if column.name == "person_id" or column.info.get("personal") else 1 for column in columns)
    shown = [cell for line in preview(dataset.table, [row]) for cell in line]
    assert [cell for cell in shown if cell in ("person_id", WHO)] == []


def test_people_are_counted_by_event_or_by_period_and_not_at_all_without_one() -> None:
    """The most minutes first; what people wrote is counted by event."""

    def row(table: object, **values: object) -> Row:
        return tuple(values.get(name, 0) for name in table.columns.keys())  # type: ignore[attr-defined]  # noqa: SIM118

    for table, by in ((event_participants, "event_id"), (person_engagement, "event_id"), (top_participants, "period")):
        told = [("x", 3), ("y", 9), ("x", 4)]
        rows = [row(table, **{by: one, "engaged_minutes": minutes}) for one, minutes in told]
        assert preview(table, rows) == ((by, "people", "engaged_minutes"), ("y", "1", "9"), ("x", "2", "7"))
    written = [row(chat_messages, event_id=event) for event in "xyx"]
    assert preview(chat_messages, written) == (("event_id", "rows"), ("x", "2"), ("y", "1"))
    assert preview(person_history, [row(person_history)]) == ()
    assert preview(chat_messages, []) == ()
