"""The patrol, once a day: are the minutes kept here still those that Sequel tells?

Companies side by side; what goes wrong at one is told and holds up no other. Only what no request would survive
(Sequel away, sign-in refused) ends it for all.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime

from sequel_assets.reconciliation.client import EventFailure, Found
from sequel_assets.reconciliation.company_run import CompanyReconciliation
from sequel_assets.reconciliation.company_totals import NamedTotals
from sequel_assets.reconciliation.decisions import ReconciliationResult
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.outcomes import Outcome, unexpected
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.run.refresher import COMPANIES_AT_ONCE, Refresher
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog


@dataclass
class ReconciliationReport:
    """What a patrol did. `fatal` is the error that ended it, once there was one."""

    companies: int = 0
    events: int = 0
    requests: int = 0
    """Totals asked of events; the lists of events, repairs and the named endpoints come on top."""
    repaired: list[tuple[str, str, date]] = field(default_factory=list)
    """(company, event, day) that had moved and were refreshed."""
    differing: int = 0
    """Totals that are not what is kept, after the repair."""
    hidden: list[tuple[str, str]] = field(default_factory=list)
    """(company, event) that Sequel's whole list does not show."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Named endpoint -> why it was not compared."""
    failures: list[EventFailure] = field(default_factory=list)
    mended: list[Outcome] = field(default_factory=list)
    """Slices that changed, of facts and insights."""
    fatal: SequelError | None = None

    def add(self, company_id: str, found: Found) -> None:
        """Take in what was found at one company."""
        self.companies += 1
        self.events += found.events
        self.requests += found.requests
        self.repaired += [(company_id, event_id, day) for event_id, days in found.repaired.items() for day in days]
        self.differing += sum(finding.verdict is ReconciliationResult.DIFFERS for finding in found.findings)
        self.hidden += [(company_id, event_id) for event_id in found.hidden]
        self.skipped |= found.skipped
        self.failures += found.failures
        self.mended += found.mended


class Reconciliation:
    """Compares what is kept with what Sequel tells, and mends what moved. What Sequel has forgotten is left out on both sides."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: RefreshConfig,
        run_id: str | None = None,
    ) -> None:
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self._frozen_before: Mapping[str, date] = {}
        self._named = NamedTotals(client)

    def run(self, company_ids: Collection[str] | None = None) -> ReconciliationReport:
        """Patrol companies (default: all that are not gone); what fails is in the report."""
        schema.ensure_current(self._warehouse)
        report, lock = ReconciliationReport(), threading.Lock()
        present = self._warehouse.ask(catalog.present_companies)
        self._frozen_before = self._rules.retention.frozen_before(present, self._clock())

        def one(pool: ThreadPoolExecutor, company_id: str) -> None:
            if report.fatal is not None:
                return
            patrol = self._of(company_id, pool)
            try:
                patrol.run()
            except FATAL as error:
                report.fatal = error
                return
            except WarehouseError as error:
                patrol.found.failures.append(EventFailure(company_id, "", str(error)))
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
                patrol.found.failures.append(EventFailure(company_id, "", unexpected(error)))
            with lock:
                report.add(company_id, patrol.found)

        with (
            ThreadPoolExecutor(self._rules.max_concurrency, thread_name_prefix="patrol") as pool,
            ThreadPoolExecutor(COMPANIES_AT_ONCE, thread_name_prefix="company") as side_by_side,
        ):
            wanted = [c.company_id for c in present if company_ids is None or c.company_id in company_ids]
            for done in [side_by_side.submit(one, pool, company_id) for company_id in wanted]:
                done.result()
        return report

    def _of(self, company_id: str, pool: ThreadPoolExecutor) -> CompanyReconciliation:
        def refresher(only: Mapping[str, Mapping[str, Collection[date]]]) -> Refresher:
            return Refresher(
                self._client, self._warehouse, self._clock, self._rules, RefreshOptions(self._run_id, only=only)
            )

        horizon = max(self._rules.start, self._frozen_before.get(company_id, self._rules.start))
        return CompanyReconciliation(
            self._client,
            self._warehouse,
            self._clock,
            self._rules,
            self._run_id,
            pool=pool,
            named=self._named,
            refresher=refresher,
            company_id=company_id,
            horizon=horizon,
        )
