"""`sequel-assets status`: how far each company's numbers go, and what stands in their way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.datasets import SLICED
from sequel_assets.settings import Settings
from sequel_assets.warehouse import catalog, schema
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError, place
from sequel_assets.warehouse.tables import NO_DAY, problems, refreshes

from .output import console, table


def read_status(settings: Settings) -> dict[str, Any]:
    """Return, ready for JSON: a record per company and dataset, and every problem that stands."""
    warehouse = Warehouse(settings.warehouse_url)
    _refuse_missing_file(warehouse)
    try:
        schema.ensure_current(warehouse)
        with warehouse.read() as connection:
            companies = catalog.known_companies(connection)
            keys = {company.company_id: company.partition_key for company in companies}
            r = refreshes.c
            newest = sa.func.max(r.day)
            per_dataset = connection.execute(
                sa.select(
                    r.company_id,
                    r.dataset,
                    sa.func.count().label("days"),
                    sa.func.min(r.day).label("first_day"),
                    newest.label("last_day"),
                    sa.func.sum(sa.case((r.is_final, 1), else_=0)).label("final_days"),
                    sa.func.max(r.data_through).label("data_through"),
                    sa.func.sum(r.rows).label("rows"),
                )
                .where(r.day != NO_DAY)
                .group_by(r.company_id, r.dataset)
            ).all()
            standing = connection.execute(
                sa.select(problems).order_by(problems.c.company_id, problems.c.day, problems.c.dataset)
            ).all()
    finally:
        warehouse.dispose()
    order = [dataset.name for dataset in SLICED]
    found = sorted(
        per_dataset,
        key=lambda row: (keys.get(row.company_id, ""), order.index(row.dataset) if row.dataset in order else 99),
    )
    return {
        "companies": [
            {"company_id": company.company_id, "company": company.partition_key, "gone": company.gone_at is not None}
            for company in companies
        ],
        "datasets": [
            {
                "company": keys.get(row.company_id, row.company_id),
                "dataset": row.dataset,
                "days": row.days,
                "first_day": row.first_day.isoformat(),
                "last_day": row.last_day.isoformat(),
                "final_days": int(row.final_days),
                "data_through": row.data_through.isoformat() if row.data_through else None,
                "rows": int(row.rows),
            }
            for row in found
        ],
        "problems": [
            {
                "company": keys.get(row.company_id, row.company_id),
                "dataset": row.dataset,
                "day": None if row.day == NO_DAY else row.day.isoformat(),
                "event_id": row.event_id or None,
                "reason": row.reason,
                "since": row.since.isoformat(),
            }
            for row in standing
        ],
    }


def _refuse_missing_file(warehouse: Warehouse) -> None:
    """Refuse an embedded warehouse that is not there yet: opening it would make an empty one."""
    if warehouse.is_sqlite and not Path(warehouse.url.database or "").exists():
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} is not there yet; run: sequel-assets backfill, or sequel-assets migrate"
        )


def status(settings: Settings, *, as_json: bool) -> int:
    """Print the status as tables or as JSON; return the exit code."""
    found = read_status(settings)
    if as_json:
        console().out(json.dumps(found, indent=2), highlight=False)
        return 0
    headings = ("company", "dataset", "days", "first_day", "last_day", "final_days", "data_through", "rows")
    table("Datasets", headings, _rows(found["datasets"], headings))
    if found["problems"]:
        named = ("company", "dataset", "day", "event_id", "reason", "since")
        table("Problems", named, _rows(found["problems"], named))
    else:
        console().print("No problem stands.")
    return 0


def _rows(records: Sequence[dict[str, Any]], headings: Sequence[str]) -> list[list[Any]]:
    return [[record[heading] for heading in headings] for record in records]
