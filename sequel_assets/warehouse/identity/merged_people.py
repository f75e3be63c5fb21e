"""Finds slices in which an older release may have counted people of one name without an e-mail as one person.

The stored rows do not say how many they were, so a problem requests a refresh of each such slice. Final days are
refreshed too and log what changed; days that Sequel no longer has stay as they are.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.stores.problems import ProblemKind
from sequel_assets.warehouse.tables.company_lists import hub_participants, registrants
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, people, problems, proofs
from sequel_assets.warehouse.tables.event_details import event_activity

KIND = ProblemKind.REQUEST
REASON = (
    "to be requested again: an older release may have counted people of one name and without an e-mail as one, "
    "or one person as two"
)


def note_merged(
    connection: sa.Connection, company_id: str, *, at: datetime, also: Collection[tuple[str, date, str]] = ()
) -> None:
    """Write a problem for each event's day (and each list without days) of a company that has to be refreshed.

    `also` are (dataset, day, event) that have to be refreshed for another reason.
    """
    found: set[tuple[str, date, str]] = {
        *also,
        *((event_participants.name, day, event_id) for day, event_id in _days(connection, company_id)),
        *((event_activity.name, day, event_id) for day, event_id in _activity(connection, company_id)),
    }
    for table in (registrants, hub_participants):
        query = sa.select(sa.literal(NO_DAY, sa.Date), table.c.event_id).select_from(_unnamed(table))
        chosen = query.where(table.c.company_id == company_id, people.c.email.is_(None)).distinct()
        found |= {(table.name, NO_DAY, event_id) for _, event_id in connection.execute(chosen)}
    rows = [
        {"company_id": company_id, "dataset": dataset, "day": day, "event_id": event_id, "since": at}
        | {"reason": REASON, "kind": KIND}
        for dataset, day, event_id in sorted(found)
    ]
    bulk.upsert(connection, problems, rows, keep=("since",))


def _unnamed(table: sa.Table) -> sa.FromClause:
    beside = sa.and_(people.c.company_id == table.c.company_id, people.c.person_id == table.c.person_id)
    return table.join(people, beside)


def _days(connection: sa.Connection, company_id: str) -> Sequence[Any]:
    """Return the days of events with fewer people than Sequel counted, or somebody unnamed both live and on demand."""
    f, p = event_participants.c, proofs.c
    live, on_demand = (
        sa.func.sum(sa.case((column > 0, 1), else_=0)) for column in (f.live_minutes, f.on_demand_minutes)
    )
    unnamed = sa.func.sum(sa.case((people.c.email.is_(None), 1), else_=0))
    both = sa.case((sa.and_(people.c.email.is_(None), f.live_minutes > 0, f.on_demand_minutes > 0), 1), else_=0)
    same_event = sa.and_(p.company_id == f.company_id, p.day == f.day, p.event_id == f.event_id)
    query = (
        sa.select(f.day, f.event_id)
        .select_from(_unnamed(event_participants).join(proofs, same_event))
        .where(f.company_id == company_id)
        .group_by(f.day, f.event_id, p.live_users, p.on_demand_users)
        .having(unnamed > 0, sa.or_(live < p.live_users, on_demand < p.on_demand_users, sa.func.sum(both) > 0))
    )
    return connection.execute(query).all()


def _activity(connection: sa.Connection, company_id: str) -> Sequence[Any]:
    """Return the events with several entries of one unnamed person."""
    a = event_activity.c
    chosen = (a.company_id == company_id, people.c.email.is_(None), a.entries > 1)
    return connection.execute(
        sa.select(a.day, a.event_id).select_from(_unnamed(event_activity)).where(*chosen).distinct()
    ).all()
