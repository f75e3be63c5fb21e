"""What becomes of a slice: pure decisions."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import quarantined
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.decisions import Loss, loss_of
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants
from sequel_assets.warehouse.tables.event_details import chat_messages, event_activity
from sequel_assets_tests.support.rows import ACME, AT, DAY, participant

LATER = AT + timedelta(minutes=1)


def activity(person: str, minutes: int | None) -> Row:
    """A row of event_activity."""
    told = {
        "company_id": ACME,
        "day": DAY,
        "event_id": "e1",
        "person_id": person,
        "entries": 1,
        "live_minutes": minutes,
    }
    return tuple(told.get(column.name) for column in event_activity.columns)


@pytest.mark.parametrize(
    ("table", "was", "now", "loss"),
    [
        (event_participants, [participant("e1", "a", 934)], [participant("e1", "a", 328)], Loss("minutes", 328, 934)),
        (event_activity, [activity("a", 900), activity("b", 34)], [activity("a", 300), activity("b", 28)], Loss("minutes", 328, 934)),
        (event_activity, [activity("a", 9)] * 1 + [activity("b", None)], [activity("a", 9)], None),
        (event_concurrency, [(ACME, DAY, "e1", AT, 7), (ACME, DAY, "e1", LATER, 4)], [(ACME, DAY, "e1", AT, 5)], Loss("users, added up over its minutes", 5, 11)),
        (chat_messages, [(ACME, DAY, "e1", f"m{n}", n, None, "x", None) for n in range(3)], [(ACME, DAY, "e1", "m0", 0, None, "x", None)], Loss("rows", 1, 3)),
        (chat_messages, [(ACME, DAY, "e1", "m", 1, None, "x", None)], [], Loss("rows", 0, 1)),
    ],
)  # fmt: skip
def test_what_a_slice_would_lose_is_reported_as_what_it_is(
    table: sa.Table, was: list[Row], now: list[Row], loss: Loss | None
) -> None:
    """Minutes where there are any, else users or rows; and it is the same that decides."""
    assert loss_of(table, frozenset(was), frozenset(now)) == loss


def test_the_reason_of_a_slice_that_is_held_says_what_fell() -> None:
    """So that its owner knows what is accepted."""
    assert quarantined(Loss("minutes", 328, 1934)) == (
        "quarantined: the day is final, and Sequel now answers less than half of its minutes (328 of 1,934); "
        "the rows that were there stay until sequel-assets accept"
    )
