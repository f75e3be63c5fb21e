"""Shared by the checks: find what is wrong in one reading of the warehouse, name and count it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.reporting.markdown import as_table
from sequel_assets.orchestration.resources import Platform
from sequel_assets.safety.visible import MAX_NAMED, as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import refreshes

NEVER = datetime.min.replace(tzinfo=UTC)
Names = dict[str, str]
"""company id -> partition key"""


@dataclass(frozen=True)
class Findings:
    """What a check has found: a line for each that is wrong, and numbers for people to see."""

    lines: Sequence[str]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CompanyCoverage:
    """What a check looked at, of one company."""

    company_id: str
    slices: int
    final: int
    data_through: datetime | None
    """The newest hour that a slice covers."""


def read_coverage(connection: sa.Connection, datasets: Sequence[str]) -> dict[str, list[CompanyCoverage]]:
    """Return what the warehouse holds of each dataset by company, the one that is furthest behind first."""
    r = refreshes.c
    figures = (sa.func.count(), sa.func.sum(sa.case((r.is_final, 1), else_=0)), sa.func.max(r.data_through))
    query = sa.select(r.dataset, r.company_id, *figures).where(r.dataset.in_(list(datasets)))
    found: dict[str, list[CompanyCoverage]] = {name: [] for name in datasets}
    for dataset, *figures_of_company in connection.execute(query.group_by(r.dataset, r.company_id)):
        found[dataset].append(CompanyCoverage(*figures_of_company))
    for of_dataset in found.values():
        of_dataset.sort(key=lambda one: (one.data_through or NEVER, one.company_id))
    return found


def coverage_metadata(coverage: Sequence[CompanyCoverage], names: Names) -> dict[str, Any]:
    """Return as metadata how much a check looked at: sums, and a table of the companies that are furthest behind."""
    shown: dict[str, Any] = {"slices": sum(one.slices for one in coverage)}
    if through := [one.data_through for one in coverage if one.data_through]:
        shown["data_through"] = dg.MetadataValue.timestamp(min(through))
    if coverage:
        heading = ("company", "slices", "final", "data through")
        rows = [
            (
                names.get(one.company_id, one.company_id),
                f"{one.slices:,}",
                f"{one.final:,}",
                f"{one.data_through:%Y-%m-%d %H:%M}" if one.data_through else "never",
            )
            for one in coverage[:MAX_NAMED]
        ]
        shown["by_company"] = dg.MetadataValue.md(as_table([heading, *rows]))
    return shown


Find = Callable[[sa.Connection, Names, Settings], Findings]


def check_result(
    platform: Platform,
    asset: str,
    name: str,
    find: Find,
    *,
    right: str,
    wrong: str,
    severity: dg.AssetCheckSeverity,
    space: Namespace,
) -> dg.AssetCheckResult:
    """Return a check's result: `right` where nothing was found, else how many are `wrong` and the first of them."""
    with platform.warehouse() as warehouse, warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        found = find(connection, names, platform.settings())
        coverage = read_coverage(connection, [asset])[asset]
    return dg.AssetCheckResult(
        asset_key=space.key(asset),
        check_name=name,
        passed=not found.lines,
        severity=severity,
        description=f"{len(found.lines)} {wrong}:\n{listed(found.lines)}" if found.lines else right,
        metadata={**found.metadata, **coverage_metadata(coverage, names), "wrong": len(found.lines)},
    )


def warehouse_check(
    asset: str,
    name: str,
    description: str,
    find: Find,
    *,
    right: str,
    wrong: str = "to look at",
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    space: Namespace = ALONE,
) -> dg.AssetChecksDefinition:
    """Return a check of one asset that reports what `find` finds in the warehouse."""

    @dg.asset_check(asset=space.key(asset), name=name, description=description, required_resource_keys={space.platform})
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        platform: Platform = getattr(context.resources, space.platform)
        return check_result(platform, asset, name, find, right=right, wrong=wrong, severity=severity, space=space)

    return check


def warehouse_checks(
    step: str,
    name: str,
    descriptions: Mapping[str, str],
    find_of: Callable[[str], Find],
    *,
    right: str,
    wrong: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    space: Namespace = ALONE,
) -> dg.AssetChecksDefinition:
    """Return the same check for several assets, which are described by name: one step for all."""

    @dg.multi_asset_check(
        name=space.name(step),
        specs=[
            dg.AssetCheckSpec(name, asset=space.key(asset), description=text) for asset, text in descriptions.items()
        ],
        can_subset=True,
        required_resource_keys={space.platform},
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        platform: Platform = getattr(context.resources, space.platform)
        for asset in chosen_assets(context, space):
            yield check_result(
                platform, asset, name, find_of(asset), right=right, wrong=wrong, severity=severity, space=space
            )

    return checks


def chosen_assets(context: dg.AssetCheckExecutionContext, space: Namespace) -> list[str]:
    """Return the datasets whose checks are selected in a step with several."""
    return sorted(space.datasets(key.asset_key for key in context.selected_asset_check_keys))


def listed(lines: Sequence[str]) -> str:
    """Return the first lines, and how many more there are."""
    more = [f"and {len(lines) - MAX_NAMED} more"] if len(lines) > MAX_NAMED else []
    return "\n".join([*map(as_line, lines[:MAX_NAMED]), *more])
