"""Shared by the checks: find what is wrong in one reading of the warehouse, name and count it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.resources import Platform
from sequel_assets.safety.visible import MAX_NAMED, as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog

Names = dict[str, str]
"""company id -> partition key"""


@dataclass(frozen=True)
class Findings:
    """What a check has found: a line for each that is wrong, and numbers for people to see."""

    lines: Sequence[str]
    metadata: dict[str, Any] = field(default_factory=dict)


Find = Callable[[sa.Connection, Names, Settings], Findings]


def check_result(
    platform: Platform,
    find: Find,
    *,
    right: str,
    wrong: str = "to look at",
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    asset: str | None = None,
    name: str | None = None,
) -> dg.AssetCheckResult:
    """Return a check's result: `right` where nothing was found, else how many are `wrong` and the first of them.

    A step with several checks passes the asset and the name of the one that it reports.
    """
    with platform.warehouse() as warehouse, warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        found = find(connection, names, platform.settings())
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not found.lines,
        severity=severity,
        description=f"{len(found.lines)} {wrong}:\n{listed(found.lines)}" if found.lines else right,
        metadata={**found.metadata, "wrong": len(found.lines)},
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
) -> dg.AssetChecksDefinition:
    """Return a check of one asset that reports what `find` finds in the warehouse."""

    @dg.asset_check(asset=asset, name=name, description=description, required_resource_keys={"platform"})
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return check_result(context.resources.platform, find, right=right, wrong=wrong, severity=severity)

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
) -> dg.AssetChecksDefinition:
    """Return the same check for several assets, which are described by name: one step for all."""

    @dg.multi_asset_check(
        name=step,
        specs=[dg.AssetCheckSpec(name, asset=asset, description=text) for asset, text in descriptions.items()],
        can_subset=True,
        required_resource_keys={"platform"},
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for asset in chosen_assets(context):
            yield check_result(
                context.resources.platform,
                find_of(asset),
                right=right,
                wrong=wrong,
                severity=severity,
                asset=asset,
                name=name,
            )

    return checks


def chosen_assets(context: dg.AssetCheckExecutionContext) -> list[str]:
    """Return the assets whose checks are selected in a step with several."""
    return sorted(key.asset_key.to_user_string() for key in context.selected_asset_check_keys)


def listed(lines: Sequence[str]) -> str:
    """Return the first lines, and how many more there are."""
    more = [f"and {len(lines) - MAX_NAMED} more"] if len(lines) > MAX_NAMED else []
    return "\n".join([*map(as_line, lines[:MAX_NAMED]), *more])
