"""A backfill as a process of its own, to be run beside another one or to be killed.

`python -m sequel_assets_tests.pipeline.worker SANDBOX_URL WAREHOUSE_URL NOW START FIRST LAST [dies-before-insights]`.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date, datetime, timedelta
from typing import Any

from sequel_assets.refresh import batch, refresh
from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.refresh import Refresher, Rules
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse import catalog
from sequel_assets.warehouse.engine import Warehouse

from ..reference import KEY


def main() -> None:
    """Refresh the days of every company that the warehouse knows; commits day by day, so that there is much to break."""
    url, warehouse_url, now, start, first, last, *more = sys.argv[1:]
    batch.MOST_DAYS = 1
    if more:
        refresh.derive = _die
    config = SequelConfig(url, url, "sandbox-client", "sandbox-secret")
    warehouse = Warehouse(warehouse_url)
    with warehouse.read() as connection:
        companies = [company.company_id for company in catalog.known_companies(connection)]
    rules = Rules(date.fromisoformat(start), timedelta(minutes=5), timedelta(hours=48), 4, KEY)
    with SequelClient(config) as client:
        refresher = Refresher(client, warehouse, lambda: datetime.fromisoformat(now), rules, "run")
        days = days_between(date.fromisoformat(first), date.fromisoformat(last))
        bad = [outcome for outcome in refresher.refresh(dict.fromkeys(companies, days)) if not outcome.is_good]
    warehouse.dispose()
    sys.exit(f"{bad[:3]}" if bad else 0)


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
