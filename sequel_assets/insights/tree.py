"""A company with all beneath it, at any depth, on which days: what a roll-up counts over."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Date, and_, case, cast, func, literal, null, or_, select

from sequel_assets.warehouse.tables.company_lists import company_parents

Parents = Mapping[str, list[tuple[date, str | None]]]
"""company id -> (from which day, beneath which company), in the order of days."""


def tree_of(company_id: str) -> sa.CTE:
    """Return the company and all beneath it: company_id, from_day, until_day (excluded); null where there is no such end.

    A company that moved is there several times, for days that do not overlap. Before its first day it stood where that
    day says. A loop of companies ends where it comes back to the first.
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
    tree = select(literal(company_id).label("company_id"), no_day.label("from_day"), no_day.label("until_day")).cte(
        "tree", recursive=True
    )
    above, below = tree.alias("above"), stood.alias("below")
    begins, ends = _later(above.c.from_day, below.c.from_day), _earlier(above.c.until_day, below.c.until_day)
    return tree.union(
        select(below.c.company_id, begins, ends)
        .select_from(above.join(below, below.c.parent_company_id == above.c.company_id))
        .where(below.c.company_id != company_id, or_(begins.is_(None), ends.is_(None), begins < ends))
    )


def stands(tree: Any, company: Any, day: Any) -> Any:
    """Return the condition that a company stands in the tree on a day."""
    t = tree.c
    return and_(
        t.company_id == company,
        or_(t.from_day.is_(None), t.from_day <= day),
        or_(t.until_day.is_(None), day < t.until_day),
    )


def _later(one: Any, other: Any) -> Any:
    return case((one.is_(None), other), (other.is_(None), one), (one > other, one), else_=other)


def _earlier(one: Any, other: Any) -> Any:
    return case((one.is_(None), other), (other.is_(None), one), (one < other, one), else_=other)


def parents_of(rows: Iterable[tuple[str, date, str | None]]) -> Parents:
    """Return the rows of company_parents as the decisions want them."""
    found: dict[str, list[tuple[date, str | None]]] = {}
    for company_id, from_day, parent in sorted(rows, key=lambda row: (row[0], row[1])):
        found.setdefault(company_id, []).append((from_day, parent))
    return found


def parent_on(parents: Parents, company_id: str, day: date) -> str | None:
    """Return the company directly above on a day; None for the root, and for one that is not known."""
    stood = parents.get(company_id)
    if not stood:
        return None
    return next((parent for from_day, parent in reversed(stood) if from_day <= day), stood[0][1])


def members_on(parents: Parents, companies: Iterable[str], day: date) -> dict[str, list[str]]:
    """Return of each company itself and all beneath it on a day, as `tree_of` says in SQL."""
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
