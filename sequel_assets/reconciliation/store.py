"""What the reconciliation reads from the warehouse before it requests totals, and what it writes afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from sequel_assets.reconciliation.company_totals import Sums
from sequel_assets.reconciliation.decisions import COMPANY, ReconciliationFinding, known_range
from sequel_assets.refresh.core.datasets import LANDED
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.coverage.slice_coverage import read_slice_coverage
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.slices.replacement import note_stored
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import event_participants, problems, reconciliations
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

RANGE, ALL_TIME, BEFORE = "range", "all_time", "before_start"
"""The scopes of an event; the last one stores what Sequel holds from before the history."""


@dataclass(frozen=True)
class KnownTotals:
    """What is known of a company before the reconciliation."""

    company_id: str
    events: tuple[KnownEvent, ...]
    """Those that are reconciled: neither vanished nor ruled out."""
    left_out: int
    """How many are not."""
    span: Span | None
    """The range of days that (b) compares; None while no day has closed."""
    horizon: date
    """First day of the history: what Sequel holds from before it is counted separately."""
    kept: Mapping[str, Mapping[date, int]]
    """event -> day -> engaged minutes, from the horizon on."""
    sums: Mapping[date, Sums]
    """day -> minutes of all events."""
    before: Mapping[str, int]
    """event -> minutes before the horizon, by Sequel's last answer about them."""

    def of(self, event_id: str) -> Mapping[date, int]:
        """Return the minutes kept of an event."""
        return self.kept.get(event_id, {})


@repeats
def read_known(warehouse: Warehouse, company_id: str, horizon: date) -> KnownTotals:
    """Return what is kept of a company, in one consistent state."""
    fact, r, u = event_participants.c, reconciliations.c, unlisted_usage.c
    minutes = [sa.func.sum(fact[name]) for name in ("live_minutes", "on_demand_minutes", "engaged_minutes")]
    with warehouse.read() as connection:
        everything = catalog.known_events(connection, company_id)
        excluded = catalog.excluded_events(connection, company_id)
        coverage = read_slice_coverage(connection, [event_participants.name], [company_id])[event_participants.name]
        listed = (
            sa.select(fact.event_id, fact.day, *minutes)
            .where(fact.company_id == company_id, fact.day >= horizon)
            .group_by(fact.event_id, fact.day)
        )
        beyond = sa.select(u.event_id, u.day, u.live_minutes, u.on_demand_minutes, u.engaged_minutes)
        rows = connection.execute(
            sa.union_all(listed, beyond.where(u.company_id == company_id, u.day >= horizon))
        ).all()
        remembered = connection.execute(
            sa.select(r.event_id, r.promised_minutes).where(
                r.company_id == company_id, r.scope == BEFORE, r.last_day == horizon - timedelta(days=1)
            )
        ).all()
    reconciled = tuple(
        event for event in everything.values() if event.vanished_at is None and event.event_id not in excluded
    )
    kept: dict[str, dict[date, int]] = {}
    sums: dict[date, Sums] = {}
    for event_id, day, live, on_demand, engaged in rows:
        of_event = kept.setdefault(event_id, {})
        of_event[day] = of_event.get(day, 0) + int(engaged)
        so_far = sums.get(day, Sums())
        sums[day] = Sums(so_far.live + int(live), so_far.on_demand + int(on_demand), so_far.engaged + int(engaged))
    return KnownTotals(
        company_id,
        reconciled,
        len(everything) - len(reconciled),
        known_range(coverage.get(company_id, {}), horizon),
        horizon,
        kept,
        sums,
        {row.event_id: int(row.promised_minutes) for row in remembered},
    )


def days_with_problems(connection: sa.Connection, company_id: str, span: Span) -> list[date]:
    """Return the days of a span with a problem of the company's facts."""
    p = problems.c
    chosen = (
        p.company_id == company_id,
        p.dataset.in_([dataset.name for dataset in LANDED]),
        p.day.between(span.first, span.last),
    )
    return list(connection.scalars(sa.select(p.day).where(*chosen).distinct().order_by(p.day)))


@repeats
def write_findings(
    warehouse: Warehouse,
    company_id: str,
    findings: Sequence[ReconciliationFinding],
    known: KnownTotals,
    run_info: RunInfo,
) -> None:
    """Write what was found and delete rows of events that are not reconciled any more; those of failed events stay."""
    r = reconciliations.c
    rows = [
        {
            "company_id": company_id,
            "event_id": finding.event_id,
            "scope": finding.scope,
            "first_day": finding.first_day,
            "last_day": finding.last_day,
            "found_minutes": finding.found,
            "promised_minutes": finding.expected,
            "verdict": finding.result.value,
            "checked_at": run_info.at,
        }
        for finding in findings
    ]
    with warehouse.write(company_id) as connection:
        stored = set(connection.scalars(sa.select(r.event_id).where(r.company_id == company_id).distinct()))
        for event_id in sorted(stored - {event.event_id for event in known.events} - {COMPANY}):
            connection.execute(reconciliations.delete().where(r.company_id == company_id, r.event_id == event_id))
        bulk.upsert(connection, reconciliations, rows)
        note_stored(
            connection, company_id, reconciliations, at=run_info.at, through=run_info.through, run_id=run_info.run_id
        )
