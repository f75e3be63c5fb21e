"""The patrol of one company: of each event the total over the days that have closed, and the total of all time.

Two small requests while all is well. Days that moved are found by asking parts of the range, and refreshed by the
ordinary path, so that restatements, held slices, proofs and as-of insights follow.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import date, datetime, timedelta
from typing import TypeVar

from sequel_assets.reconciliation.client import EventFailure, Found, TotalsAsker
from sequel_assets.reconciliation.company_totals import SCOPES, NamedTotals, Ours, skipped
from sequel_assets.reconciliation.decisions import DAY, Need, ReconciliationResult, Rest, judge, search, within
from sequel_assets.reconciliation.list_cap import hidden_events, note_hidden
from sequel_assets.reconciliation.store import (
    ALL_TIME,
    BEFORE,
    COMPANY,
    RANGE,
    KnownTotals,
    ReconciliationFinding,
    read_known,
    troubled_days,
    write_findings,
)
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.datasets import LANDED_NAMES
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.refresh.usage.range_search import Span
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.replacement import day_end
from sequel_assets.warehouse.stores import problems
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import NO_DAY, reconciliations

T = TypeVar("T")
OVERTIME = timedelta(hours=1)
"""How long beyond its planned end an event may be on."""


class CompanyReconciliation:
    """One company's events, asked in the pool's threads. `found` grows as it goes."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: RefreshConfig,
        run_id: str | None,
        *,
        pool: Executor,
        named: NamedTotals,
        refresher: Callable[[Mapping[str, Mapping[str, Collection[date]]]], Refresher],
        company_id: str,
        horizon: date,
    ) -> None:
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self._named, self._refresher = named, refresher
        self._company_id, self._horizon = company_id, horizon
        self.found = Found()
        self._ask = TotalsAsker(client, pool, company_id, self.found)

    def run(self) -> None:
        """Patrol the company and write down what was found."""
        at = self._clock()
        through = data_through(at, self._rules.settle)
        self._ask.guarded("", lambda: self._list_by_windows(at))
        known = self._read()
        if known.span is not None:
            self.found.events = len(known.events)
            self.found.findings = self._events(known, known.span, through)
        moment = RunInfo(at, through, self._rules.late_window, self._run_id)
        write_findings(self._warehouse, self._company_id, self.found.findings, known, moment)
        reasons: dict[str, list[str]] = {}
        for failure in self.found.failures:
            reasons.setdefault(failure.event_id, []).append(failure.reason)
        standing = [
            Problem(self._company_id, reconciliations.name, "; ".join(why), event_id=event_id)
            for event_id, why in reasons.items()
        ]
        problems.replace_problems(self._warehouse, self._company_id, reconciliations.name, [NO_DAY], standing, at=at)

    def _read(self) -> KnownTotals:
        return read_known(self._warehouse, self._company_id, self._horizon)

    def _list_by_windows(self, at: datetime) -> None:
        self.found.hidden = hidden_events(self._client, self._company_id, self._rules.start.year, at.year + 1)
        note_hidden(self._warehouse, self._company_id, self.found.hidden, at=at)

    def _events(self, known: KnownTotals, span: Span, through: datetime) -> list[ReconciliationFinding]:
        events = {event.event_id: event for event in known.events}
        totals = self._ask.each(events, lambda event_id: self._ask.total(event_id, span.first, span.last))
        if any(told != within(span, known.of(event_id)) for event_id, told in totals.items()):
            totals = self._mend(totals, span)
            known = self._read()
        elif len(totals) == len(events):
            self._clear_problems(span)
        found = self._ask.each(totals, lambda event_id: self._verdicts(known, span, events[event_id], totals[event_id]))
        findings = [finding for of_event in found.values() for finding in of_event]
        why = ""
        if known.left_out:
            why = f"{known.left_out} events have vanished or are ruled out, and Sequel may count them"
        elif len(found) < len(events):
            why = "not every event could be asked"
        elif data_through(self._clock(), self._rules.settle) != through:
            why = "Sequel's hour changed during the patrol"
        named = self._ask.guarded("", lambda: self._named_totals(known, span, findings, why))
        return findings + (named or [])

    def _mend(self, totals: Mapping[str, int], span: Span) -> dict[str, int]:
        """Find and refresh the days that moved; return the totals of the events, asked again where they still differ."""
        known = self._read()  # a refresh may have been under way

        def differing(kept: KnownTotals) -> list[str]:
            return [event_id for event_id, told in totals.items() if told != within(span, kept.of(event_id))]

        suspects = differing(known)
        moved = self._ask.each(suspects, lambda event_id: self._moved(known, span, event_id, totals[event_id]))
        self._repair({event_id: days for event_id, days in moved.items() if days})
        again = differing(self._read())
        asked = self._ask.each(again, lambda event_id: self._ask.total(event_id, span.first, span.last))
        failed = {*suspects} - moved.keys() | {*again} - asked.keys()
        return {event_id: told for event_id, told in {**totals, **asked}.items() if event_id not in failed}

    def _clear_problems(self, span: Span) -> None:
        """Refresh the days with problems: they are final, and nobody else asks for them again now that they are right."""
        days = self._warehouse.ask(lambda connection: troubled_days(connection, self._company_id, span))
        self._refresh(days, {})

    def _moved(self, known: KnownTotals, span: Span, event_id: str, told: int) -> list[date]:
        answers = {span: told}
        while isinstance(step := search(span, known.of(event_id), answers), Span):
            answers[step] = self._ask.total(event_id, step.first, step.last)
        return step

    def _repair(self, moved: Mapping[str, list[date]]) -> None:
        if not moved:
            return
        self._refresh([], moved)
        self.found.repaired = dict(moved)

    def _refresh(self, days: Sequence[date], moved: Mapping[str, Sequence[date]]) -> None:
        """Refresh days of every event, and days of single events."""
        if not days and not moved:
            return
        refresher = self._refresher({self._company_id: moved})
        for outcome in refresher.refresh({self._company_id: days}):
            if not outcome.is_good and outcome.dataset in LANDED_NAMES:
                why = f"{outcome.dataset} of {outcome.day} was not mended: {outcome.reason}"
                self.found.failures.append(EventFailure(self._company_id, "", why))
            elif outcome.verdict is SliceStatus.DONE:
                self.found.mended.append(outcome)
        if refresher.fatal is not None:
            raise refresher.fatal

    def _verdicts(
        self, known: KnownTotals, span: Span, event: KnownEvent, promised: int
    ) -> list[ReconciliationFinding]:
        """Ask for the total of all time and, where it leaves a question, for the days before and after the range."""
        event_id, kept = event.event_id, known.of(event.event_id)
        found = within(span, kept)
        verdict = ReconciliationResult.EQUAL if found == promised else ReconciliationResult.DIFFERS
        findings = [ReconciliationFinding(event_id, RANGE, span.first, span.last, found, promised, verdict)]
        ever = self._ask.total(event_id, None, None)
        after = sum(minutes for day, minutes in kept.items() if day > span.last)
        between = sum(minutes for day, minutes in kept.items() if day < span.first)
        rest = Rest(ever - promised, between, after, after > 0 or _is_on(event, span.last, self._clock()))
        remembered, last_before = known.before.get(event_id), self._horizon - DAY
        asked: dict[Need, int] = {}
        while isinstance(step := judge(rest, remembered, asked.get(Need.BEFORE), asked.get(Need.AFTER)), Need):
            first, last = (None, last_before) if step is Need.BEFORE else (span.last + DAY, None)
            asked[step] = self._ask.total(event_id, first, last)
        findings.append(ReconciliationFinding(event_id, ALL_TIME, None, None, found + between + after, ever, step))
        before = asked.get(Need.BEFORE, remembered)
        if before is not None:
            kind = ReconciliationResult.BEFORE_START if before else ReconciliationResult.EQUAL
            findings.append(ReconciliationFinding(event_id, BEFORE, None, last_before, 0, before, kind))
        return findings

    def _named_totals(
        self, known: KnownTotals, span: Span, findings: Sequence[ReconciliationFinding], why: str
    ) -> list[ReconciliationFinding]:
        before = sum(finding.promised for finding in findings if finding.scope == BEFORE)
        of_all_time = [finding for finding in findings if finding.scope == ALL_TIME]
        kept = sum(sums.engaged for sums in known.sums.values())
        ever = (
            kept
            + before
            + sum(f.promised - f.found for f in of_all_time if f.verdict is not ReconciliationResult.DIFFERS)
        )
        days = {day: sums for day, sums in known.sums.items() if span.first <= day <= span.last}
        if why:
            told = [skipped(scope, None, why) for scope in SCOPES]
        else:
            told = self._named.compare(self._company_id, span, Ours(days, kept + before, ever))
        self.found.skipped = {one.scope: one.why for one in told if one.why}
        of_company = []
        for one in told:
            first, last = (one.span.first, one.span.last) if one.span else (None, None)
            of_company.append(
                ReconciliationFinding(COMPANY, one.scope, first, last, one.found, one.promised, one.verdict)
            )
        return of_company


def _is_on(event: KnownEvent, last_closed: date, now: datetime) -> bool:
    """Say whether an event takes place, or has taken place, after the range."""
    if event.starts_at is None or event.starts_at > now:
        return False
    ends_at = max(event.ends_at or event.starts_at, event.starts_at)
    return ends_at >= day_end(last_closed) - OVERTIME  # nothing is added to a told time
