"""A backfill as a process of its own, to be run beside another one or to be killed.

`python -m sequel_assets_tests.support.backfill_worker SANDBOX_URL WAREHOUSE_URL NOW START FIRST LAST [how ...]`, where `how` is
`dies-before-insights`, `by-day` (commits after every day, so that there is much to break), `asks-what-is-left` (as a
backfill does) or `hourly` (asks what is due this hour).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.core.time import days_between
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days, troubled
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.refresh.transform import derive_outcomes
from sequel_assets.refresh.usage import load
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets_tests.support.reference import KEY

SETTLE, WINDOW = timedelta(minutes=5), timedelta(hours=48)


def main(arguments: list[str]) -> int:
    """Refresh the days of every company that the warehouse knows; return 1 when some slice failed."""
    url, warehouse_url, now, start, first, last, *how = arguments
    if "by-day" in how:
        load.MAX_DAYS = 1
    if "dies-before-insights" in how:
        derive_outcomes.derive = _die
    config = SequelConfig(url, url, "sandbox-client", "sandbox-secret")
    warehouse = Warehouse(warehouse_url)
    moment = datetime.fromisoformat(now)
    days = days_between(date.fromisoformat(first), date.fromisoformat(last))
    wanted = _wanted(warehouse, days, moment, how)
    rules = RefreshConfig(date.fromisoformat(start), SETTLE, WINDOW, 4, KEY)
    with SequelClient(config) as client:
        refresher = Refresher(client, warehouse, lambda: moment, rules, RefreshOptions("run"))
        outcomes = list(refresher.refresh({company: asked for company, asked in wanted.items() if asked}))
        idle: dict[str, list[date]] = {company: [] for company, asked in wanted.items() if not asked}
        outcomes += refresher.refresh(idle, asks_sequel=False)
    warehouse.dispose()
    failed = [outcome for outcome in outcomes if outcome.verdict is SliceStatus.FAILED]
    if failed:
        print(failed[:3])  # noqa: T201 - for the test that started this
    return int(bool(failed))


def _wanted(
    warehouse: Warehouse, days: list[date], now: datetime, how: Collection[str]
) -> dict[str, dict[date, DayCoverage]]:
    with warehouse.read() as connection:
        companies = [company.company_id for company in catalog.known_companies(connection)]
        held, undone = landed_days(connection, companies), troubled(connection, companies)
    if "hourly" in how:
        return {company: due_this_hour(held[company], now, settle=SETTLE, late_window=WINDOW) for company in companies}
    if "asks-what-is-left" in how:
        return {
            company: days_to_request(days, held[company], now, settle=SETTLE, undone=company in undone)
            for company in companies
        }
    return {company: dict.fromkeys(days, DayCoverage.FULL) for company in companies}


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
