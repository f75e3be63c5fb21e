"""Reconciles one company: of each event the total over the days that have closed, and the total of all time.

That is two small requests per event while nothing moved. Days that moved are found by requesting parts of the range and
refreshed as usual, so that restatements, quarantined slices, control totals and as-of insights follow. Nothing is
written here but the results: facts change only by a refresh.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sequel_assets.reconciliation.client import EventFailure, ReconciliationReport, TotalsClient
from sequel_assets.reconciliation.company_totals import SCOPES, KeptTotals, NamedTotals, skipped
from sequel_assets.reconciliation.decisions import (
    DAY,
    Need,
    ReconciliationFinding,
    ReconciliationResult,
    Rest,
    classify_rest,
    search,
    within,
)
from sequel_assets.reconciliation.list_cap import hidden_events, note_hidden
from sequel_assets.reconciliation.store import (
    ALL_TIME,
    BEFORE,
    RANGE,
    KnownTotals,
    days_with_problems,
    read_known,
    write_findings,
)
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.datasets import LANDED_NAMES
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.run_context import RefreshOptions, RunInfo
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores import problems
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import NO_DAY, reconciliations

OVERTIME = timedelta(hours=1)
"""How long after its planned end an event may still be running."""


@dataclass(frozen=True)
class ReconciliationContext:
    """What the reconciliations of all companies share."""

    client: SequelClient
    warehouse: Warehouse
    clock: Callable[[], datetime]
    rules: RefreshConfig
    run_id: str | None
    named: NamedTotals


class CompanyReconciliation:
    """Reconciles one company's events, in the pool's threads. `report` is filled step by step."""

    def __init__(self, context: ReconciliationContext, pool: Executor, company_id: str, horizon: date) -> None:
        self._context, self._warehouse = context, context.warehouse
        self._clock, self._rules = context.clock, context.rules
        self._company_id, self._horizon = company_id, horizon
        self.report = ReconciliationReport(companies=1)
        self._totals = TotalsClient(context.client, pool, company_id, self.report)

    def run(self) -> None:
        """Reconcile the company and write what was found."""
        at = self._clock()
        through = data_through(at, self._rules.settle)
        self._totals.guarded("", lambda: self._list_by_windows(at))
        known = self._read()
        findings: list[ReconciliationFinding] = []
        if known.span is not None:
            self.report.events = len(known.events)
            findings = self._events(known, known.span, through)
            self.report.differing = sum(one.result is ReconciliationResult.DIFFERS for one in findings)
        run_info = RunInfo(at, through, self._rules.late_window, self._context.run_id)
        write_findings(self._warehouse, self._company_id, findings, known, run_info)
        reasons: dict[str, list[str]] = {}
        for failure in self.report.failures:
            reasons.setdefault(failure.event_id, []).append(failure.reason)
        standing = [
            Problem(self._company_id, reconciliations.name, "; ".join(texts), event_id=event_id)
            for event_id, texts in reasons.items()
        ]
        problems.replace_problems(
            self._warehouse, self._company_id, {reconciliations.name: {NO_DAY: None}}, standing, at=at
        )

    def _read(self) -> KnownTotals:
        return read_known(self._warehouse, self._company_id, self._horizon)

    def _list_by_windows(self, at: datetime) -> None:
        hidden = hidden_events(self._context.client, self._company_id, self._rules.start.year, at.year + 1)
        self.report.hidden = [(self._company_id, event_id) for event_id in hidden]
        note_hidden(self._warehouse, self._company_id, hidden, at=at)

    def _events(self, known: KnownTotals, span: Span, through: datetime) -> list[ReconciliationFinding]:
        events = {event.event_id: event for event in known.events}
        totals = self._totals.each(events, lambda event_id: self._totals.total(event_id, span.first, span.last))
        if any(total != within(span, known.of(event_id)) for event_id, total in totals.items()):
            totals = self._repaired(totals, span)
            known = self._read()
        elif len(totals) == len(events):
            self._clear_problems(span)
        found = self._totals.each(
            totals, lambda event_id: self._findings(known, span, events[event_id], totals[event_id])
        )
        findings = [finding for of_event in found.values() for finding in of_event]
        why = ""
        if known.left_out:
            why = f"{known.left_out} events have vanished or are ruled out, and Sequel may count them"
        elif len(found) < len(events):
            why = "not every event's total could be fetched"
        elif data_through(self._clock(), self._rules.settle) != through:
            why = "Sequel's hour changed during the reconciliation"
        named = self._totals.guarded("", lambda: self._named_totals(known, span, findings, why))
        return findings + (named or [])

    def _repaired(self, totals: Mapping[str, int], span: Span) -> dict[str, int]:
        """Find and refresh the days that moved.

        Return the events' totals, requested once more where they still differ.
        """
        known = self._read()  # a refresh may have been under way

        def differing(kept: KnownTotals) -> list[str]:
            return [event_id for event_id, total in totals.items() if total != within(span, kept.of(event_id))]

        suspects = differing(known)
        moved = self._totals.each(suspects, lambda event_id: self._moved(known, span, event_id, totals[event_id]))
        self._repair({event_id: days for event_id, days in moved.items() if days})
        still = differing(self._read())
        fetched = self._totals.each(still, lambda event_id: self._totals.total(event_id, span.first, span.last))
        failed = {*suspects} - moved.keys() | {*still} - fetched.keys()
        return {event_id: total for event_id, total in {**totals, **fetched}.items() if event_id not in failed}

    def _clear_problems(self, span: Span) -> None:
        """Refresh the days with problems: they are final and match now, and no other run would fetch them."""
        days = self._warehouse.ask(lambda connection: days_with_problems(connection, self._company_id, span))
        self._refresh(days, {})

    def _moved(self, known: KnownTotals, span: Span, event_id: str, total: int) -> list[date]:
        answers = {span: total}
        while isinstance(step := search(span, known.of(event_id), answers), Span):
            answers[step] = self._totals.total(event_id, step.first, step.last)
        return step

    def _repair(self, moved: Mapping[str, list[date]]) -> None:
        if not moved:
            return
        self._refresh([], moved)
        self.report.repaired = [(self._company_id, event_id, day) for event_id, days in moved.items() for day in days]

    def _refresh(self, days: Sequence[date], moved: Mapping[str, Sequence[date]]) -> None:
        """Refresh days of every event, and days of single events."""
        if not days and not moved:
            return
        options = RefreshOptions(self._context.run_id, only={self._company_id: moved})
        refresher = Refresher(self._context.client, self._warehouse, self._clock, self._rules, options)
        for outcome in refresher.refresh({self._company_id: days}):
            if not outcome.is_good and outcome.dataset in LANDED_NAMES:
                reason = f"{outcome.dataset} of {outcome.day} was not repaired: {outcome.reason}"
                self.report.failures.append(EventFailure(self._company_id, "", reason))
            elif outcome.verdict is SliceStatus.DONE:
                self.report.repaired_slices.append(outcome)
        if refresher.fatal is not None:
            raise refresher.fatal

    def _findings(
        self, known: KnownTotals, span: Span, event: KnownEvent, expected: int
    ) -> list[ReconciliationFinding]:
        """Request the total of all time and, where that is not enough, those of the days before and after the range."""
        event_id, kept = event.event_id, known.of(event.event_id)
        found = within(span, kept)
        result = ReconciliationResult.EQUAL if found == expected else ReconciliationResult.DIFFERS
        findings = [ReconciliationFinding(event_id, RANGE, span.first, span.last, found, expected, result)]
        ever = self._totals.total(event_id, None, None)
        after = sum(minutes for day, minutes in kept.items() if day > span.last)
        between = sum(minutes for day, minutes in kept.items() if day < span.first)
        rest = Rest(ever - expected, between, after, after > 0 or _is_on(event, span.last, self._clock()))
        remembered, last_before = known.before.get(event_id), self._horizon - DAY
        fetched: dict[Need, int] = {}
        while isinstance(
            step := classify_rest(rest, remembered, fetched.get(Need.BEFORE), fetched.get(Need.AFTER)), Need
        ):
            first, last = (None, last_before) if step is Need.BEFORE else (span.last + DAY, None)
            fetched[step] = self._totals.total(event_id, first, last)
        findings.append(ReconciliationFinding(event_id, ALL_TIME, None, None, found + between + after, ever, step))
        before = fetched.get(Need.BEFORE, remembered)
        if before is not None:
            kind = ReconciliationResult.BEFORE_START if before else ReconciliationResult.EQUAL
            findings.append(ReconciliationFinding(event_id, BEFORE, None, last_before, 0, before, kind))
        return findings

    def _named_totals(
        self, known: KnownTotals, span: Span, findings: Sequence[ReconciliationFinding], why: str
    ) -> list[ReconciliationFinding]:
        before = sum(finding.expected for finding in findings if finding.scope == BEFORE)
        of_all_time = [finding for finding in findings if finding.scope == ALL_TIME]
        kept = sum(sums.engaged for sums in known.sums.values())
        ever = (
            kept
            + before
            + sum(f.expected - f.found for f in of_all_time if f.result is not ReconciliationResult.DIFFERS)
        )
        days = {day: sums for day, sums in known.sums.items() if span.first <= day <= span.last}
        if why:
            totals = [skipped(scope, None, why) for scope in SCOPES]
        else:
            totals = self._context.named.compare(self._company_id, span, KeptTotals(days, kept + before, ever))
        self.report.skipped = {one.scope: one.why for one in totals if one.why}
        return totals


def _is_on(event: KnownEvent, last_closed: date, now: datetime) -> bool:
    """Say whether an event takes place, or has taken place, after the range."""
    if event.starts_at is None or event.starts_at > now:
        return False
    ends_at = max(event.ends_at or event.starts_at, event.starts_at)
    return ends_at >= day_end(last_closed) - OVERTIME  # day_end - OVERTIME, since ends_at + OVERTIME may overflow
