"""Decides what is written of one slice, by its stored rows, new rows and bookkeeping. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.checksums import checksum_of, without_hours
from sequel_assets.warehouse.tables.core import ALL, event_participants, proofs
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

NOBODY = ""
"""The person of what Sequel counts beyond the people that it lists; no row has it."""
_PLACES = ("position", "minute_of_event")
"""Integers that are positions: their sum says nothing."""
_COUNTED: dict[tuple[str, ...], str] = {
    ("engaged_minutes",): "minutes",
    ("users",): "users, added up over its minutes",
    ("live_minutes", "on_demand_minutes"): "minutes",
}
"""The columns of which a final slice must not lose more than half, and what they count."""


@dataclass(frozen=True)
class SliceUpdate:
    """The new content of one slice: the rows of the requested events (or of all) and the hour that they cover."""

    table: sa.Table
    day: date
    rows: Sequence[Row] | None
    """Every column of the table, in its order; None: the rows stay, only the bookkeeping changes."""
    requested: frozenset[str] | None
    """The events whose rows are replaced, those of others stay; None: the entire slice."""
    through: datetime
    """Top of the hour taken before the first request."""
    data_through: datetime | None = None
    """The slice's new data_through; None: single events were requested and it stays."""
    full_through: datetime | None = None
    """The slice's new full_through; None: it stays."""
    input_checksum: str | None = None
    """For a derived slice: what it was derived from. Such a slice is never superseded: it follows the facts."""
    control_totals: Sequence[Row] = field(default=())
    unlisted: Sequence[Row] = field(default=())
    """Rows of `unlisted_usage`: what belongs to a slice of event_participants beyond the people that are known."""
    accepts_loss: bool = False
    """True where a final slice may lose most of its minutes: `sequel-assets accept` says so, or an event moved away."""


class SliceState(StrEnum):
    """The result of an update."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"
    """Final, and the new rows have less than half its minutes: the old rows stay until `sequel-assets accept`."""


@dataclass(frozen=True)
class Before:
    """A slice as it is stored."""

    bookkeeping: Any
    """Its row in `refreshes`, None where there is none."""
    rows: frozenset[Row] = frozenset()
    control_totals: frozenset[Row] = frozenset()
    unlisted: frozenset[Row] = frozenset()

    @property
    def counted(self) -> frozenset[Row]:
        """Return the rows, and what is beyond them as rows of nobody."""
        return with_unlisted(self.rows, self.unlisted)


@dataclass(frozen=True)
class Loss:
    """Less than half of a slice is left: of what, how much, and how much there was."""

    what: str
    left: int
    had: int


@dataclass(frozen=True)
class Decision:
    """What is written of a slice; nothing where it is superseded or quarantined."""

    state: SliceState
    rows: frozenset[Row]
    control_totals: frozenset[Row]
    data_through: datetime | None
    full_through: datetime | None
    is_final: bool
    loss: Loss | None = None
    """What a quarantined slice would have lost."""
    unlisted: frozenset[Row] = frozenset()

    @property
    def counted(self) -> frozenset[Row]:
        """Return the rows, and what is beyond them as rows of nobody: sums and checksums are over these."""
        return with_unlisted(self.rows, self.unlisted)


def with_unlisted(rows: frozenset[Row], unlisted: frozenset[Row]) -> frozenset[Row]:
    """Return rows of event_participants with those of `unlisted_usage` in their form, of no person."""
    return rows | {(*row[:3], NOBODY, *row[3:7]) for row in unlisted} if unlisted else rows


def day_end(day: date) -> datetime:
    """Return the time at which a UTC day ends."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def decide(update: SliceUpdate, before: Before, late_window: timedelta) -> Decision:
    """Return what is written of a slice."""
    stored = before.bookkeeping
    is_landed = update.input_checksum is None
    if is_landed and stored is not None and stored.data_through is not None and stored.data_through > update.through:
        return _kept(SliceState.SUPERSEDED, before)
    requested = _not_superseded(update, before.control_totals)
    rows, totals, unlisted = before.rows, before.control_totals, before.unlisted
    if update.rows is not None:
        rows = _merged(update.table, before.rows, update.rows, requested)
        if update.table is event_participants:
            totals = _merged(proofs, before.control_totals, update.control_totals, requested)
            unlisted = _merged(unlisted_usage, before.unlisted, update.unlisted, requested)
    counted = with_unlisted(rows, unlisted)
    if (
        is_landed
        and not update.accepts_loss
        and stored is not None
        and stored.is_final
        and (loss := loss_of(update.table, before.counted, counted)) is not None
    ):
        return replace(_kept(SliceState.QUARANTINED, before), loss=loss)
    data_through, full_through = update.data_through, update.full_through
    if is_landed and stored is not None:  # the hours never move back, and what was not requested stays
        data_through = max(filter(None, (data_through, stored.data_through)), default=None)
        full_through = max(filter(None, (full_through, stored.full_through)), default=None)
    is_final = full_through is not None and full_through >= day_end(update.day) + late_window
    is_same = stored is not None and without_hours(update.table, counted) == without_hours(update.table, before.counted)
    state = SliceState.UNCHANGED if is_same else SliceState.CHANGED
    return Decision(state, rows, totals, data_through, full_through, is_final, unlisted=unlisted)


