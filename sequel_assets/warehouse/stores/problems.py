"""What could not be refreshed, and what is still to be done. Each call is a transaction of its own."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.tables.core import NO_DAY, problems

LONGEST_REASON = 1000


class ProblemKind(StrEnum):
    """What a row of `problems` stands for; the table's comment says what each kind means."""

    PROBLEM = "problem"
    REQUEST = "request"
    PENDING = "pending"
    LIST_CAP = "list_cap"
    UNKNOWN_CHILDREN = "unknown_children"


@dataclass(frozen=True)
class Problem:
    """One slice (or one event of it) that could not be refreshed, and why."""

    company_id: str
    dataset: str
    reason: str
    day: date = NO_DAY
    event_id: str = ""
    kind: ProblemKind = ProblemKind.PROBLEM


def companies_with(connection: sa.Connection, dataset: str) -> frozenset[str]:
    """Return the companies that have a problem with a dataset."""
    p = problems.c
    return frozenset(connection.scalars(sa.select(p.company_id).where(p.dataset == dataset).distinct()))


def days_with_problems(connection: sa.Connection, company_id: str) -> dict[str, set[date]]:
    """Return, by dataset, the days of a company that problems stand for."""
    p = problems.c
    found: dict[str, set[date]] = {}
    for dataset, day in connection.execute(sa.select(p.dataset, p.day).where(p.company_id == company_id)):
        found.setdefault(dataset, set()).add(day)
    return found


def with_unknown_children(connection: sa.Connection) -> frozenset[str]:
    """Return the companies whose sub-companies Sequel has never listed."""
    p = problems.c
    return frozenset(connection.scalars(sa.select(p.company_id).where(p.kind == ProblemKind.UNKNOWN_CHILDREN)))


def delete_before(connection: sa.Connection, company_id: str, datasets: Collection[str], first_day: date) -> None:
    """Delete the problems of days before one; those without a day stay."""
    p = problems.c
    chosen = (p.company_id == company_id, p.dataset.in_(datasets), p.day != NO_DAY, p.day < first_day)
    connection.execute(problems.delete().where(*chosen))


Requested = Mapping[date, Collection[str] | None]
"""What was requested of a dataset: by day the events, None for all of them."""


@repeats
def replace_problems(
    warehouse: Warehouse,
    company_id: str,
    requested: Mapping[str, Requested],
    standing: Iterable[Problem],
    *,
    at: datetime,
) -> None:
    """Make `standing` the problems of what was requested, by dataset.

    New ones are added, solved ones go, old ones keep `since`. Those of other events of a day stay as they are.
    """
    days = [day for of_dataset in requested.values() for day in of_dataset]
    if not days:
        return
    stands = {
        (one.dataset, one.day, one.event_id): (one.reason[:LONGEST_REASON], one.kind)
        for one in standing
        if requested[one.dataset]
    }
    p = problems.c
    chosen = (p.company_id == company_id, p.dataset.in_(list(requested)), p.day.between(min(days), max(days)))
    with warehouse.read() as connection:
        known = {
            (row.dataset, row.day, row.event_id): (row.reason, ProblemKind(row.kind))
            for row in connection.execute(sa.select(problems).where(*chosen))
            if row.day in requested[row.dataset]
        }
    for (dataset, day, event_id), said in known.items():
        events = requested[dataset][day]
        if events is not None and event_id not in events:
            stands[dataset, day, event_id] = said
    if known == stands:
        return
    with warehouse.write() as connection:
        for dataset, day, event_id in sorted(
            known.keys() - stands.keys()
        ):  # in order: two processes must not wait for each other
            of_it = (p.company_id == company_id, p.dataset == dataset, p.day == day, p.event_id == event_id)
            connection.execute(problems.delete().where(*of_it))
        rows = [
            {
                "company_id": company_id,
                "dataset": dataset,
                "day": day,
                "event_id": event_id,
                "reason": reason,
                "since": at,
                "kind": kind,
            }
            for (dataset, day, event_id), (reason, kind) in sorted(stands.items())
        ]
        bulk.upsert(connection, problems, rows, keep=("since",))
