"""Stores each company's place in the company hierarchy by the day from which it has it."""

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.tables.company_lists import company_parents


def remember(connection: sa.Connection, parents: Mapping[str, str | None], day: date) -> None:
    """Write a row for each company whose parent has changed; of two changes on one day the later one counts."""
    c = company_parents.c
    newest = sa.select(c.company_id, sa.func.max(c.from_day).label("from_day")).group_by(c.company_id).subquery()
    same = (c.company_id == newest.c.company_id) & (c.from_day == newest.c.from_day)
    query = sa.select(c.company_id, c.parent_company_id).select_from(company_parents.join(newest, same))
    known = {row.company_id: row.parent_company_id for row in connection.execute(query)}
    moved = sorted(company for company, parent in parents.items() if company not in known or known[company] != parent)
    rows = [{"company_id": company, "from_day": day, "parent_company_id": parents[company]} for company in moved]
    bulk.upsert(connection, company_parents, rows)