def bookkeeping(
    company_id: str, update: SliceUpdate, decision: Decision, *, at: datetime, run_id: str | None
) -> dict[str, Any]:
    """Return the row of `refreshes` for a slice that is written."""
    checksum = checksum_of(update.table, decision.counted)
    return {
        "company_id": company_id,
        "dataset": update.table.name,
        "day": update.day,
        "refreshed_at": at,
        "data_through": decision.data_through,
        "full_through": decision.full_through,
        "is_final": decision.is_final,
        "rows": len(decision.rows),
        "checksum": checksum,
        "input_checksum": update.input_checksum,
        "run_id": run_id,
        "people_checksum": checksum if update.table is event_participants else None,
    }


def loss_of(table: sa.Table, old: frozenset[Row], new: frozenset[Row]) -> Loss | None:
    """Return the loss of a slice with less than half of its minutes left (or of its rows, where it has no minutes)."""
    names = next((names for names in _COUNTED if set(names) <= set(table.columns.keys())), ())
    left, had = len(new), len(old)
    if names:
        places = [table.columns.keys().index(name) for name in names]
        left, had = (sum(int(row[place] or 0) for row in rows for place in places) for rows in (new, old))
    return Loss(_COUNTED.get(names, "rows"), left, had) if 2 * left < had else None


def restated(table: sa.Table, old: frozenset[Row], new: frozenset[Row]) -> list[tuple[str, str, float, float]]:
    """Return (key, column, from, to) of every number of a slice that has changed.

    The key is the event, or the event type of a row of usage, or all. Where a key has several rows (people in an event,
    say) the numbers are sums over them; shares and positions, whose sum says nothing, are left out. A table that
    repeats other tables' days in many ranges (`info` says so) has none: the restatements of those tables show what
    changed.
    """
    if table.info.get("repeats"):
        return []
    before, after = _numbers(table, old), _numbers(table, new)
    return [
        (*key, before.get(key, 0), after.get(key, 0))
        for key in sorted(before.keys() | after.keys())
        if before.get(key, 0) != after.get(key, 0)
    ]


def _numbers(table: sa.Table, rows: frozenset[Row]) -> dict[tuple[str, str], float]:
    columns = list(table.columns)
    of = next((name for name in ("event_id", "event_type") if name in table.columns), None)
    key = None if of is None else table.columns.keys().index(of)
    adds_up = {column.name for column in table.primary_key} != {"company_id", "day", of}
    numeric = [
        place
        for place, column in enumerate(columns)
        if isinstance(column.type, sa.BigInteger | sa.Numeric) and not column.primary_key
        if not (adds_up and (isinstance(column.type, sa.Numeric) or column.name in _PLACES))
    ]
    who = columns.index(table.c.person_id) if "person_id" in table.columns else None
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        scope = ALL if key is None else row[key]
        for place in numeric:
            sums[scope, columns[place].name] += row[place] or 0
        if who is not None and row[who] != NOBODY:
            sums[scope, "people"] += 1
    return dict(sums)


def _kept(state: SliceState, before: Before) -> Decision:
    stored = before.bookkeeping
    return Decision(
        state,
        before.rows,
        before.control_totals,
        stored.data_through,
        stored.full_through,
        stored.is_final,
        unlisted=before.unlisted,
    )


def _not_superseded(update: SliceUpdate, old_totals: frozenset[Row]) -> frozenset[str] | None:
    """Return the requested events without those that another refresh has fetched at a newer hour meanwhile."""
    if update.requested is None:
        return None
    event, through = (proofs.columns.keys().index(name) for name in ("event_id", "data_through"))
    return update.requested - {row[event] for row in old_totals if row[through] > update.through}


def _merged(table: sa.Table, old: frozenset[Row], rows: Sequence[Row], fresh: frozenset[str] | None) -> frozenset[Row]:
    """Return the slice's rows: those of the requested events are new, those of others stay."""
    if fresh is None:
        return frozenset(rows)
    event = table.columns.keys().index("event_id")
    stay = frozenset(row for row in old if row[event] not in fresh)
    return stay | frozenset(row for row in rows if row[event] in fresh)
