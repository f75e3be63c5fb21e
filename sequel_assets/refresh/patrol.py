"""The patrol, once a day: are the minutes kept here still those that Sequel tells?

Of each event the total over the days that have closed, and the total of all time: two small requests while all is
well. Days that moved are found by asking parts of the range, and refreshed by the ordinary path, so that restatements,
held slices, proofs and as-of insights follow.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.warehouse import catalog, problems, schema
from sequel_assets.warehouse.catalog import KnownEvent
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.tables import NO_DAY, event_participants, reconciliations

from .events import Moment
from .hours import data_through, top_of_hour
from .named_totals import NamedTotals, Ours
from .patrol_memory import (
    ALL_TIME,
    BEFORE,
    COMPANY,
    RANGE,
    Finding,
    Known,
    forget_silences,
    read_known,
    write_findings,
)
from .patrol_plan import DAY, Need, Rest, Verdict, judge, search, within
from .patrol_windows import hidden_events, note_hidden
from .placing import FATAL
from .plan import Span
from .refresh import Refresher, Rules, unexpected


@dataclass(frozen=True)
class Failure:
    """What could not be patrolled, and why; `event_id` is empty where it is the company as a whole."""

    company_id: str
    event_id: str
    reason: str


@dataclass
class PatrolReport:
    """What a patrol did. `fatal` is the error that ended it, once there was one."""

    companies: int = 0
    events: int = 0
    requests: int = 0
    """Totals asked of events; the lists of events, repairs and the named endpoints come on top."""
    repaired: list[tuple[str, str, date]] = field(default_factory=list)
    """(company, event, day) that had moved and were refreshed."""
    differing: int = 0
    hidden: list[tuple[str, str]] = field(default_factory=list)
    """(company, event) that Sequel's whole list does not show."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Named endpoint -> why it was not compared."""
    failures: list[Failure] = field(default_factory=list)
    fatal: SequelError | None = None


