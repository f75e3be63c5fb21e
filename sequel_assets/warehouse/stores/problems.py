"""What could not be refreshed, kept until it is mended. Each call is a transaction of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.tables.core import NO_DAY, problems

LONGEST_REASON = 1000
ASK_AGAIN = "to be asked again"
"""How the reason of a problem begins that stands for no failure: its slice counts as not asked yet, even if it is final."""


@dataclass(frozen=True)
class Problem:
    """One slice (or one event of it) that could not be refreshed, and why."""

    company_id: str
    dataset: str
    reason: str
    day: date = NO_DAY
    event_id: str = ""


def companies_with(connection: sa.Connection, dataset: str) -> frozenset[str]:
    """Return the companies that have a problem with a dataset."""
    p = problems.c
    return frozenset(connection.scalars(sa.select(p.company_id).where(p.dataset == dataset).distinct()))


@repeats
def settle(
    warehouse: Warehouse,
    company_id: str,
    dataset: str,
    days: Sequence[date],
    standing: Iterable[Problem],
    *,
    at: datetime,
) -> None:
    """Make the problems of these slices exactly `standing`: new ones are added, mended ones go, old ones keep `since`."""
    if not days:
        return
    stands = {(problem.day, problem.event_id): problem.reason[:LONGEST_REASON] for problem in standing}
    here = (problems.c.company_id == company_id, problems.c.dataset == dataset)
    chosen, wanted = (*here, problems.c.day.between(min(days), max(days))), set(days)
    with warehouse.read() as connection:
        known = {
            (row.day, row.event_id): row.reason
            for row in connection.execute(sa.select(problems).where(*chosen))
            if row.day in wanted
        }
    if known == stands:
        return
    with warehouse.write() as connection:
        for day, event_id in sorted(
            known.keys() - stands.keys()
        ):  # in order: two processes must not wait for each other
            connection.execute(problems.delete().where(*here, problems.c.day == day, problems.c.event_id == event_id))
        rows = [
            {
                "company_id": company_id,
                "dataset": dataset,
                "day": day,
                "event_id": event_id,
                "reason": reason,
                "since": at,
            }
            for (day, event_id), reason in sorted(stands.items())
        ]
        bulk.upsert(connection, problems, rows, keep=("since",))
