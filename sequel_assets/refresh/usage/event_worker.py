"""One event within a refresh of its company: exploring its days, then each day's facts and its concurrency."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from sequel_assets.refresh.core.api_profile import NO_USAGE, Fact, to_find_out
from sequel_assets.refresh.core.existence import is_gone
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.usage.concurrency import (
    ConcurrencyByDay,
    fetch_concurrency,
    is_counted_from_start,
    why_misplaced,
)
from sequel_assets.refresh.usage.event_client import EVER, EventClient, EventMissing
from sequel_assets.refresh.usage.extract import NoResponse, SliceFailure, day_facts, explore
from sequel_assets.refresh.usage.facts_of_day import DayFacts
from sequel_assets.refresh.usage.range_search import Expected, RangeRequest, Span, Totals, around, gaps, halves
from sequel_assets.refresh.usage.utc_days import UtcDays
from sequel_assets.sequel import FATAL, SequelError
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import HUB, STAGE

T = TypeVar("T")


@dataclass(frozen=True)
class DayWork:
    """What one event gave for one day; a failure names its reason, per dataset."""

    facts: DayFacts | None = None
    facts_failure: str = ""
    concurrency_failure: str = ""
    requests: int = 0
    seconds: float = 0.0


@dataclass
class RangeFindings:
    """Which ranges of an event were found to be empty, and which days to have minutes."""

    empty: list[Span] = field(default_factory=list)
    non_empty: set[date] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Say whether anything was found."""
        return bool(self.empty or self.non_empty)


