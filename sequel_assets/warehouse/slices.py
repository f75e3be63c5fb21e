"""THE refresh: slices of one company replaced together with their bookkeeping, in the caller's one transaction.

Rows that are the same stay untouched; what is superseded is dropped; nothing here commits.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from . import bulk
from .bulk import Row
from .tables import NO_DAY, event_concurrency, event_participants, proofs, refreshes


@dataclass(frozen=True)
class SliceUpdate:
    """What one slice shall be: the rows of the events that were asked (or all of it) and how far they go."""

    table: sa.Table
    day: date
    rows: Sequence[Row] | None
    """Every column of the table, in its order; None: the rows stay, the bookkeeping alone moves on."""
    asked: frozenset[str] | None
    """The events whose rows are replaced, those of others stay; None: the slice as a whole."""
    through: datetime
    """Top of the hour taken before the first request."""
    data_through: datetime | None = None
    """What the slice's data_through moves to; None: single events were asked and it stays."""
    full_through: datetime | None = None
    """What its full_through moves to; None: it stays."""
    input_checksum: str | None = None
    proofs: Sequence[Row] = field(default=())


class State(StrEnum):
    """What became of a slice."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class SliceResult:
    """What became of a slice, and what it now holds."""

    table: sa.Table
    day: date
    state: State
    rows: int
    data_through: datetime | None
    is_final: bool
    held: frozenset[Row] = field(default=frozenset(), repr=False)
    """The rows that the slice now has (not told of a superseded one)."""


def day_end(day: date) -> datetime:
    """Return the moment at which a UTC day is over."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def replace_slices(
    connection: sa.Connection,
    company_id: str,
    updates: Sequence[SliceUpdate],
    *,
    at: datetime,
    late_window: timedelta,
    run_id: str | None,
) -> list[SliceResult]:
    """Replace slices of one dataset of one company and write their bookkeeping; return a result for each, in order.

    The caller holds the company's write transaction. `at` is the clock's time, `late_window` what makes a day final.
    """
    if not updates:
        return []
    table = updates[0].table
    days = [update.day for update in updates]
    stored = _stored(connection, company_id, table.name, days)
    rows_before = _rows_by_day(
        connection, table, company_id, [day for day in days if day in stored and stored[day].rows]
    )
    is_proven = table is event_participants
    tells_hours = is_proven or table is event_concurrency  # per event: the proofs know the newest hour of each
    proofs_before = _rows_by_day(connection, proofs, company_id, days) if tells_hours else {}
    results, bookkeeping = [], []
    gone: list[Row] = []
    new: list[Row] = []
    proofs_gone: list[Row] = []
    proofs_new: list[Row] = []
    for update in updates:
        before = stored.get(update.day)
        if (
            before is not None
            and before.data_through is not None
            and before.data_through > update.through
            and update.input_checksum is None
        ):
            results.append(
                SliceResult(table, update.day, State.SUPERSEDED, before.rows, before.data_through, before.is_final)
            )
            continue
        old = rows_before.get(update.day, frozenset())
        old_proofs = proofs_before.get(update.day, frozenset())
        asked = _not_superseded(update, old_proofs)
        final = old if update.rows is None else _merged(table, old, update.rows, asked)
        gone += old - final
        new += final - old
        if is_proven and update.rows is not None:
            final_proofs = _merged(proofs, old_proofs, update.proofs, asked)
            proofs_gone += old_proofs - final_proofs
            proofs_new += final_proofs - old_proofs
        row = _bookkeeping(company_id, table.name, update, before, final, at, late_window, run_id)
        bookkeeping.append(row)
        state = State.UNCHANGED if final == old and before is not None else State.CHANGED
        results.append(SliceResult(table, update.day, state, len(final), row["data_through"], row["is_final"], final))
    for target, less, more in ((table, gone, new), (proofs, proofs_gone, proofs_new)):
        bulk.delete(connection, target, less)
        bulk.insert(connection, target, more)
    bulk.upsert(connection, refreshes, bookkeeping)
    return results


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
    """Write the bookkeeping of a dataset that has no day and is stored whole, such as a company's events."""
    before = _stored(connection, company_id, dataset, [NO_DAY]).get(NO_DAY)
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


def checksum(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of a set of rows, the same on every engine and in any order."""
    digest = hashlib.sha256()
    for line in sorted(json.dumps([_plain(value) for value in row], default=str, ensure_ascii=False) for row in rows):
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return a whole number as an integer: SQLite answers 15 where PostgreSQL answers 15.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _bookkeeping(
    company_id: str,
    dataset: str,
    update: SliceUpdate,
    before: Any,
    final: frozenset[Row],
    at: datetime,
    late_window: timedelta,
    run_id: str | None,
) -> dict[str, Any]:
    data_through, full_through = update.data_through, update.full_through
    if update.input_checksum is None and before is not None:  # landed: nothing moves back, and what was not asked stays
        data_through = max(filter(None, (data_through, before.data_through)), default=None)
        full_through = max(filter(None, (full_through, before.full_through)), default=None)
    return {
        "company_id": company_id,
        "dataset": dataset,
        "day": update.day,
        "refreshed_at": at,
        "data_through": data_through,
        "full_through": full_through,
        "is_final": full_through is not None and full_through >= day_end(update.day) + late_window,
        "rows": len(final),
        "checksum": checksum(final),
        "input_checksum": update.input_checksum,
        "run_id": run_id,
    }


def _not_superseded(update: SliceUpdate, old_proofs: frozenset[Row]) -> frozenset[str] | None:
    """Of the events asked, leave out those that another refresh has asked at a newer hour meanwhile."""
    if update.asked is None:
        return None
    event, through = (list(proofs.columns).index(proofs.c[name]) for name in ("event_id", "data_through"))
    return update.asked - {row[event] for row in old_proofs if row[through] > update.through}


def _merged(table: sa.Table, old: frozenset[Row], rows: Sequence[Row], fresh: frozenset[str] | None) -> frozenset[Row]:
    """Return the slice's rows: those of the events freshly asked are new, those of others stay."""
    if fresh is None:
        return frozenset(rows)
    event = list(table.columns).index(table.c.event_id)
    return frozenset(row for row in old if row[event] not in fresh) | frozenset(
        row for row in rows if row[event] in fresh
    )


def _stored(connection: sa.Connection, company_id: str, dataset: str, days: Sequence[date]) -> dict[date, Any]:
    where = (
        refreshes.c.company_id == company_id,
        refreshes.c.dataset == dataset,
        refreshes.c.day.between(min(days), max(days)),
    )
    return {row.day: row for row in connection.execute(sa.select(refreshes).where(*where))}


def _rows_by_day(
    connection: sa.Connection, table: sa.Table, company_id: str, days: Sequence[date]
) -> dict[date, frozenset[Row]]:
    if not days:
        return {}
    place, wanted = list(table.columns).index(table.c.day), set(days)
    found: dict[date, list[Row]] = {}
    where = (table.c.company_id == company_id, table.c.day.between(min(days), max(days)))
    for row in connection.execute(sa.select(table).where(*where)):
        if row[place] in wanted:
            found.setdefault(row[place], []).append(tuple(row))
    return {day: frozenset(rows) for day, rows in found.items()}
