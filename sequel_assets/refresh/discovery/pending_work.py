"""What a refresh has noted to do for a company and not done yet, kept in `problems` so that a crash forgets none of it.

An event that is new at a company may have minutes on any day that was refreshed before it came; one whose start moved
has its concurrency on other days. Both are noted before the event is stored, and struck out when the work is done.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.problems import Problem, ProblemKind, Requested, replace_problems
from sequel_assets.warehouse.tables.core import NO_DAY, event_concurrency, event_participants, problems, refreshes

HISTORY, RESTART = event_participants.name, event_concurrency.name
"""The dataset under which each of the two is noted."""
_REASONS = {
    HISTORY: "is new here; days that were refreshed before it came are to be requested; refresh the company again",
    RESTART: "its start moved; its minutes on other days are still to be placed; refresh the company again",
}


@dataclass(frozen=True)
class Pending:
    """The events of a company that have something to be caught up with."""

    newcomers: frozenset[str] = frozenset()
    restarted: frozenset[str] = frozenset()


def noted(connection: sa.Connection, company_id: str) -> Pending:
    """Return what earlier refreshes of the company left undone."""
    rows = connection.execute(
        sa.select(problems.c.dataset, problems.c.event_id).where(
            problems.c.company_id == company_id, problems.c.kind == ProblemKind.PENDING
        )
    ).all()
    return Pending(
        frozenset(row.event_id for row in rows if row.dataset == HISTORY),
        frozenset(row.event_id for row in rows if row.dataset == RESTART),
    )


def note(warehouse: Warehouse, company_id: str, pending: Pending, *, at: datetime, broken_off: str = "") -> None:
    """Make `pending` all that the company has to catch up with; `broken_off` says why a refresh of it did not end."""
    standing = [
        Problem(company_id, dataset, _REASONS[dataset], NO_DAY, event_id, ProblemKind.PENDING)
        for dataset, event_ids in ((HISTORY, pending.newcomers), (RESTART, pending.restarted))
        for event_id in sorted(event_ids)
    ]
    if broken_off:
        standing.append(Problem(company_id, HISTORY, f"its refresh was broken off: {broken_off}"))
    nothing: Requested = {NO_DAY: None}
    replace_problems(warehouse, company_id, dict.fromkeys((HISTORY, RESTART), nothing), standing, at=at)


def refreshed_days(connection: sa.Connection, company_id: str) -> list[date]:
    """Return every day of the company that has a landed slice."""
    chosen = (refreshes.c.company_id == company_id, refreshes.c.dataset.in_([HISTORY, RESTART]))
    return list(connection.scalars(sa.select(refreshes.c.day).where(*chosen).distinct().order_by(refreshes.c.day)))


def days_with_minutes(connection: sa.Connection, company_id: str, event_ids: Collection[str]) -> dict[str, set[date]]:
    """Return the days on which concurrency of these events is stored."""
    found: dict[str, set[date]] = {event_id: set() for event_id in event_ids}
    columns = (event_concurrency.c.event_id, event_concurrency.c.day)
    for event_id, day in connection.execute(
        sa.select(*columns).where(event_concurrency.c.company_id == company_id).distinct()
    ):
        if event_id in found:
            found[event_id].add(day)
    return found
