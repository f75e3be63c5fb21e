"""Deriving a company's insights from its facts: whatever is behind, set-wise, in one transaction unless it takes long.

A slice is behind when the checksum of the facts that it was derived from is not the facts' checksum now. Of an as-of
slice that is a chain over every day from the start, and while a day of it has no facts the slice is not written. The
chain starts after the last day that Sequel forgot before it was known: nobody can wait for that one. What is derived at
a day's close has no slice of an open day, unless it is requested; from then on it is kept up to date like any
other, and where it has to wait its problem remembers that it was requested.
"""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.insights.sql import is_long
from sequel_assets.refresh.core.datasets import LANDED_NAMES
from sequel_assets.refresh.core.retention import DAY, NONE_FROZEN, counts_from, is_closed
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.select import is_seed, rows_by_day
from sequel_assets.refresh.transform.sources import together
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate, day_end
from sequel_assets.warehouse.slices.replacement import SliceResult, drop_slices, replace_slices
from sequel_assets.warehouse.stores import availability, problems
from sequel_assets.warehouse.stores.event_hosts import event_checksums
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets.warehouse.tables.dataset import Insight

OWN_INSIGHTS = tuple(insight for insight in INSIGHTS if not insight.with_descendants)
"""What is derived from a company's own facts."""
LONG, GIVES_WAY = 10, 0.25
"""Seconds: a longer transaction ends after the insight that it is at, and others may write before the next.

SQLite has one writer, and a year of a big company can take longer than the others wait for it."""
_EVER, _NEVER = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class WantedSlice:
    """What an insight's slice should say of itself, by the facts as they are."""

    input_checksum: str
    data_through: datetime
    full_through: datetime | None
    is_closed: bool
    """Whether the sources' own slices of that day have closed."""
    is_full: bool = False
    """Whether every event of that day was requested: on an open day only an explicit request does that, no hour."""

    def is_owed(self, insight: Insight) -> bool:
        """Say whether the slice is to be there without a request."""
        return self.is_closed or self.is_full or not insight.at_close

    def update_of(self, table: sa.Table, day: date, rows: list[Any] | None) -> SliceUpdate:
        """Return the update that makes a slice say this; without rows the bookkeeping alone moves on."""
        data, full = self.data_through, self.full_through
        return SliceUpdate(table, day, rows, None, data, data, full, input_checksum=self.input_checksum)


@dataclass(frozen=True)
class Derived:
    """What became of a company's insights, by dataset."""

    results: Mapping[str, Sequence[SliceResult]]
    waiting: Mapping[str, Mapping[date, str]]
    """Of the days that must wait the reason."""


def wanted_slices(
    insight: Insight, facts: Mapping[date, Any], start: date, frozen_before: date = NONE_FROZEN
) -> tuple[dict[date, WantedSlice], dict[date, date]]:
    """Return what each day's slice should be, and for those that must wait the first day without facts.

    `facts` are the rows of `refreshes` of the datasets that the insight is derived from, taken together. Pure.

    An as-of slice covers as much as the least of its days that are still open. Earlier days that are closed but not
    final keep it from being final, and do not keep it from being closed at its own day's end; frozen ones, which will
    never turn final, do neither. There is none before the day from which it counts.
    """
    first = counts_from(facts, start, frozen_before) if insight.as_of else start
    known = {day: row for day, row in facts.items() if row.data_through is not None and day >= first}
    if not insight.as_of:
        return {
            day: WantedSlice(
                row.checksum, row.data_through, row.full_through, is_closed(day, row), row.full_through is not None
            )
            for day, row in known.items()
        }, {}
    wanted, waiting = {}, {}
    chain = hashlib.sha256(first.isoformat().encode())
    missing: date | None = None
    open_data = open_full = closed_full = _EVER
    next_day = first
    for day in sorted(known):
        if missing is None and day != next_day:
            missing = next_day
        if missing is not None:
            waiting[day] = missing
            continue
        row = known[day]
        chain.update(row.checksum.encode() if is_closed(day, row) else f"{row.checksum} open".encode())
        own_full = row.full_through or _NEVER
        full = min(own_full, open_full, max(closed_full, day_end(day)))
        through = None if full == _NEVER else full
        wanted[day] = WantedSlice(
            chain.copy().hexdigest(),
            min(open_data, row.data_through),
            through,
            is_closed(day, row),
            row.full_through is not None,
        )
        if row.data_through < day_end(day):
            open_data = min(open_data, row.data_through)
        if own_full < day_end(day):
            open_full = min(open_full, own_full)
        elif not row.is_final and day >= frozen_before:
            closed_full = min(closed_full, own_full)
        next_day = day + DAY
    return wanted, waiting


