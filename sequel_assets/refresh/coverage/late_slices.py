"""Which slices of the warehouse are late now: for the checks in Dagster, and for the command line without it."""

from collections.abc import Sequence
from datetime import timedelta

from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, EVERY_DAY_NAMES
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.coverage.freshness import Late, late_slices
from sequel_assets.refresh.coverage.slice_coverage import first_days, read_slice_coverage
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import availability, catalog


@repeats
def find_late(warehouse: Warehouse, settings: Settings, datasets: Sequence[str]) -> dict[str, list[Late]]:
    """Return by dataset every late slice of the companies that are there.

    A dataset that every day owes counts from the company's first day of any dataset: one that failed on that day is
    late for it. What waits for days before it (as-of numbers), or for other companies, counts from its own.
    """
    now = settings.clock()
    settle, window = timedelta(minutes=settings.settle_minutes), timedelta(hours=settings.late_window_hours)
    with warehouse.read() as connection:
        absent = availability.by_company(connection)
        slices = read_slice_coverage(connection, datasets)
        companies = catalog.present_companies(connection)
        since = {company_id: max(day, settings.start_date) for company_id, day in first_days(connection).items()}
    frozen_before = config.retention(settings).frozen_before(companies, now)
    return {
        dataset: [
            late
            for company in companies
            for late in late_slices(
                company.company_id,
                slices[dataset].get(company.company_id, {}),
                now,
                settle=settle,
                late_window=window,
                frozen_before=frozen_before.get(company.company_id, NONE_FROZEN),
                owes_today=dataset not in AT_CLOSE_NAMES,
                since=since.get(company.company_id) if dataset in EVERY_DAY_NAMES else None,
            )
            if dataset not in absent.get(company.company_id, ())
        ]
        for dataset in datasets
    }
