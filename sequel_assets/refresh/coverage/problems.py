"""Writing the problems of slices: those of the events that were requested; those of others stay as they are."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import problems
from sequel_assets.warehouse.stores.problems import Problem, ProblemKind
from sequel_assets.warehouse.tables.core import problems as problems_table


@repeats
def replace_problems_of(
    warehouse: Warehouse,
    company_id: str,
    dataset: str,
    requested: Mapping[date, frozenset[str] | None],
    failed: Sequence[Problem],
    *,
    at: datetime,
) -> None:
    """Make `failed` the problems of what was requested: by day the events, None for all of them."""
    if not requested:
        return
    others: list[Problem] = []
    partly = [day for day, events in requested.items() if events is not None]
    if partly:
        here = (
            problems_table.c.company_id == company_id,
            problems_table.c.dataset == dataset,
            problems_table.c.day.between(min(partly), max(partly)),
        )
        with warehouse.read() as connection:
            for row in connection.execute(sa.select(problems_table).where(*here)):
                events = requested.get(row.day)
                if events is not None and row.event_id not in events:
                    kind = ProblemKind(row.kind)
                    others.append(Problem(company_id, dataset, row.reason, row.day, row.event_id, kind))
    problems.replace_problems(warehouse, company_id, dataset, list(requested), [*failed, *others], at=at)
