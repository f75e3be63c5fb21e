"""Freshness checks, tied to the top of the hour: which companies and days are late at this moment, and by how much.

They are about data, not about runs: a backfill of last year does not turn today green, and a dead schedule turns the
light red by itself, since the checks have a schedule of their own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from sequel_assets.refresh.datasets import SLICED
from sequel_assets.refresh.freshness import Late, late_slices, required
from sequel_assets.refresh.ledger import read_ledger
from sequel_assets.settings import Settings
from sequel_assets.warehouse import catalog
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.dataset import Dataset
from sequel_assets.warehouse.engine import Warehouse

from .resources import Platform

MOST_NAMED = 20


def freshness_checks() -> list[dg.AssetChecksDefinition]:
    """Return the freshness check of every dataset that is kept by slice."""
    return [_freshness_check(dataset) for dataset in SLICED]


def _freshness_check(dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dataset.name,
        name="fresh_by_the_hour",
        description="Today covers the last top of the hour that is owed; every past day closed, and turned final in time.",
        required_resource_keys={"platform"},
    )
    def fresh_by_the_hour(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = context.resources.platform
        settings = platform.settings()
        with platform.warehouse() as warehouse:
            late = find_late(warehouse, settings, [dataset.name])[dataset.name]
            companies = _companies(warehouse)
        return _result(late, companies, settings, settings.clock())

    return fresh_by_the_hour


def find_late(warehouse: Warehouse, settings: Settings, datasets: Sequence[str]) -> dict[str, list[Late]]:
    """Return by dataset every late slice of the companies that are there."""
    now = settings.clock()
    settle, window = timedelta(minutes=settings.settle_minutes), timedelta(hours=settings.late_window_hours)
    with warehouse.read() as connection:
        ledger = read_ledger(connection, datasets)
        companies = catalog.present_companies(connection)
    return {
        dataset: [
            late
            for company in companies
            for late in late_slices(
                company.company_id, ledger[dataset].get(company.company_id, {}), now, settle=settle, late_window=window
            )
        ]
        for dataset in datasets
    }


def in_words(late: Late, company_key: str) -> str:
    """Return one line on a late slice."""
    covers = f"covers {late.covers:%Y-%m-%d %H:%M}, {_hours(late.by)} behind" if late.covers else "was never refreshed"
    owes = {"hour": "owes", "close": "should have closed at", "final": "should be final since"}[late.rule]
    return f"{company_key} {late.day}: {owes} {late.due:%Y-%m-%d %H:%M}, {covers}"


def _companies(warehouse: Warehouse) -> list[KnownCompany]:
    with warehouse.read() as connection:
        return catalog.present_companies(connection)


def _hours(by: timedelta | None) -> str:
    hours = (by or timedelta()) / timedelta(hours=1)
    return f"{hours:g} hours"


def _result(
    late: Sequence[Late], companies: Sequence[KnownCompany], settings: Settings, now: datetime
) -> dg.AssetCheckResult:
    keys = {company.company_id: company.partition_key for company in companies}
    need = required(now, timedelta(minutes=settings.settle_minutes))
    metadata: dict[str, Any] = {
        "required": dg.MetadataValue.timestamp(need),
        "companies": len(companies),
        "late_companies": len({slice_.company_id for slice_ in late}),
        "late_slices": len(late),
        "coverage": "today: events that may have minutes now (hot); closed and final days: every event",
    }
    if not late:
        return dg.AssetCheckResult(
            passed=True, description=f"Every company is through {need:%Y-%m-%d %H:%M} UTC.", metadata=metadata
        )
    named = [in_words(slice_, keys[slice_.company_id]) for slice_ in late[:MOST_NAMED]]
    more = [f"and {len(late) - MOST_NAMED} more"] if len(late) > MOST_NAMED else []
    return dg.AssetCheckResult(
        passed=False, description="\n".join([f"{len(late)} slices are late:", *named, *more]), metadata=metadata
    )
