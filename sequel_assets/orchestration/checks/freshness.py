"""Freshness checks, tied to the top of the hour: which companies and days are late now, and by how much.

They are about data, not about runs: a backfill of last year does not turn today green, and a schedule that does not run
fails the check by itself, since the checks have a schedule of their own.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from sequel_assets.orchestration.checks.result import (
    CompanyCoverage,
    chosen_assets,
    coverage_metadata,
    listed,
    read_coverage,
)
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.refresh.coverage.freshness import Late, required
from sequel_assets.refresh.coverage.late_slices import find_late
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany

NAME = "fresh_by_the_hour"
DESCRIPTION = "Today covers the last top of the hour that is owed; every past day closed, and turned final in time."
CLOSED = "Every day that is over is closed for every company; an open day is derived at its close."


def freshness_checks(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the freshness checks of every dataset that is kept by slice: one step reads once, for all results."""

    @dg.multi_asset_check(
        name=space.name("freshness"),
        specs=[dg.AssetCheckSpec(NAME, asset=space.key(dataset.name), description=DESCRIPTION) for dataset in SLICED],
        can_subset=True,
        required_resource_keys={space.platform},
    )
    def freshness(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        platform: Platform = getattr(context.resources, space.platform)
        settings = platform.settings()
        chosen = chosen_assets(context, space)
        with platform.warehouse() as warehouse:
            late = find_late(warehouse, settings, chosen)
            companies = warehouse.ask(catalog.present_companies)
            coverage = warehouse.ask(lambda connection: read_coverage(connection, chosen))
        for name in chosen:
            yield _result(name, late[name], companies, coverage[name], settings, space.key(name))

    return freshness


def describe_late(late: Late, company_key: str) -> str:
    """Return one line on a late slice."""
    covers = f"covers {late.covers:%Y-%m-%d %H:%M}, {_hours(late.by)} behind" if late.covers else "was never refreshed"
    owes = {"hour": "owes", "close": "should have closed at", "final": "should be final since"}[late.rule]
    return f"{company_key} {late.day}: {owes} {late.due:%Y-%m-%d %H:%M}, {covers}"


def _hours(by: timedelta | None) -> str:
    hours = (by or timedelta()) / timedelta(hours=1)
    return f"{hours:g} hour" + ("" if hours == 1 else "s")


def _result(
    dataset: str,
    late: Sequence[Late],
    companies: Sequence[KnownCompany],
    coverage: Sequence[CompanyCoverage],
    settings: Settings,
    key: dg.AssetKey,
) -> dg.AssetCheckResult:
    keys = {company.company_id: company.partition_key for company in companies}
    need = required(settings.clock(), timedelta(minutes=settings.settle_minutes))
    metadata: dict[str, Any] = {
        "required": dg.MetadataValue.timestamp(need),
        "companies": len(companies),
        "late_companies": len({slice_.company_id for slice_ in late}),
        "late_slices": len(late),
        "coverage": "today: events that may have minutes now (active); closed and final days: every event",
        **coverage_metadata(coverage, keys),
    }
    if late:
        worst = max(late, key=lambda slice_: slice_.by or timedelta.max)
        metadata["worst"] = describe_late(worst, keys[worst.company_id])
    if not companies:
        text = "No company is known yet: is the sensor new_companies on, and can Sequel be reached? Its ticks say why."
    elif not late:
        text = CLOSED if dataset in AT_CLOSE_NAMES else f"Every company is through {need:%Y-%m-%d %H:%M} UTC."
    else:
        named = listed([describe_late(slice_, keys[slice_.company_id]) for slice_ in late])
        text = f"{len(late)} slices are late:\n{named}"
    is_well = bool(companies) and not late
    return dg.AssetCheckResult(asset_key=key, check_name=NAME, passed=is_well, description=text, metadata=metadata)