def derive(
    warehouse: Warehouse,
    company_id: str,
    days: Collection[date],
    *,
    start: date,
    run_info: RunInfo,
    frozen_before: date = NONE_FROZEN,
    even_open: Collection[date] = (),
) -> Derived:
    """Derive every slice of the company that is behind its facts; those of `days` are accounted for in any case.

    What is derived at a day's close is also derived of the days in `even_open`.
    """
    results: dict[str, list[SliceResult]] = {}
    reasons: dict[str, dict[date, str]] = {}
    of_insight: dict[str, Mapping[date, Any]] = {}
    ahead = list(OWN_INSIGHTS)

    def derive_some(connection: sa.Connection) -> list[Insight]:
        """Derive what lies ahead until that has lasted long; it may be done again, and counts from `ahead` only."""
        began = time.monotonic()
        problems.delete_before(
            connection, company_id, LANDED_NAMES, frozen_before
        )  # nothing is requested of them any more
        stored = _stored(connection, company_id)
        unavailable = availability.unavailable_datasets(connection, company_id)
        plans = {kind: each.get(company_id, {}) for kind, each in event_checksums(connection, company_id).items()}
        noted = problems.days_with_problems(connection, company_id)
        planned: dict[tuple[object, ...], tuple[Mapping[date, Any], dict[date, WantedSlice], dict[date, date]]] = {}
        done: list[Insight] = []
        updates: list[SliceUpdate] = []
        for insight in ahead:
            done.append(insight)
            if insight.basis not in planned:
                facts = together(insight, stored, unavailable, plans)
                planned[insight.basis] = facts, *wanted_slices(insight, facts, start, frozen_before)
            facts, wanted, waiting = planned[insight.basis]
            of_insight[insight.name] = facts
            first = counts_from(facts, start, frozen_before) if insight.as_of else start
            requested = {*even_open, *noted.get(insight.name, ()), *stored.get(insight.name, ())}
            reasons[insight.name] = {
                day: f"not written: {missing} has no {insight.sources_in_words} yet; "
                "backfill that day and this one follows by itself"
                for day, missing in waiting.items()
                if not insight.at_close or day in requested or is_closed(day, facts[day])
            }
            if insight.as_of:  # counted from another start than today's settings say, or over days that are missing
                stale = [day for day in stored.get(insight.name, {}) if day not in wanted]
                drop_slices(connection, company_id, insight.table, stale)
            have = stored.get(insight.name, {})
            wanted = {day: want for day, want in wanted.items() if want.is_owed(insight) or day in requested}
            updates += _updates(connection, company_id, insight, wanted, have, days, first)
            if time.monotonic() - began > LONG:
                break
        written = replace_slices(
            connection,
            company_id,
            updates,
            at=run_info.at,
            late_window=run_info.late_window,
            run_id=run_info.run_id,
        )
        for insight in done:
            results[insight.name] = [result for result in written if result.table is insight.table]
        return done

    while ahead:
        ahead = ahead[len(warehouse.change(derive_some, company_id)) :]
        if ahead:
            time.sleep(GIVES_WAY)
    standing = [Problem(company_id, name, reason, day) for name in reasons for day, reason in reasons[name].items()]
    concerned = {name: dict.fromkeys(facts) for name, facts in of_insight.items()}
    problems.replace_problems(warehouse, company_id, concerned, standing, at=run_info.at)
    return Derived(results, reasons)


_STORED = sa.select(
    *refreshes.c["dataset", "day", "data_through", "full_through", "is_final", "checksum", "input_checksum"]
).where(refreshes.c.company_id == sa.bindparam("of_company"))


def _stored(connection: sa.Connection, company_id: str) -> dict[str, dict[date, Any]]:
    found: dict[str, dict[date, Any]] = {}
    for row in connection.execute(_STORED, {"of_company": company_id}):
        found.setdefault(row.dataset, {})[row.day] = row
    return found


def _updates(
    connection: sa.Connection,
    company_id: str,
    insight: Insight,
    wanted: Mapping[date, WantedSlice],
    stored: Mapping[date, Any],
    days: Collection[date],
    start: date,
) -> list[SliceUpdate]:
    """Return the updates of the slices that are behind; where the facts are the same the bookkeeping alone moves on."""
    accounted = set(days)
    outdated = {
        day for day, want in wanted.items() if day not in stored or stored[day].input_checksum != want.input_checksum
    }
    moved = {
        day
        for day, want in wanted.items()
        if day not in outdated
        and (
            day in accounted
            or (stored[day].data_through, stored[day].full_through) != (want.data_through, want.full_through)
        )
    }
    due = sorted(outdated)
    is_short = bool(due) and not is_long(due[0], due[-1], start)
    is_carried = is_short and is_seed(connection, company_id, insight, due[0] - DAY, wanted, stored)
    rows = rows_by_day(connection, company_id, insight, due, start, is_carried=is_carried)
    return [
        wanted[day].update_of(insight.table, day, rows.get(day, []) if day in outdated else None)
        for day in sorted(outdated | moved)
    ]
