"""What was learned about how Sequel answers the account: reading it, and replacing it by what a command has found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.tables.company_lists import api_profile
from sequel_assets.warehouse.tables.core import event_participants, refreshes


@dataclass(frozen=True)
class LearnedFact:
    """A fact, with when it was learned and by which command."""

    fact: str
    value: str
    learned_at: datetime
    learned_by: str


def learned(connection: sa.Connection) -> list[LearnedFact]:
    """Return every fact, in order."""
    a = api_profile.c
    query = sa.select(a.fact, a.value, a.learned_at, a.learned_by).order_by(a.fact)
    return [LearnedFact(*row) for row in connection.execute(query)]


def replace(
    connection: sa.Connection, company_id: str, found: Mapping[str, str | None], *, at: datetime, by: str
) -> bool:
    """Write the facts that were found; one that was looked into and is as documented (None) goes.

    A fact that was not looked into stays, and so does the time of one that is as it was. Return whether any changed.
    """
    known = {one.fact: one.value for one in learned(connection)}
    changed = {fact: value for fact, value in found.items() if value != known.get(fact)}
    a = api_profile.c
    connection.execute(api_profile.delete().where(a.fact.in_([f for f, value in changed.items() if value is None])))
    rows = [
        {"company_id": company_id, "fact": fact, "value": value, "learned_at": at, "learned_by": by}
        for fact, value in changed.items()
        if value is not None
    ]
    bulk.upsert(connection, api_profile, rows)
    return bool(changed)


def first_refreshed_day(connection: sa.Connection) -> date | None:
    """Return the first day of which usage is stored, which was requested by what was known then."""
    r = refreshes.c
    chosen = sa.select(r.day).where(r.dataset == event_participants.name).order_by(r.day).limit(1)
    return connection.scalar(chosen)


def forget(connection: sa.Connection) -> int:
    """Delete every fact; return how many there were."""
    return connection.execute(api_profile.delete()).rowcount