class EventWork:
    """The requests and results of one event over the spans that are refreshed."""

    def __init__(self, context: RunContext, company_id: str, event: KnownEvent, *, has_activity: bool = True) -> None:
        self.company_id = company_id
        self.event = event
        self.concurrency: ConcurrencyByDay | None = None
        """None until it was fetched; then it has every minute of the event."""
        self.days: dict[date, Expected | None] = {}
        self.failed_spans: dict[Span, str] = {}
        self.vanished = False
        self.explore_requests = 0
        self._context = context
        cap = context.profile.list_cap
        self._client = EventClient(
            context.client, event, context.kept_lists, cap, context.assumptions, has_activity=has_activity
        )
        self._one_at_a_time = threading.Lock()
        self._concurrency_failure = self._misplaced = ""
        self._utc_days = UtcDays(
            event, self.own, context.clock, context.run_info.through, self._live_minutes, self._known_concurrency
        )
        self._findings_lock = threading.Lock()
        self._findings = RangeFindings()

    @property
    def own(self) -> Span | None:
        """Return the days on which the event takes place by its plan, if it has one."""
        if self.event.starts_at is None:
            return None
        end = self.event.ends_at
        last = end.date() if end and end > self.event.starts_at else self.event.starts_at.date()
        return Span(self.event.starts_at.date(), last)

    def take_findings(self) -> RangeFindings:
        """Return, once each, the ranges that were found to be empty, and the days that have minutes."""
        with self._findings_lock:
            findings, self._findings = self._findings, RangeFindings()
        return findings

    def _note(self, empty: Iterable[Span], non_empty: Iterable[date]) -> None:
        with self._findings_lock:
            self._findings.empty += empty
            self._findings.non_empty.update(non_empty)

    def explore(self, span: Span, wants_witness: bool) -> None:
        """Find the days of a span that have minutes; a failure is kept for every day that it concerns."""
        with self._one_at_a_time:
            before, known = self._client.requests, len(self.days)
            self._explore(span, wants_witness)
            self.explore_requests = self._client.requests
            self._context.progress.explored(self._client.requests - before, len(self.days) - known)

    def _explore(self, span: Span, wants_witness: bool) -> None:
        """Explore a span; where Sequel does not answer about a part of it, the others are explored by themselves."""
        clock, settle = self._context.clock, self._context.config.settle
        if why := self._context.profile.why_no_usage or self._context.assumptions.refuted:
            self.failed_spans[span] = why
            return
        try:
            days = self._guarded(
                lambda: explore(self._client, span, self.own, clock=clock, settle=settle, wants_witness=wants_witness)
            )
            self.days |= days
            self._note(gaps(span, days), [day for day, expected in days.items() if expected is not None])
            if span.days > 1 and self._utc_days.is_refuted_in(
                span, [day for day, one in self.days.items() if one and one.live]
            ):
                self.refuse(self._other_zone)
        except SliceFailure as error:
            self._client.forget()
            where = self._client.span
            if not isinstance(error, NoResponse) or where is None or where == span:
                self.failed_spans[span] = str(error)
                return
            if where.days == 1:
                self.failed_spans[where] = str(error)
            for part in around(span, where) if where.days == 1 else halves(span):
                self._explore(part, wants_witness)
        except EventMissing:
            self._look_up(span)

    def work(self, day: date, *, wants_facts: bool) -> DayWork:
        """Fetch and verify a day; the concurrency too when somebody was live or minutes of that day are stored."""
        began, before = time.monotonic(), self._client.requests
        facts: DayFacts | None = None
        concurrency_failure = ""
        with self._one_at_a_time:
            failure = self.failure_on(day)
            try:
                if wants_facts:
                    facts = self._guarded(lambda: day_facts(self._client, day, self.days.get(day)))
                    if self.days.get(day) is None and self._utc_days.is_refuted_on(day, facts.live.minutes):
                        raise SliceFailure(self._other_zone)
                    self._note([] if facts.has_minutes else [Span(day, day)], [day] if facts.has_minutes else [])
            except SliceFailure as error:
                facts, failure = None, str(error)
            except EventMissing:
                facts, failure = None, self._missing()
            was_live = bool(failure) or (facts is not None and facts.live.minutes > 0)
            if self.event.event_type == STAGE and not self.vanished and (was_live or self.stored_on(day)):
                self._fetch_concurrency(has_live_minutes=was_live)
                concurrency_failure = self._concurrency_failure
            requests = self._client.requests - before
        self._context.progress.worked(requests)
        return DayWork(facts, failure, concurrency_failure, requests, time.monotonic() - began)

    def refuse_misplaced(self) -> str:
        """Drop concurrency whose minutes have no time, once no event has shown that they count from the start; return why."""
        with self._one_at_a_time:
            if self.concurrency and not self._context.assumptions.counts_from_start:
                self._concurrency_failure = self._misplaced = why_misplaced(self.event, self.concurrency)
                self.concurrency = None if self._misplaced else self.concurrency
            return self._misplaced

    def fetch_moved_concurrency(self) -> bool:
        """Fetch the concurrency whatever the days say, since the event's start moved; say whether it was had."""
        with self._one_at_a_time:
            self._fetch_concurrency(has_live_minutes=False)
            return self.concurrency is not None or self.vanished

    def ask(self, request: RangeRequest, limit: int = 1) -> Totals:
        """Return the totals of a request beside its days: one that shows how Sequel reads requests."""
        with self._one_at_a_time:
            return self._guarded(lambda: self._client.probe(request, limit))

    def refuse(self, why: str) -> None:
        """Fail all days: Sequel reads requests otherwise than assumed, so none of its answers may be taken."""
        self.take_findings()
        self.days, self.failed_spans = {}, {EVER: why}

    def stored_on(self, day: date) -> bool:
        """Say whether its concurrency, as it was stored last, reached into a day."""
        first, last = self.event.concurrency_from, self.event.concurrency_until
        return first is not None and last is not None and first.date() <= day <= last.date()

    def failure_on(self, day: date) -> str:
        """Return why a day could not even be explored, or nothing."""
        return next((reason for span, reason in self.failed_spans.items() if span.first <= day <= span.last), "")

    def _fetch_concurrency(self, *, has_live_minutes: bool) -> None:
        """Fetch it once for all days; a failure stands for all days too."""
        self._concurrency_failure = self._concurrency_failure or self._context.profile.why_no_concurrency
        if self.concurrency is not None or self._concurrency_failure:
            return
        try:
            self.concurrency = self._guarded(lambda: fetch_concurrency(self._client, has_live_minutes=has_live_minutes))
            if is_counted_from_start(self.event, self.concurrency):
                self._context.assumptions.counts_from_start = True
        except SliceFailure as error:
            self._concurrency_failure = str(error)
        except EventMissing:
            self._concurrency_failure = self._missing()

    @property
    def _other_zone(self) -> str:
        return f"{NO_USAGE[Fact.DAYS]}; {to_find_out(self.event.event_id)}"

    def _live_minutes(self, span: Span) -> int:
        return self._guarded(lambda: self._client.probe(RangeRequest("live", span))).minutes

    def _known_concurrency(self) -> ConcurrencyByDay:
        self._fetch_concurrency(has_live_minutes=False)
        return self.concurrency or {}

    def _guarded(self, call: Callable[[], T]) -> T:
        """Run a call; Sequel's errors fail the slice, but one that no request would survive ends the run."""
        self._context.stop.check()
        try:
            return call()
        except FATAL as error:
            raise self._context.stop.end(error) from None
        except SequelError as error:
            raise NoResponse(str(error)) from None

    def _look_up(self, span: Span) -> None:
        reason = self._missing()
        if reason:
            self.failed_spans[span] = reason

    def _missing(self) -> str:
        """Decide what a 404 means: the event vanished (no reason to fail), or it is there and the slice fails."""
        try:
            self.vanished = self._guarded(self._is_gone)
        except SliceFailure as error:
            return f"Sequel answers 404 for its analytics, and looking it up failed: {error}"
        return "" if self.vanished else "Sequel answers 404 for its analytics, though it still knows the event"

    def _is_gone(self) -> bool:
        client, event_id = self._context.client, self.event.event_id
        look_up = client.hub if self.event.event_type == HUB else client.event
        lister = self._context.listers.get(event_id, self.company_id)
        return is_gone(client, lister, event_id, lambda: look_up(event_id))
