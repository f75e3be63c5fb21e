"""The patrol of one company: of each event the total over the days that have closed, and the total of all time.

Two small requests while all is well. Days that moved are found by asking parts of the range, and refreshed by the
ordinary path, so that restatements, held slices, proofs and as-of insights follow.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.warehouse import problems
from sequel_assets.warehouse.catalog import KnownEvent
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.tables import NO_DAY, event_participants, reconciliations

from .events import Moment
from .hours import data_through
from .named_totals import SCOPES, NamedTotals, Ours, skipped
from .patrol_memory import ALL_TIME, BEFORE, COMPANY, RANGE, Finding, Known, forget_silences, read_known, write_findings
from .patrol_plan import DAY, Need, Rest, Verdict, judge, search, within
from .patrol_windows import hidden_events, note_hidden
from .placing import FATAL
from .plan import Span
from .refresh import Refresher, Rules, unexpected

T = TypeVar("T")
OVERTIME = timedelta(hours=1)
"""How long beyond its planned end an event may be on."""


@dataclass(frozen=True)
class Failure:
    """What could not be patrolled, and why; `event_id` is empty where it is the company as a whole."""

    company_id: str
    event_id: str
    reason: str


@dataclass
class Found:
    """What the patrol of a company came to."""

    events: int = 0
    requests: int = 0
    findings: list[Finding] = field(default_factory=list)
    repaired: dict[str, list[date]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class CompanyPatrol:
    """One company's events, asked in the pool's threads. `found` grows as it goes."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: Rules,
        run_id: str | None,
        *,
        pool: Executor,
        named: NamedTotals,
        refresher: Callable[[Mapping[str, Mapping[str, Collection[date]]]], Refresher],
        company_id: str,
        horizon: date,
    ) -> None:
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self._pool, self._named, self._refresher = pool, named, refresher
        self._company_id, self._horizon = company_id, horizon
        self._lock = threading.Lock()
        self.found = Found()

    def run(self) -> None:
        """Patrol the company and write down what was found."""
        at = self._clock()
        through = data_through(at, self._rules.settle)
        self._guarded("", lambda: self._list_by_windows(at))
        known = self._read()
        if known.span is not None:
            self.found.events = len(known.events)
            self.found.findings = self._events(known, known.span, through)
        moment = Moment(at, through, self._rules.late_window, self._run_id)
        write_findings(self._warehouse, self._company_id, self.found.findings, known, moment)
        reasons: dict[str, list[str]] = {}
        for failure in self.found.failures:
            reasons.setdefault(failure.event_id, []).append(failure.reason)
        standing = [
            Problem(self._company_id, reconciliations.name, "; ".join(why), event_id=event_id)
            for event_id, why in reasons.items()
        ]
        problems.settle(self._warehouse, self._company_id, reconciliations.name, [NO_DAY], standing, at=at)

    def _read(self) -> Known:
        return read_known(self._warehouse, self._company_id, self._horizon)

    def _list_by_windows(self, at: datetime) -> None:
        self.found.hidden = hidden_events(self._client, self._company_id, self._rules.start.year, at.year + 1)
        note_hidden(self._warehouse, self._company_id, self.found.hidden, at=at)

    def _events(self, known: Known, span: Span, through: datetime) -> list[Finding]:
        events = {event.event_id: event for event in known.events}
        totals = self._each(events, lambda event_id: self._total(event_id, span.first, span.last))
        if any(told != within(span, known.of(event_id)) for event_id, told in totals.items()):
            totals = self._mend(totals, span)
            known = self._read()
        found = self._each(totals, lambda event_id: self._verdicts(known, span, events[event_id], totals[event_id]))
        findings = [finding for of_event in found.values() for finding in of_event]
        why = ""
        if known.left_out:
            why = f"{known.left_out} events have vanished or are ruled out, and Sequel may count them"
        elif len(found) < len(events):
            why = "not every event could be asked"
        elif data_through(self._clock(), self._rules.settle) != through:
            why = "Sequel's hour changed during the patrol"
        named = self._guarded("", lambda: self._named_totals(known, span, findings, why))
        return findings + (named or [])

    def _mend(self, totals: Mapping[str, int], span: Span) -> dict[str, int]:
        """Find and refresh the days that moved; return the totals of the events, asked again where they still differ."""
        known = self._read()  # a refresh may have been under way

        def differing(kept: Known) -> list[str]:
            return [event_id for event_id, told in totals.items() if told != within(span, kept.of(event_id))]

        suspects = differing(known)
        moved = self._each(suspects, lambda event_id: self._moved(known, span, event_id, totals[event_id]))
        self._repair({event_id: days for event_id, days in moved.items() if days})
        again = differing(self._read())
        asked = self._each(again, lambda event_id: self._total(event_id, span.first, span.last))
        failed = {*suspects} - moved.keys() | {*again} - asked.keys()
        return {event_id: told for event_id, told in {**totals, **asked}.items() if event_id not in failed}

    def _moved(self, known: Known, span: Span, event_id: str, told: int) -> list[date]:
        answers = {span: told}
        while isinstance(step := search(span, known.of(event_id), answers), Span):
            answers[step] = self._total(event_id, step.first, step.last)
        return step

    def _repair(self, moved: Mapping[str, list[date]]) -> None:
        if not moved:
            return
        forget_silences(self._warehouse, self._company_id, moved)
        refresher = self._refresher({self._company_id: moved})
        for outcome in refresher.refresh({self._company_id: []}):
            if not outcome.is_good and outcome.dataset == event_participants.name:
                reason = f"{outcome.day} has moved and was not mended: {outcome.reason}"
                self.found.failures.append(Failure(self._company_id, "", reason))
        if refresher.fatal is not None:
            raise refresher.fatal
        self.found.repaired = dict(moved)

    def _verdicts(self, known: Known, span: Span, event: KnownEvent, promised: int) -> list[Finding]:
        """Ask for the total of all time and, where it leaves a question, for the days before and after the range."""
        event_id, kept = event.event_id, known.of(event.event_id)
        found = within(span, kept)
        verdict = Verdict.EQUAL if found == promised else Verdict.DIFFERS
        findings = [Finding(event_id, RANGE, span.first, span.last, found, promised, verdict)]
        ever = self._total(event_id, None, None)
        after = sum(minutes for day, minutes in kept.items() if day > span.last)
        between = sum(minutes for day, minutes in kept.items() if day < span.first)
        rest = Rest(ever - promised, between, after, after > 0 or _is_on(event, span.last, self._clock()))
        remembered, last_before = known.before.get(event_id), self._horizon - DAY
        asked: dict[Need, int] = {}
        while isinstance(step := judge(rest, remembered, asked.get(Need.BEFORE), asked.get(Need.AFTER)), Need):
            first, last = (None, last_before) if step is Need.BEFORE else (span.last + DAY, None)
            asked[step] = self._total(event_id, first, last)
        findings.append(Finding(event_id, ALL_TIME, None, None, found + between + after, ever, step))
        before = asked.get(Need.BEFORE, remembered)
        if before is not None:
            kind = Verdict.BEFORE_START if before else Verdict.EQUAL
            findings.append(Finding(event_id, BEFORE, None, last_before, 0, before, kind))
        return findings

    def _named_totals(self, known: Known, span: Span, findings: Sequence[Finding], why: str) -> list[Finding]:
        before = sum(finding.promised for finding in findings if finding.scope == BEFORE)
        ever = sum(finding.promised for finding in findings if finding.scope == ALL_TIME)
        kept = sum(sums.engaged for sums in known.sums.values())
        days = {day: sums for day, sums in known.sums.items() if span.first <= day <= span.last}
        if why:
            told = [skipped(scope, None, why) for scope in SCOPES]
        else:
            told = self._named.compare(self._company_id, span, Ours(days, kept + before, ever))
        self.found.skipped = {one.scope: one.why for one in told if one.why}
        of_company = []
        for one in told:
            first, last = (one.span.first, one.span.last) if one.span else (None, None)
            of_company.append(Finding(COMPANY, one.scope, first, last, one.found, one.promised, one.verdict))
        return of_company

    def _total(self, event_id: str, first: date | None, last: date | None) -> int:
        for attempt in (1, 2):
            with self._lock:
                self.found.requests += 1
            try:
                told = self._client.participants(event_id, start=first, end=last, engagement_type="all", limit=1)
                return told.total_engaged_minutes
            except NotFound:
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _each(self, event_ids: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
        """Return what the work gave for each event; an event that fails is told and left out."""
        event_ids = list(event_ids)
        results = self._pool.map(lambda event_id: self._guarded(event_id, lambda: work(event_id)), event_ids)
        return {event_id: got for event_id, got in zip(event_ids, results, strict=True) if got is not None}

    def _guarded(self, event_id: str, call: Callable[[], T]) -> T | None:
        """Return what a call gives; None where it fails, which is told. What no request would survive is raised."""
        try:
            return call()
        except (*FATAL, WarehouseError):
            raise
        except SequelError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other events down
            why = unexpected(error)
        self.found.failures.append(Failure(self._company_id, event_id, why))
        return None


def _is_on(event: KnownEvent, last_closed: date, now: datetime) -> bool:
    """Say whether an event takes place, or has taken place, after the range."""
    if event.starts_at is None or event.starts_at > now:
        return False
    return (max(event.ends_at or event.starts_at, event.starts_at) + OVERTIME).date() > last_closed
