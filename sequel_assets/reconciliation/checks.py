"""What the patrol left in the warehouse, read for the checks: verdicts, how old they are, and what was restated."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.reconciliation.decisions import ReconciliationResult
from sequel_assets.reconciliation.store import BEFORE, COMPANY
from sequel_assets.warehouse.tables.core import (
    companies,
    event_participants,
    events,
    exclusions,
    problems,
    reconciliations,
    refreshes,
    restatements,
)

LONGEST_PAUSE = timedelta(days=2)
"""So long a patrol may fail to run before the checks say so."""


@dataclass(frozen=True)
class Wrong:
    """A total that is not what is kept here."""

    company_id: str
    event_id: str
    scope: str
    first_day: date | None
    last_day: date | None
    found: int
    promised: int


@dataclass(frozen=True)
class Figures:
    """What the verdicts of a scope are about."""

    events: int
    oldest_checked_at: datetime | None
    minutes_before_start: int


@dataclass(frozen=True)
class Restatement:
    """A number of a final slice that is another one now."""

    company_id: str
    day: date
    key: str
    column: str
    was: float
    now: float


def differing(connection: sa.Connection, *scopes: str) -> list[Wrong]:
    """Return the totals that are not what is kept; of events that are asked, or of companies."""
    r = reconciliations.c
    columns = (r.company_id, r.event_id, r.scope, r.first_day, r.last_day, r.found_minutes, r.promised_minutes)
    chosen = (r.scope.in_(scopes), r.verdict == ReconciliationResult.DIFFERS.value, _is_asked())
    rows = connection.execute(sa.select(*columns).where(*chosen).order_by(r.company_id, r.event_id, r.scope))
    return [Wrong(*row) for row in rows]


def figures(connection: sa.Connection, scope: str) -> Figures:
    """Return how many events have a verdict, the oldest one's time, and all that Sequel holds from before the history."""
    r = reconciliations.c
    query = sa.select(sa.func.count(), sa.func.min(r.checked_at)).where(r.scope == scope, _is_asked())
    count, oldest = connection.execute(query).one()
    before = connection.scalar(sa.select(sa.func.sum(r.promised_minutes)).where(r.scope == BEFORE, _is_asked()))
    return Figures(count, oldest, int(before or 0))


def skipped(connection: sa.Connection, *scopes: str) -> int:
    """Return how many totals of companies could not be compared."""
    r = reconciliations.c
    chosen = (r.scope.in_(scopes), r.verdict == ReconciliationResult.SKIPPED.value)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(reconciliations).where(*chosen)) or 0)


def not_patrolled(connection: sa.Connection, now: datetime) -> list[tuple[str, datetime | None]]:
    """Return (company, last patrol) of each whose last patrol is too old, or that has long had closed days and none."""
    r, limit = refreshes.c, now - LONGEST_PAUSE
    last = {
        row.company_id: row.refreshed_at
        for row in connection.execute(sa.select(refreshes).where(r.dataset == reconciliations.name))
    }
    closed = sa.select(r.company_id).where(
        r.dataset == event_participants.name, r.full_through.is_not(None), r.refreshed_at <= limit
    )
    owing = set(connection.scalars(closed.distinct()))
    there = connection.scalars(sa.select(companies.c.company_id).where(companies.c.gone_at.is_(None)))
    return [
        (company_id, last.get(company_id))
        for company_id in sorted(there)
        if (company_id in last and last[company_id] < limit) or (company_id not in last and company_id in owing)
    ]


def not_asked(connection: sa.Connection) -> list[tuple[str, str, str]]:
    """Return (company, event, reason) of what the last patrol could not tell."""
    p = problems.c
    query = sa.select(p.company_id, p.event_id, p.reason).where(p.dataset == reconciliations.name)
    return [tuple(row) for row in connection.execute(query.order_by(p.company_id, p.event_id))]


def restated_since(connection: sa.Connection, dataset: str, moment: datetime) -> list[Restatement]:
    """Return the numbers of a dataset that were seen to change after a moment, the newest days first."""
    r = restatements.c
    columns = (r.company_id, r.day, r.key, r.column_name, r.from_value, r.to_value)
    query = sa.select(*columns).where(r.dataset == dataset, r.seen_at > moment)
    rows = connection.execute(query.order_by(r.day.desc(), r.company_id, r.key, r.column_name, r.seen_at))
    return [Restatement(*row) for row in rows]


def _is_asked() -> sa.ColumnElement[bool]:
    """Say of a verdict that its event is still asked; one that vanished or was ruled out turns no light red."""
    r, e, x = reconciliations.c, events.c, exclusions.c
    there = sa.exists().where(e.company_id == r.company_id, e.event_id == r.event_id, e.vanished_at.is_(None))
    ruled_out = sa.exists().where(x.company_id == r.company_id, x.event_id == r.event_id)
    return sa.or_(r.event_id == COMPANY, sa.and_(there, ~ruled_out))