class Patrol:
    """Compares what is kept with what Sequel tells, and mends what moved."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: Rules,
        run_id: str | None = None,
        *,
        frozen_before: Mapping[str, date] | None = None,
    ) -> None:
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self._frozen_before = frozen_before or {}
        self._named = NamedTotals(client)
        self._report = PatrolReport()

    def run(self, company_ids: Collection[str] | None = None) -> PatrolReport:
        """Patrol companies (default: all that are not gone), one after the other; what fails is in the report."""
        schema.ensure_current(self._warehouse)
        report = self._report = PatrolReport()
        with self._warehouse.read() as connection:
            companies = [c.company_id for c in catalog.known_companies(connection) if c.gone_at is None]
        with ThreadPoolExecutor(self._rules.max_concurrency, thread_name_prefix="patrol") as pool:
            for company_id in companies:
                if company_ids is not None and company_id not in company_ids:
                    continue
                try:
                    self._company(company_id, pool)
                    report.companies += 1
                except FATAL as error:
                    report.fatal = error
                    break
                except WarehouseError as error:
                    report.failures.append(Failure(company_id, "", str(error)))
        return report

    def _company(self, company_id: str, pool: Executor) -> None:
        at, before = self._clock(), len(self._report.failures)
        horizon = max(self._rules.start, self._frozen_before.get(company_id, self._rules.start))
        moment = Moment(at, data_through(at, self._rules.settle), self._rules.late_window, self._run_id)
        self._guarded(company_id, "", lambda: self._list_by_windows(company_id, at))
        known = read_known(self._warehouse, company_id, horizon)
        findings: list[Finding] = []
        if known.span is not None:
            findings = self._events(known, known.span, pool)
        event_ids = {event.event_id for event in known.events}
        write_findings(self._warehouse, company_id, findings, event_ids, moment, at)
        self._report.events += len(event_ids) if known.span else 0
        self._report.differing += sum(finding.verdict is Verdict.DIFFERS for finding in findings)
        standing = {
            failure.event_id: Problem(company_id, reconciliations.name, failure.reason, event_id=failure.event_id)
            for failure in self._report.failures[before:]
        }
        problems.settle(self._warehouse, company_id, reconciliations.name, [NO_DAY], standing.values(), at=at)

    def _list_by_windows(self, company_id: str, at: datetime) -> None:
        hidden = hidden_events(self._client, company_id, self._rules.start.year, at.year + 1)
        note_hidden(self._warehouse, company_id, hidden, at=at)
        self._report.hidden += [(company_id, event_id) for event_id in hidden]

    def _events(self, known: Known, span: Span, pool: Executor) -> list[Finding]:
        began = self._clock()
        company_id, events = known.company_id, {event.event_id: event for event in known.events}
        totals = self._each(pool, known, list(events), lambda event_id: self._total(event_id, span.first, span.last))
        suspects = [event_id for event_id, told in totals.items() if told != within(span, known.of(event_id))]
        if suspects:
            known = replace(read_known(self._warehouse, company_id, known.horizon), span=span)
            moved = self._each(pool, known, suspects, lambda event_id: self._moved(known, span, event_id, totals))
            self._repair(company_id, {event_id: days for event_id, days in moved.items() if days})
            known = replace(read_known(self._warehouse, company_id, known.horizon), span=span)
            again = self._each(pool, known, list(moved), lambda e: self._total(e, span.first, span.last))
            totals = {e: told for e, told in (totals | again).items() if e not in suspects or e in again}
        after = known
        told = self._each(
            pool, known, list(totals), lambda event_id: self._verdicts(after, span, events[event_id], totals[event_id])
        )
        findings = [finding for pair in told.values() for finding in pair]
        is_whole = len(told) == len(events) and not known.left_out
        is_same_hour = top_of_hour(began) == top_of_hour(self._clock())
        if is_whole and is_same_hour:
            self._guarded(company_id, "", lambda: findings.extend(self._named_totals(after, span, findings)))
        return findings

    def _total(self, event_id: str, first: date | None, last: date | None) -> int:
        self._report.requests += 1
        try:
            told = self._client.participants(event_id, start=first, end=last, engagement_type="all", limit=1)
        except NotFound as error:
            told = self._client.participants(event_id, start=first, end=last, engagement_type="all", limit=1)
            del error
        return told.total_engaged_minutes

    def _moved(self, known: Known, span: Span, event_id: str, totals: Mapping[str, int]) -> list[date]:
        answers = {span: totals[event_id]}
        while isinstance(step := search(span, known.of(event_id), answers), Span):
            answers[step] = self._total(event_id, step.first, step.last)
        return step

    def _repair(self, company_id: str, moved: Mapping[str, Sequence[date]]) -> None:
        if not moved:
            return
        forget_silences(self._warehouse, company_id, moved)
        only = {company_id: moved}
        refresher = Refresher(self._client, self._warehouse, self._clock, self._rules, self._run_id, only=only)
        for outcome in refresher.refresh({company_id: []}):
            if not outcome.is_good and outcome.dataset == event_participants.name:
                reason = f"{outcome.day} has moved and could not be refreshed: {outcome.reason}"
                self._report.failures.append(Failure(company_id, "", reason))
        if refresher.fatal is not None:
            raise refresher.fatal
        self._report.repaired += [(company_id, event_id, day) for event_id, days in moved.items() for day in days]

    def _verdicts(self, known: Known, span: Span, event: KnownEvent, promised: int) -> list[Finding]:
        event_id, kept = event.event_id, known.of(event.event_id)
        found = within(span, kept)
        verdict = Verdict.EQUAL if found == promised else Verdict.DIFFERS
        findings = [Finding(event_id, RANGE, span, found, promised, verdict)]
        ever = self._total(event_id, None, None)
        last_before = known.horizon - DAY
        kept_after = sum(minutes for day, minutes in kept.items() if day > span.last)
        between = sum(minutes for day, minutes in kept.items() if day < span.first)
        is_open = kept_after > 0 or _is_on(event, span.last, self._clock())
        rest = Rest(ever - promised, between, kept_after, is_open)
        remembered, asked = known.before.get(event_id), dict[Need, int]()
        while isinstance(
            step := judge(rest, remembered, asked.get(Need.BEFORE), asked.get(Need.AFTER)),
            Need,
        ):
            first, last = (None, last_before) if step is Need.BEFORE else (span.last + DAY, None)
            asked[step] = self._total(event_id, first, last)
        findings.append(Finding(event_id, ALL_TIME, None, found + between + kept_after, ever, step))
        if Need.BEFORE in asked or remembered is not None:
            before = asked.get(Need.BEFORE, remembered or 0)
            kind = Verdict.BEFORE_START if before else Verdict.EQUAL
            findings.append(Finding(event_id, BEFORE, None, 0, before, kind, last_day=last_before))
        return findings

    def _named_totals(self, known: Known, span: Span, findings: Sequence[Finding]) -> list[Finding]:
        before = sum(finding.promised for finding in findings if finding.scope == BEFORE)
        kept = sum(sums.engaged for sums in known.sums.values())
        ever = sum(finding.promised for finding in findings if finding.scope == ALL_TIME)
        days = {day: sums for day, sums in known.sums.items() if span.first <= day <= span.last}
        told = self._named.compare(known.company_id, span, Ours(days, kept + before, ever))
        self._report.skipped |= {one.scope: one.why for one in told if one.why}
        return [Finding(COMPANY, one.scope, one.span, one.found, one.promised, one.verdict) for one in told]
