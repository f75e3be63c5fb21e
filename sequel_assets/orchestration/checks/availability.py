"""Checks of what Sequel may not return: unavailable datasets with the reason, and incomplete activity."""

from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.checks.result import Find, Findings, Names, check_result, chosen_assets
from sequel_assets.refresh.core.datasets import EVENT_DETAILS, LISTS
from sequel_assets.refresh.datasets.activity import EVENT_ACTIVITY
from sequel_assets.refresh.transform import checks
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.dataset import Dataset

MAY_LACK: tuple[Dataset, ...] = (*EVENT_DETAILS, *LISTS)
"""Datasets from endpoints that are not documented, or that an account may be refused."""


def availability_checks() -> dg.AssetChecksDefinition:
    """Return a check for each dataset that Sequel may not return: one step for all, companies without it by name."""
    name = "available"
    description = (
        "Sequel returns this dataset for every company; where it does not, its numbers are unknown (null), not zero."
    )

    @dg.multi_asset_check(
        name="availability",
        specs=[dg.AssetCheckSpec(name, asset=dataset.name, description=description) for dataset in MAY_LACK],
        can_subset=True,
        required_resource_keys={"platform"},
    )
    def availability_of_datasets(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for asset in chosen_assets(context):
            yield check_result(
                context.resources.platform,
                _unavailable(asset),
                right="Sequel returns it for every company that was requested.",
                wrong="companies for which Sequel does not return it",
                severity=dg.AssetCheckSeverity.WARN,
                asset=asset,
                name=name,
            )

    return availability_of_datasets


def _unavailable(dataset: str) -> Find:
    def find(connection: sa.Connection, names: Names, _: Settings) -> Findings:
        return Findings([
            f"{names.get(one.company_id, one.company_id)}: {one.reason}; since {one.since:%Y-%m-%d %H:%M}, "
            f"requested again {one.checked_at:%Y-%m-%d %H:%M}"
            for one in availability.unavailable(connection)
            if one.dataset == dataset
        ])  # fmt: skip

    return find


def completeness_check() -> dg.AssetChecksDefinition:
    """Return the check that an event's activity has as many entries as Sequel's own count of them."""

    def find(connection: sa.Connection, names: Names, _: Settings) -> Findings:
        return Findings([
            f"{names.get(one.company_id, one.company_id)} {one.day} event {one.event_id}: "
            f"{one.found} entries, totalCount {one.expected}"
            for one in checks.incomplete_activity(connection)
        ])  # fmt: skip

    @dg.asset_check(
        asset=EVENT_ACTIVITY.name,
        name="complete",
        description="The entries of every event are as many as the totalCount that came with them.",
        required_resource_keys={"platform"},
    )
    def complete(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return check_result(
            context.resources.platform,
            find,
            right="All events have as many entries as Sequel counts.",
            wrong="events do not have as many entries as Sequel counts",
        )

    return complete
