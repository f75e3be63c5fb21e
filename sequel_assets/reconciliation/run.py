"""The daily reconciliation: are the minutes kept here still those that Sequel answers?

Several companies run side by side; a failure of one is reported and stops no other. Only errors that would fail every
request (Sequel unreachable, sign-in refused) end it for all.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sequel_assets.reconciliation.client import EventFailure, ReconciliationReport
from sequel_assets.reconciliation.company_run import CompanyReconciliation, ReconciliationContext
from sequel_assets.reconciliation.company_totals import NamedTotals
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import unexpected
from sequel_assets.refresh.run.refresher import COMPANIES_AT_ONCE
from sequel_assets.sequel import FATAL, SequelClient
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog


def reconcile(
    client: SequelClient,
    warehouse: Warehouse,
    clock: Callable[[], datetime],
    rules: RefreshConfig,
    run_id: str | None = None,
) -> ReconciliationReport:
    """Compare what is kept of all companies that are not gone with what Sequel answers, and repair what moved.

    Days that Sequel has forgotten are left out; what fails is in the report.
    """
    context = ReconciliationContext(client, warehouse, clock, rules, run_id, NamedTotals(client))
    schema.ensure_current(warehouse)
    report, lock = ReconciliationReport(), threading.Lock()
    present = warehouse.ask(catalog.present_companies)
    start, frozen_before = rules.start, rules.retention.frozen_before(present, clock())

    def one(pool: ThreadPoolExecutor, company_id: str) -> None:
        if report.fatal is not None:
            return
        horizon = max(start, frozen_before.get(company_id, start))
        reconciliation = CompanyReconciliation(context, pool, company_id, horizon)
        try:
            reconciliation.run()
        except FATAL as error:
            report.fatal = error
            return
        except WarehouseError as error:
            reconciliation.report.failures.append(EventFailure(company_id, "", str(error)))
        except Exception as error:  # noqa: BLE001 - our own mistake must not fail other companies
            reconciliation.report.failures.append(EventFailure(company_id, "", unexpected(error)))
        with lock:
            report.add(reconciliation.report)

    with (
        ThreadPoolExecutor(rules.max_concurrency, thread_name_prefix="reconciliation") as pool,
        ThreadPoolExecutor(COMPANIES_AT_ONCE, thread_name_prefix="company") as side_by_side,
    ):
        for done in [side_by_side.submit(one, pool, company.company_id) for company in present]:
            done.result()
    return report
