"""Which slices of a run's range are fetched: by the run's mode, the hour, and what is kept already.

It fetches nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from sequel_assets.orchestration.run_tags import ACCEPT, HOURLY, ON, is_forced, is_hourly, is_on
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days, owing_lists, troubled
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog


@dataclass(frozen=True)
class Choice:
    """What a run does with the days of its range."""

    requested: dict[str, dict[date, DayCoverage]]
    """company -> the days that are fetched, and how. The hour's own run fetches some beyond the days that its config names."""
    list_companies: frozenset[str]
    """Companies that are refreshed without any day: a list that has no day could not be fetched."""
    kept: dict[str, set[date]]
    """company -> the days that stay as they are."""
    frozen: int
    """How many company days are not fetched since Sequel has forgotten them."""
    unknown_companies: list[str]
    """Companies of the setting SEQUEL_COMPANY_RETENTION_DAYS that are not known."""
    accepts_loss: bool


def choose(
    connection: sa.Connection, wanted: Mapping[str, Sequence[date]], tags: Mapping[str, str], settings: Settings
) -> Choice:
    """Return what to fetch of the companies' days that a run covers."""
    now, settle = settings.clock(), timedelta(minutes=settings.settle_minutes)
    window = timedelta(hours=settings.late_window_hours)
    kept_days = landed_days(connection, list(wanted))
    with_problems = troubled(connection, wanted)
    companies, retention = catalog.known_companies(connection), config.retention(settings)
    frozen_before = retention.frozen_before(companies, now)
    requested: dict[str, dict[date, DayCoverage]] = {}
    frozen = 0
    for company_id, days in wanted.items():
        first = frozen_before.get(company_id, NONE_FROZEN)
        open_days = [day for day in days if day >= first]
        frozen += len(days) - len(open_days)
        if is_hourly(tags):
            due = due_this_hour(kept_days[company_id], now, settle=settle, late_window=window, frozen_before=first)
            requested[company_id] = {day: due[day] for day in open_days if day in due}
            if tags[HOURLY] == ON:
                once_more = due_once_more(kept_days[company_id], now, settle=settle, frozen_before=first)
                requested[company_id] |= {day: how for day, how in once_more.items() if day not in due}
        elif is_forced(tags):
            requested[company_id] = dict.fromkeys(open_days, DayCoverage.FULL)
        else:
            requested[company_id] = days_to_request(
                open_days, kept_days[company_id], now, settle=settle, undone=company_id in with_problems
            )
    kept = {company_id: set(days) - requested[company_id].keys() for company_id, days in wanted.items()}
    return Choice(
        requested,
        owing_lists(connection, wanted),
        kept,
        frozen,
        retention.unknown_companies(companies),
        is_on(tags, ACCEPT),
    )
