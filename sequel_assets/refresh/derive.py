"""Deriving a company's insights from its facts: whatever is behind, set-wise, in one transaction.

A slice is behind when the checksum of the facts that it was derived from is not the facts' checksum now. Of an as-of
slice that is a chain over every day from the start, and while a day of it has no facts the slice is not written.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.warehouse import problems
from sequel_assets.warehouse.dataset import Insight
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.slices import SliceResult, SliceUpdate, day_end, drop_slices, replace_slices
from sequel_assets.warehouse.tables import (
    refreshes,
)

from .events import Moment

DAY = timedelta(days=1)
_EVER, _NEVER = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """What an insight's slice should say of itself, by the facts as they are."""

    input_checksum: str
    data_through: datetime
    full_through: datetime | None


def wanted_slices(
    insight: Insight, facts: Mapping[date, Any], start: date
) -> tuple[dict[date, Wanted], dict[date, date]]:
    """Return what each day's slice should be, and for those that must wait the first day without facts.

    `facts` are the rows of `refreshes` of the dataset that the insight is derived from. Pure.

    An as-of slice covers as much as the least of its days that are still open. Earlier days that are closed but not
    final keep it from being final, and do not keep it from being closed at its own day's end.
    """
    known = {day: row for day, row in facts.items() if row.data_through is not None and day >= start}
    if not insight.as_of:
        return {day: Wanted(row.checksum, row.data_through, row.full_through) for day, row in known.items()}, {}
    wanted, waiting = {}, {}
    chain = hashlib.sha256(start.isoformat().encode())
    missing: date | None = None
    open_data = open_full = closed_full = _EVER
    next_day = start
    for day in sorted(known):
        if missing is None and day != next_day:
            missing = next_day
        if missing is not None:
            waiting[day] = missing
            continue
        row = known[day]
        chain.update(row.checksum.encode())
        own_full = row.full_through or _NEVER
        full = min(own_full, open_full, max(closed_full, day_end(day)))
        through = None if full == _NEVER else full
        wanted[day] = Wanted(chain.copy().hexdigest(), min(open_data, row.data_through), through)
        if row.data_through < day_end(day):
            open_data = min(open_data, row.data_through)
        if own_full < day_end(day):
            open_full = min(open_full, own_full)
        elif not row.is_final:
            closed_full = min(closed_full, own_full)
        next_day = day + DAY
    return wanted, waiting


def derive(
    warehouse: Warehouse, company_id: str, days: Collection[date], *, start: date, moment: Moment
) -> tuple[dict[str, list[SliceResult]], dict[str, dict[date, str]]]:
    """Derive every slice of the company that is behind its facts; those of `days` are accounted for in any case.

    Return, by dataset, what became of each, and of those that must wait the reason.
    """
    results: dict[str, list[SliceResult]] = {}
    reasons: dict[str, dict[date, str]] = {}
    with warehouse.write(company_id) as connection:
        stored = _stored(connection, company_id)
        for insight in INSIGHTS:
            facts = stored.get(insight.source_dataset, {})
            wanted, waiting = wanted_slices(insight, facts, start)
            reasons[insight.name] = {
                day: f"not written: {missing} has no {insight.source_dataset} yet; backfill that day and this one follows by itself"
                for day, missing in waiting.items()
            }
            if insight.as_of:  # counted from another start than today's settings say, or over days that are missing
                stale = [day for day in stored.get(insight.name, {}) if day not in wanted]
                drop_slices(connection, company_id, insight.table, stale)
            updates = _updates(connection, company_id, insight, wanted, stored.get(insight.name, {}), days, start)
            results[insight.name] = replace_slices(
                connection, company_id, updates, at=moment.at, late_window=moment.late_window, run_id=moment.run_id
            )
    for insight in INSIGHTS:
        standing = [Problem(company_id, insight.name, reason, day) for day, reason in reasons[insight.name].items()]
        days = sorted(stored.get(insight.source_dataset, {}))
        problems.settle(warehouse, company_id, insight.name, days, standing, at=moment.at)
    return results, reasons


def _stored(connection: sa.Connection, company_id: str) -> dict[str, dict[date, Any]]:
    found: dict[str, dict[date, Any]] = {}
    for row in connection.execute(sa.select(refreshes).where(refreshes.c.company_id == company_id)):
        found.setdefault(row.dataset, {})[row.day] = row
    return found


def _updates(
    connection: sa.Connection,
    company_id: str,
    insight: Insight,
    wanted: Mapping[date, Wanted],
    stored: Mapping[date, Any],
    days: Collection[date],
    start: date,
) -> list[SliceUpdate]:
    """Return the updates of the slices that are behind; where the facts are the same the bookkeeping alone moves on."""
    again = {
        day for day, want in wanted.items() if day not in stored or stored[day].input_checksum != want.input_checksum
    }
    moved = {
        day
        for day, want in wanted.items()
        if day not in again
        and (
            day in set(days)
            or (stored[day].data_through, stored[day].full_through) != (want.data_through, want.full_through)
        )
    }
    rows = _select(connection, company_id, insight, sorted(again), start)
    return [
        SliceUpdate(
            insight.table,
            day,
            None if day not in again else rows.get(day, []),
            None,
            through=wanted[day].data_through,
            data_through=wanted[day].data_through,
            full_through=wanted[day].full_through,
            input_checksum=wanted[day].input_checksum,
        )
        for day in sorted(again | moved)
    ]


def _select(
    connection: sa.Connection, company_id: str, insight: Insight, days: Sequence[date], start: date
) -> dict[date, list[Any]]:
    if not days:
        return {}
    place, chosen = list(insight.table.columns).index(insight.table.c.day), set(days)
    found: dict[date, list[Any]] = {}
    selected: Any = connection.execute(insight.select(company_id, days[0], days[-1], start))
    for row in selected:
        if row[place] in chosen:
            found.setdefault(row[place], []).append(tuple(row))
    return found
