"""Replaces slices of one company together with their bookkeeping, in the caller's transaction.

The only place where rows of slices are written. Equal rows are not touched; a superseded or quarantined slice is not
written at all. Nothing here commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices import people_sets
from sequel_assets.warehouse.slices.checksums import checksum, checksum_of, without_observed
from sequel_assets.warehouse.slices.decisions import (
    Before,
    Decision,
    Loss,
    SliceState,
    SliceUpdate,
    bookkeeping,
    decide,
    restated,
)
from sequel_assets.warehouse.slices.people_sets import FactsOfDay
from sequel_assets.warehouse.slices.stored import bookkeeping_rows, rows_of, rows_of_nobody, stored_slices
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    event_participants,
    proofs,
    refreshes,
    restatements,
)
from sequel_assets.warehouse.tables.unlisted import unlisted_usage


@dataclass(frozen=True)
class SliceResult:
    """The result of an update, and the slice's content after it."""

    table: sa.Table
    day: date
    state: SliceState
    rows: int
    data_through: datetime | None
    is_final: bool
    stored_rows: frozenset[Row] = field(default=frozenset(), repr=False)
    """The rows that the slice now has, and what is beyond them as rows of nobody."""
    loss: Loss | None = None
    """What a quarantined slice would have lost."""


def replace_slices(
    connection: sa.Connection,
    company_id: str,
    updates: Sequence[SliceUpdate],
    *,
    at: datetime,
    late_window: timedelta,
    run_id: str | None,
) -> list[SliceResult]:
    """Replace slices of one company and write their bookkeeping; return a result for each, in order.

    No slice may be there twice. The caller holds the company's write transaction (`Warehouse.write` in
    `database/engine.py`, which takes its lock). `at` is the clock's time, `late_window` what makes a day final.
    """
    if not updates:
        return []
    stored = stored_slices(connection, company_id, updates)
    befores = [stored[update.table.name, update.day] for update in updates]
    decided = [
        (update, before, decide(update, before, late_window)) for update, before in zip(updates, befores, strict=True)
    ]
    written = [one for one in decided if one[2].state in {SliceState.CHANGED, SliceState.UNCHANGED}]
    for table in dict.fromkeys(update.table for update in updates):
        _exchange(
            connection, table, [(b.rows, decision.rows) for update, b, decision in written if update.table is table]
        )
    _exchange(connection, proofs, [(before.control_totals, decision.control_totals) for _, before, decision in written])
    people_sets.replace_people_sets(connection, company_id, _facts_of_days(written))
    _exchange(connection, unlisted_usage, [(before.unlisted, decision.unlisted) for _, before, decision in written])
    bulk.upsert(
        connection,
        refreshes,
        [bookkeeping(company_id, update, decision, at=at, run_id=run_id) for update, _, decision in written],
    )
    bulk.upsert(connection, restatements, _restatements(company_id, written, at, run_id))
    return [
        SliceResult(
            update.table,
            update.day,
            decision.state,
            len(decision.rows),
            decision.data_through,
            decision.is_final,
            decision.counted,
            decision.loss,
        )
        for update, _, decision in decided
    ]


def drop_slices(connection: sa.Connection, company_id: str, table: sa.Table, days: Sequence[date]) -> None:
    """Delete slices with their bookkeeping: derived ones that the facts no longer carry."""
    for day in days:
        connection.execute(table.delete().where(table.c.company_id == company_id, table.c.day == day))
        r = refreshes.c
        connection.execute(refreshes.delete().where(r.company_id == company_id, r.dataset == table.name, r.day == day))


def note_refresh(
    connection: sa.Connection,
    company_id: str,
    dataset: str,
    rows: Sequence[Row],
    *,
    at: datetime,
    through: datetime,
    run_id: str | None,
) -> None:
    """Write the bookkeeping of a dataset without days that is stored in one piece, such as a company's events."""
    before = bookkeeping_rows(connection, company_id, [dataset], [NO_DAY]).get((dataset, NO_DAY))
    if before is not None and before.data_through is not None:
        through = max(through, before.data_through)
    row = {
        "company_id": company_id,
        "dataset": dataset,
        "day": NO_DAY,
        "refreshed_at": at,
        "data_through": through,
        "full_through": through,
        "is_final": False,
        "rows": len(rows),
        "checksum": checksum(rows),
        "input_checksum": None,
        "run_id": run_id,
    }
    bulk.upsert(connection, refreshes, [row])


def note_stored(
    connection: sa.Connection, company_id: str, table: sa.Table, *, at: datetime, through: datetime, run_id: str | None
) -> None:
    """Write the bookkeeping of a dataset without days by its stored rows; see `checksum_of` for its checksum."""
    rows = without_observed(table, rows_of(connection, table, company_id, NO_DAY))
    note_refresh(connection, company_id, table.name, rows, at=at, through=through, run_id=run_id)


def sum_up(connection: sa.Connection, company_id: str, table: sa.Table, day: date = NO_DAY) -> None:
    """Update the row count and checksum of a slice whose rows were changed without a refresh."""
    rows = rows_of(connection, table, company_id, day)
    counted = [*rows, *rows_of_nobody(connection, table, company_id, day)]
    r, now = refreshes.c, {"rows": len(rows), "checksum": checksum_of(table, counted)}
    if table is event_participants:
        facts = FactsOfDay(day, frozenset(), frozenset(rows), has_sets=False)
        people_sets.replace_people_sets(connection, company_id, [facts])
        now["people_checksum"] = now["checksum"]
    here = (r.company_id == company_id, r.dataset == table.name, r.day == day)
    connection.execute(refreshes.update().where(*here).values(now))


def _facts_of_days(written: Sequence[tuple[SliceUpdate, Before, Decision]]) -> list[FactsOfDay]:
    """Return the facts of days whose sets of people are behind."""
    found = []
    for update, before, decision in written:
        stored = before.bookkeeping
        has_sets = stored is not None and stored.people_checksum == stored.checksum
        if update.table is event_participants and (decision.rows != before.rows or not has_sets):
            found.append(FactsOfDay(update.day, before.rows, decision.rows, has_sets))
    return found


def _exchange(
    connection: sa.Connection, table: sa.Table, changes: Sequence[tuple[frozenset[Row], frozenset[Row]]]
) -> None:
    """Delete the rows that are gone and insert the new ones, of all slices at once."""
    bulk.delete(connection, table, [row for old, new in changes for row in old - new])
    bulk.insert(connection, table, [row for old, new in changes for row in new - old])


def _restatements(
    company_id: str, written: Sequence[tuple[SliceUpdate, Before, Decision]], at: datetime, run_id: str | None
) -> list[dict[str, Any]]:
    """Return a row per number of a final slice that has changed."""
    return [
        {
            "company_id": company_id,
            "dataset": update.table.name,
            "day": update.day,
            "key": key,
            "column_name": column,
            "seen_at": at,
            "from_value": was,
            "to_value": now,
            "run_id": run_id,
        }
        for update, before, decision in written
        if before.bookkeeping is not None and before.bookkeeping.is_final and decision.state is SliceState.CHANGED
        for key, column, was, now in restated(update.table, before.counted, decision.counted)
    ]
