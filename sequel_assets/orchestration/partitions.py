"""Partitions `company|day`: companies as they are found, days in UTC from the start of history to today."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from sequel_assets.orchestration.run_tags import of_slices
from sequel_assets.settings import Settings

COMPANY = "company"
"""Name of the dimension, and of the dynamic partitions of an instance that has Dagster for itself."""
DAY = "day"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def slice_partitions(settings: Settings, companies_name: str = COMPANY) -> dg.MultiPartitionsDefinition:
    """Return the partitions of every dataset that is kept by slice.

    `companies_name` are the dynamic partitions of the companies. Today is among the days. Where `SEQUEL_NOW` pins the clock the days end at that day, whatever the machine's date.
    """
    ahead = (settings.clock().date() - datetime.now(UTC).date()).days if settings.now else 0
    days = dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone="UTC", end_offset=1 + ahead
    )
    return dg.MultiPartitionsDefinition({COMPANY: dg.DynamicPartitionsDefinition(name=companies_name), DAY: days})


def slice_key(company_key: str, day: date) -> dg.MultiPartitionKey:
    """Return the partition key of one slice, `company|day`."""
    return dg.MultiPartitionKey({COMPANY: company_key, DAY: day.isoformat()})


def range_tags(company_keys: Sequence[str], first: date, last: date) -> dict[str, str]:
    """Return the tags that make one run cover a rectangle, companies (in Dagster's order) times days, and that name it."""
    ends = {RANGE_START: str(slice_key(company_keys[0], first)), RANGE_END: str(slice_key(company_keys[-1], last))}
    return ends | of_slices(company_keys, (first, last))


def days_by_company(keys: Iterable[str]) -> dict[str, list[date]]:
    """Return, by the companies' partition keys, the days of partition keys `company|day`."""
    days: dict[str, list[date]] = {}
    for key in keys:
        company_key, _, day = str(key).rpartition("|")
        days.setdefault(company_key, []).append(date.fromisoformat(day))
    return days
