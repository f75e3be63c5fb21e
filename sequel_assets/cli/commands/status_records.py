"""What `sequel-assets status` says, as records ready for JSON: companies, slices that are late, problems, what is unavailable.

It only reads the warehouse: a few statements, whatever the number of days.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.arguments import choose
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import HOURLY_NAMES, SLICED
from sequel_assets.refresh.core.outcomes import UNTIL_ACCEPTED
from sequel_assets.refresh.coverage.late_slices import find_late
from sequel_assets.refresh.coverage.slice_coverage import read_unknown
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability, catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import NO_DAY, exclusions, problems, refreshes

ORDER = [dataset.name for dataset in SLICED]
Record = dict[str, Any]


def read_status(settings: Settings, wanted: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return companies, datasets, late slices, excluded events, unavailable datasets and problems.

    `wanted` companies, as people name them, are chosen alone; a company that is none raises `UsageError`.
    """
    with stored(settings) as warehouse:
        with warehouse.read() as connection:
            known = catalog.known_companies(connection)
            keys = {company.company_id: company.partition_key for company in known}
            found: dict[str, list[Any]] = {
                "companies": _companies(connection, settings, known),
                "datasets": _datasets(connection, keys),
                "excluded": _excluded(connection, keys),
                "unavailable": _unavailable(connection, keys),
                "problems": _problems(connection, keys),
            }
        found["late"] = _late(warehouse, settings, keys)
    if wanted:
        chosen = {company.partition_key for company in choose(known, wanted)}
        found = of_companies(found, chosen)
    _sum_up(found)
    found["unknown_companies"] = list(config.retention(settings).unknown_companies(known))
    return found


def of_companies(found: Mapping[str, list[Record]], chosen: Collection[str]) -> dict[str, list[Any]]:
    """Return the records of these companies alone, by their partition keys."""
    return {name: [record for record in records if record["company"] in chosen] for name, records in found.items()}


def _sum_up(found: Mapping[str, list[Record]]) -> None:
    """Add to each company how far all its hourly numbers go, when it was refreshed, and how much is wrong with it."""
    counts = {
        name: Counter(record["company"] for record in found[name]) for name in ("late", "unavailable", "problems")
    }
    held = Counter(record["company"] for record in found["problems"] if UNTIL_ACCEPTED in record["reason"])
    through: dict[str, dict[str, str | None]] = {}
    refreshed: dict[str, str] = {}
    for record in found["datasets"]:
        through.setdefault(record["company"], {})[record["dataset"]] = record["data_through"]
        refreshed[record["company"]] = max(refreshed.get(record["company"], ""), record["refreshed_at"])
    for company in found["companies"]:
        name = company["company"]
        reached = [through.get(name, {}).get(dataset) for dataset in HOURLY_NAMES]
        company |= {
            "data_through": None if None in reached else min(str(one) for one in reached),
            "late": counts["late"][name],
            "quarantined": held[name],
            "unavailable": counts["unavailable"][name],
            "problems": counts["problems"][name],
            "refreshed_at": refreshed.get(name),
        }


def _companies(connection: sa.Connection, settings: Settings, companies: Sequence[KnownCompany]) -> list[Record]:
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


def _datasets(connection: sa.Connection, keys: Mapping[str, str]) -> list[Record]:
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
            sa.func.max(r.refreshed_at).label("refreshed_at"),
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
            "refreshed_at": row.refreshed_at.isoformat(),
            "rows": int(row.rows),
        }
        for row in in_order
    ]


def _late(warehouse: Warehouse, settings: Settings, keys: Mapping[str, str]) -> list[Record]:
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


def _excluded(connection: sa.Connection, keys: Mapping[str, str]) -> list[Record]:
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


def _unavailable(connection: sa.Connection, keys: Mapping[str, str]) -> list[Record]:
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


def _problems(connection: sa.Connection, keys: Mapping[str, str]) -> list[Record]:
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
