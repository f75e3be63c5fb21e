"""A company with its descendants at any depth, and the days on which each belongs to it: the scope of a roll-up."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Date, and_, case, cast, func, null, or_, select

from sequel_assets.insights.sql import company_label
from sequel_assets.warehouse.tables.company_lists import company_parents

Parents = Mapping[str, list[tuple[date, str | None]]]
"""company id -> (from which day, parent company), in the order of days."""


def hierarchy_of(company_id: str) -> sa.CTE:
    """Return the company and its descendants: company_id, from_day, until_day (excluded); null where it has no bound.

    A company that moved has several rows, for days that do not overlap. Before its first day it has the parent of that
    day. A loop of companies ends where it returns to the first.
    """
    p = company_parents.c
    of_company: dict[str, Any] = {"partition_by": p.company_id, "order_by": p.from_day}
    is_first = func.row_number().over(**of_company) == 1
    stood = select(
        p.company_id,
        p.parent_company_id,
        case((is_first, cast(null(), Date)), else_=p.from_day).label("from_day"),
        func.lead(p.from_day).over(**of_company).label("until_day"),
    ).cte("stood")
    no_day = cast(null(), Date)
    hierarchy = select(company_label(company_id), no_day.label("from_day"), no_day.label("until_day")).cte(
        "hierarchy", recursive=True
    )
    above, below = hierarchy.alias("above"), stood.alias("below")
    begins, ends = _later(above.c.from_day, below.c.from_day), _earlier(above.c.until_day, below.c.until_day)
    return hierarchy.union(
        select(below.c.company_id, begins, ends)
        .select_from(above.join(below, below.c.parent_company_id == above.c.company_id))
        .where(below.c.company_id != company_id, or_(begins.is_(None), ends.is_(None), begins < ends))
    )


def belongs_on(hierarchy: Any, company: Any, day: Any) -> Any:
    """Return the condition that a company belongs to the hierarchy on a day."""
    h = hierarchy.c
    return and_(
        h.company_id == company,
        or_(h.from_day.is_(None), h.from_day <= day),
        or_(h.until_day.is_(None), day < h.until_day),
    )


def _later(one: Any, other: Any) -> Any:
    return case((one.is_(None), other), (other.is_(None), one), (one > other, one), else_=other)


def _earlier(one: Any, other: Any) -> Any:
    return case((one.is_(None), other), (other.is_(None), one), (one < other, one), else_=other)


def parents_of(rows: Iterable[tuple[str, date, str | None]]) -> Parents:
    """Return the rows of company_parents by company, in the order of days."""
    found: dict[str, list[tuple[date, str | None]]] = {}
    for company_id, from_day, parent in sorted(rows, key=lambda row: (row[0], row[1])):
        found.setdefault(company_id, []).append((from_day, parent))
    return found


def parent_on(parents: Parents, company_id: str, day: date) -> str | None:
    """Return a company's parent on a day; None for the root and for an unknown company."""
    stood = parents.get(company_id)
    if not stood:
        return None
    return next((parent for from_day, parent in reversed(stood) if from_day <= day), stood[0][1])


def members_on(parents: Parents, companies: Iterable[str], day: date) -> dict[str, list[str]]:
    """Return each company with its descendants on a day, as `hierarchy_of` does in SQL."""
    members: dict[str, list[str]] = {company_id: [] for company_id in companies}
    for company_id in members:
        above: str | None = company_id
        seen: set[str] = set()
        while above is not None and above not in seen:
            seen.add(above)
            if above in members:
                members[above].append(company_id)
            above = parent_on(parents, above, day)
    return members
