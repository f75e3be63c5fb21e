"""Reads what the reconciliation wrote into the warehouse, for the checks: results, their age, and restatements."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.reconciliation.decisions import COMPANY, ReconciliationResult
from sequel_assets.reconciliation.store import BEFORE
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
"""For so long a reconciliation may fail to run before the checks report it."""


def differing(connection: sa.Connection, *scopes: str) -> Sequence[sa.Row[Any]]:
    """Return the rows of totals that differ from what is kept; of events still reconciled, or of companies."""
    r = reconciliations.c
    chosen = (r.scope.in_(scopes), r.verdict == ReconciliationResult.DIFFERS.value, _is_reconciled())
    query = sa.select(reconciliations).where(*chosen).order_by(r.company_id, r.event_id, r.scope)
    return connection.execute(query).all()


def checked(connection: sa.Connection, scope: str) -> tuple[int, datetime | None]:
    """Return how many events have a result of a scope, and the time of the oldest one."""
    r = reconciliations.c
    query = sa.select(sa.func.count(), sa.func.min(r.checked_at)).where(r.scope == scope, _is_reconciled())
    count, oldest = connection.execute(query).one()
    return count, oldest


def minutes_before_start(connection: sa.Connection) -> int:
    """Return all minutes that Sequel holds from before the history."""
    r = reconciliations.c
    chosen = (r.scope == BEFORE, _is_reconciled())
    return int(connection.scalar(sa.select(sa.func.sum(r.promised_minutes)).where(*chosen)) or 0)


def skipped(connection: sa.Connection, *scopes: str) -> int:
    """Return how many totals of companies could not be compared."""
    r = reconciliations.c
    chosen = (r.scope.in_(scopes), r.verdict == ReconciliationResult.SKIPPED.value)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(reconciliations).where(*chosen)) or 0)


def overdue_companies(connection: sa.Connection, now: datetime) -> list[tuple[str, datetime | None]]:
    """Return (company, last reconciliation) where that is too old, or missing though days have long been closed."""
    r, limit = refreshes.c, now - LONGEST_PAUSE
    last = {
        row.company_id: row.refreshed_at
        for row in connection.execute(sa.select(refreshes).where(r.dataset == reconciliations.name))
    }
    closed = sa.select(r.company_id).where(
        r.dataset == event_participants.name, r.full_through.is_not(None), r.refreshed_at <= limit
    )
    overdue = set(connection.scalars(closed.distinct()))
    there = connection.scalars(sa.select(companies.c.company_id).where(companies.c.gone_at.is_(None)))
    return [
        (company_id, last.get(company_id))
        for company_id in sorted(there)
        if (company_id in last and last[company_id] < limit) or (company_id not in last and company_id in overdue)
    ]


def unresolved(connection: sa.Connection) -> list[tuple[str, str, str]]:
    """Return (company, event, reason) of what the last reconciliation could not compare."""
    p = problems.c
    query = sa.select(p.company_id, p.event_id, p.reason).where(p.dataset == reconciliations.name)
    return [tuple(row) for row in connection.execute(query.order_by(p.company_id, p.event_id))]


def restated_since(connection: sa.Connection, dataset: str, since: datetime) -> Sequence[sa.Row[Any]]:
    """Return the rows of a dataset's numbers that changed after a time, the newest days first."""
    r = restatements.c
    query = sa.select(restatements).where(r.dataset == dataset, r.seen_at > since)
    return connection.execute(query.order_by(r.day.desc(), r.company_id, r.key, r.column_name, r.seen_at)).all()


def _is_reconciled() -> sa.ColumnElement[bool]:
    """Whether a result's event is still reconciled; one that vanished or was ruled out fails no check."""
    r, e, x = reconciliations.c, events.c, exclusions.c
    there = sa.exists().where(e.company_id == r.company_id, e.event_id == r.event_id, e.vanished_at.is_(None))
    ruled_out = sa.exists().where(x.company_id == r.company_id, x.event_id == r.event_id)
    return sa.or_(r.event_id == COMPANY, sa.and_(there, ~ruled_out))
