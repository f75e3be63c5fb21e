"""Checks of what Sequel may not return: unavailable datasets with the reason, and incomplete activity."""

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.checks.result import Find, Findings, Names, warehouse_check, warehouse_checks
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.refresh.core.datasets import EVENT_DETAILS, LISTS
from sequel_assets.refresh.datasets.activity import EVENT_ACTIVITY
from sequel_assets.refresh.transform import checks
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.dataset import Dataset

MAY_LACK: tuple[Dataset, ...] = (*EVENT_DETAILS, *LISTS)
"""Datasets from endpoints that are not documented, or that an account may be refused."""


def availability_checks(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return a check for each dataset that Sequel may not return: one step for all, companies without it by name."""
    return warehouse_checks(
        "availability",
        "available",
        {
            dataset.name: "Sequel returns this dataset for every company; where it does not, its numbers are unknown "
            "(null), not zero."
            for dataset in MAY_LACK
        },
        _unavailable,
        right="Sequel returns it for every company that was requested.",
        wrong="companies for which Sequel does not return it",
        severity=dg.AssetCheckSeverity.WARN,
        space=space,
    )


def _unavailable(dataset: str) -> Find:
    def find(connection: sa.Connection, names: Names, _: Settings) -> Findings:
        return Findings([
            f"{names.get(one.company_id, one.company_id)}: {one.reason}; since {one.since:%Y-%m-%d %H:%M}, "
            f"requested again {one.checked_at:%Y-%m-%d %H:%M}"
            for one in availability.unavailable(connection)
            if one.dataset == dataset
        ])  # fmt: skip

    return find


def completeness_check(space: Namespace = ALONE) -> dg.AssetChecksDefinition:
    """Return the check that an event's activity has as many entries as Sequel's own count of them."""

    def find(connection: sa.Connection, names: Names, _: Settings) -> Findings:
        return Findings([
            f"{names.get(one.company_id, one.company_id)} {one.day} event {one.event_id}: "
            f"{one.found} entries, totalCount {one.expected}"
            for one in checks.incomplete_activity(connection)
        ])  # fmt: skip

    return warehouse_check(
        EVENT_ACTIVITY.name,
        "complete",
        "The entries of every event are as many as the totalCount that came with them.",
        find,
        right="All events have as many entries as Sequel counts.",
        wrong="events do not have as many entries as Sequel counts",
        space=space,
    )
