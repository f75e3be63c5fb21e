"""What each company owes this hour, without listing every day of every company.

The days that a run of the hour reaches back to are looked at of all companies at each tick, what is older of some of them in
turn: with thousands of companies the whole of it would be millions of slices every hour. Of no more companies than `IN_TURN`
everything is looked at.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from sequel_assets.orchestration.resources import current_warehouse
from sequel_assets.orchestration.schedules.hourly_plan import MAX_DAYS, in_turn
from sequel_assets.orchestration.storage.event_log import batches
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days, with_days_before
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany

IN_TURN = 100
"""Companies whose whole history one tick looks at."""
READ_TOGETHER = 100
"""Companies whose slices are in memory together."""


def due_days(settings: Settings, now: datetime) -> dict[str, list[date]]:
    """Return, by partition key, the days of each company that are due this hour."""
    since = now.astimezone(UTC).date() - timedelta(days=MAX_DAYS)
    with current_warehouse(settings) as warehouse:
        there = warehouse.ask(catalog.present_companies)
        whole = in_turn(there, now, IN_TURN)
        whole_ids = {company.company_id for company in whole}
        recent = [company for company in there if company.company_id not in whole_ids]
        due: dict[str, list[date]] = {}
        for companies, first in ((whole, None), (recent, since)):
            for some in batches(companies, READ_TOGETHER):
                due |= warehouse.ask(partial(_due, settings=settings, companies=some, now=now, since=first))
    return {company.partition_key: due[company.partition_key] for company in there}


def _due(
    connection: sa.Connection, settings: Settings, companies: Sequence[KnownCompany], now: datetime, since: date | None
) -> dict[str, list[date]]:
    """Return the days that are due of some companies; from `since` on, where it is given."""
    ids = [company.company_id for company in companies]
    kept_days = landed_days(connection, ids, since=since)
    older = with_days_before(connection, ids, since) if since else frozenset()
    frozen_before = config.retention(settings).frozen_before(companies, now)
    return {
        company.partition_key: [
            day
            for day in due_this_hour(
                kept_days[company.company_id],
                now,
                settle=timedelta(minutes=settings.settle_minutes),
                late_window=timedelta(hours=settings.late_window_hours),
                frozen_before=frozen_before.get(company.company_id, NONE_FROZEN),
                first=since if company.company_id in older else None,
            )
            if day >= settings.start_date
        ]
        for company in companies
    }
