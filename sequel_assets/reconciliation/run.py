"""The daily reconciliation: are the minutes kept here still those that Sequel answers?

Several companies run side by side; a failure of one is reported and stops no other. Only errors that would fail every
request (Sequel unreachable, sign-in refused) end it for all.
"""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime

from sequel_assets.reconciliation.client import CompanyReport, EventFailure
from sequel_assets.reconciliation.company_run import CompanyReconciliation, ReconciliationContext
from sequel_assets.reconciliation.company_totals import NamedTotals
from sequel_assets.reconciliation.decisions import ReconciliationResult
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import Outcome, unexpected
from sequel_assets.refresh.run.refresher import COMPANIES_AT_ONCE
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog


@dataclass
class ReconciliationReport:
    """What a reconciliation did. `fatal` is the error that ended it, once there was one."""

    companies: int = 0
    events: int = 0
    requests: int = 0
    """Totals of events that were requested; lists of events, repairs and the named endpoints come on top."""
    repaired: list[tuple[str, str, date]] = field(default_factory=list)
    """(company, event, day) that had moved and were refreshed."""
    differing: int = 0
    """Totals that are not what is kept, after the repair."""
    hidden: list[tuple[str, str]] = field(default_factory=list)
    """(company, event) that Sequel's complete list does not show."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Named endpoint -> why it was not compared."""
    failures: list[EventFailure] = field(default_factory=list)
    repaired_slices: list[Outcome] = field(default_factory=list)
    """Slices that changed, of facts and insights."""
    fatal: SequelError | None = None

    def add(self, company_id: str, found: CompanyReport) -> None:
        """Take in what was found at one company."""
        self.companies += 1
        self.events += found.events
        self.requests += found.requests
        self.repaired += [(company_id, event_id, day) for event_id, days in found.repaired.items() for day in days]
        self.differing += sum(finding.result is ReconciliationResult.DIFFERS for finding in found.findings)
        self.hidden += [(company_id, event_id) for event_id in found.hidden]
        self.skipped |= found.skipped
        self.failures += found.failures
        self.repaired_slices += found.repaired_slices


class Reconciliation:
    """Compares what is kept with what Sequel answers, and repairs what moved.

    Days that Sequel has forgotten are left out.
    """

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: RefreshConfig,
        run_id: str | None = None,
    ) -> None:
        self._context = ReconciliationContext(client, warehouse, clock, rules, run_id, NamedTotals(client))

    def run(self, company_ids: Collection[str] | None = None) -> ReconciliationReport:
        """Reconcile companies (default: all that are not gone); what fails is in the report."""
        context = self._context
        schema.ensure_current(context.warehouse)
        report, lock = ReconciliationReport(), threading.Lock()
        present = context.warehouse.ask(catalog.present_companies)
        start, frozen_before = context.rules.start, context.rules.retention.frozen_before(present, context.clock())

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
                report.add(company_id, reconciliation.report)

        with (
            ThreadPoolExecutor(context.rules.max_concurrency, thread_name_prefix="reconciliation") as pool,
            ThreadPoolExecutor(COMPANIES_AT_ONCE, thread_name_prefix="company") as side_by_side,
        ):
            wanted = [c.company_id for c in present if company_ids is None or c.company_id in company_ids]
            for done in [side_by_side.submit(one, pool, company_id) for company_id in wanted]:
                done.result()
        return report
