"""`sequel-assets status`: how far each company's numbers go, what is late, and which problems are open.

It only reads the warehouse; monitoring uses `--json` and the exit code.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.terminal import PreparedLine, console, table
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.coverage.late_slices import find_late
from sequel_assets.refresh.coverage.slice_coverage import read_unknown
from sequel_assets.safety.visible import visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability, catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import NO_DAY, exclusions, problems, refreshes

MAX_NAMED = 20
ALL_WELL, SOME_LATE = 0, 1
NOBODY = "No company is known yet, so nothing is fresh: run sequel-assets backfill, or start Dagster (make dev)."
ORDER = [dataset.name for dataset in SLICED]
DATASETS = ("company", "dataset", "days", "first_day", "last_day", "final_days", "data_through", "rows")
LATE = ("company", "dataset", "day", "owes", "covers")
EXCLUDED = ("company", "event_id", "reason", "since")
UNKNOWN = ("company", "unknown_days", "counts_from")
UNAVAILABLE = ("company", "dataset", "reason", "since")
PROBLEMS = ("company", "dataset", "day", "event_id", "reason", "since")


def status(settings: Settings, *, as_json: bool) -> int:
    """Print the status as tables or as JSON; return the exit code."""
    found = read_status(settings)
    code = SOME_LATE if found["late"] or not found["companies"] else ALL_WELL
    if as_json:
        console().out(json.dumps(found, indent=2), highlight=False)
        return code
    table("Datasets", DATASETS, _rows(found["datasets"], DATASETS))
    late = found["late"]
    if late:
        table(f"Late: {len(late)} slices", LATE, _rows(late[:MAX_NAMED], LATE))
        if len(late) > MAX_NAMED:
            console().print(f"and {len(late) - MAX_NAMED} more; all of them: sequel-assets status --json")
    else:
        console().print("Nothing is late." if found["companies"] else NOBODY)
    unknown = [company for company in found["companies"] if company["unknown_days"]]
    if unknown:
        table("Unknown days, forgotten by Sequel", UNKNOWN, _rows(unknown, UNKNOWN))
    for name in found["unknown_companies"]:
        console().print(f"SEQUEL_COMPANY_RETENTION_DAYS names {visible(name)}: there is no such company.")
    if found["excluded"]:
        table("Excluded events, not requested any more", EXCLUDED, _rows(found["excluded"], EXCLUDED))
    if found["unavailable"]:
        title = "Unavailable: Sequel does not provide these; their numbers are unknown, not zero"
        table(title, UNAVAILABLE, _rows(found["unavailable"], UNAVAILABLE))
    if found["problems"]:
        table("Problems", PROBLEMS, _rows(found["problems"], PROBLEMS))
    else:
        console().print("No problem is open.")
    return code


def read_status(settings: Settings) -> dict[str, Any]:
    """Return, ready for JSON: companies, datasets, late slices, excluded events, unavailable datasets and problems."""
    with stored(settings) as warehouse:
        with warehouse.read() as connection:
            companies = catalog.known_companies(connection)
            keys = {company.company_id: company.partition_key for company in companies}
            found = {
                "companies": _companies(connection, settings, companies),
                "unknown_companies": config.retention(settings).unknown_companies(companies),
                "datasets": _datasets(connection, keys),
                "excluded": _excluded(connection, keys),
                "unavailable": _unavailable(connection, keys),
                "problems": _problems(connection, keys),
            }
        return found | {"late": _late(warehouse, settings, keys)}


def _companies(
    connection: sa.Connection, settings: Settings, companies: Sequence[KnownCompany]
) -> list[dict[str, Any]]:
    """Return a record per company, with how many days Sequel forgot before they were known."""
    frozen_before = config.retention(settings).frozen_before(companies, settings.clock())
    unknown = read_unknown(connection, frozen_before, settings.start_date)
    return [
        {
            "company_id": company.company_id,
            "company": company.partition_key,
            "gone": company.gone_at is not None,
            "unknown_days": len(days),
            "counts_from": (days[-1] + timedelta(days=1) if days else settings.start_date).isoformat(),
        }
        for company in companies
        for days in [unknown.get(company.company_id, [])]
    ]


def _datasets(connection: sa.Connection, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    r = refreshes.c
    newest = sa.func.max(r.day)
    rows = connection.execute(
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
    in_order = sorted(
        rows,
        key=lambda row: (keys.get(row.company_id, ""), ORDER.index(row.dataset) if row.dataset in ORDER else 99),
    )
    return [
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
        for row in in_order
    ]


def _late(warehouse: Warehouse, settings: Settings, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every late slice, as the checks see it now."""
    late = find_late(warehouse, settings, ORDER)
    rank = {company_id: place for place, company_id in enumerate(keys)}
    by_company = sorted(
        ((slice_, dataset) for dataset in ORDER for slice_ in late[dataset]),
        key=lambda found: rank.get(found[0].company_id, len(rank)),
    )
    return [
        {
            "company": keys.get(slice_.company_id, slice_.company_id),
            "dataset": dataset,
            "day": slice_.day.isoformat(),
            "owes": slice_.due.isoformat(),
            "covers": slice_.covers.isoformat() if slice_.covers else None,
            "rule": slice_.rule,
        }
        for slice_, dataset in by_company
    ]


def _excluded(connection: sa.Connection, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    e = exclusions.c
    return [
        {
            "company": keys.get(row.company_id, row.company_id),
            "event_id": row.event_id,
            "reason": row.reason,
            "since": row.since.isoformat(),
        }
        for row in connection.execute(sa.select(exclusions).order_by(e.company_id, e.event_id))
    ]


def _unavailable(connection: sa.Connection, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "company": keys.get(one.company_id, one.company_id),
            "dataset": one.dataset,
            "reason": one.reason,
            "since": one.since.isoformat(),
            "checked_at": one.checked_at.isoformat(),
        }
        for one in availability.unavailable(connection)
    ]


def _problems(connection: sa.Connection, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    p = problems.c
    return [
        {
            "company": keys.get(row.company_id, row.company_id),
            "dataset": row.dataset,
            "day": None if row.day == NO_DAY else row.day.isoformat(),
            "event_id": row.event_id or None,
            "reason": row.reason,
            "since": row.since.isoformat(),
        }
        for row in connection.execute(sa.select(problems).order_by(p.company_id, p.day, p.dataset))
    ]


def _rows(records: Sequence[dict[str, Any]], headings: Sequence[str]) -> list[list[Any]]:
    return [
        [PreparedLine(record[name]) if name == "reason" else record[name] for name in headings] for record in records
    ]
