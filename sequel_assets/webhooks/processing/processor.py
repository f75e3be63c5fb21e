"""Reading what hints are to be judged by, closing those that are done with, and one run's work on the others."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.datasets import CORE_NAMES
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import catalog, notifications
from sequel_assets.warehouse.stores.notifications import Waiting
from sequel_assets.warehouse.tables.core import NO_DAY, events, exclusions, refreshes
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.processing.decisions import ASKING, REASONS, NotificationAction, NotificationStep, plan
from sequel_assets.webhooks.processing.state import CompanyState, KnownAs, State

MAX_ASKED = 5000
"""Steps that one run takes up; the others follow."""
ROUNDS = 2
"""An event that is not known is listed first, and then refreshed."""


@dataclass(frozen=True)
class UnderWay:
    """What Dagster is at."""

    run_ids: frozenset[str] = frozenset()
    """Runs about hints that have not ended."""
    hourly: bool = False


@repeats
def judge(
    warehouse: Warehouse,
    reason: str,
    now: datetime,
    rules: RefreshConfig,
    under_way: UnderWay,
    *,
    has_walked: bool = False,
    closes: bool = True,
) -> list[NotificationStep]:
    """Return what is to be done about each hint of a reason, the oldest first.

    Those that are done with are closed, unless told otherwise. Where there is more to ask than one run takes up, the rest is
    left to the next look.
    """
    steps: list[NotificationStep] = []
    with warehouse.read() as connection:
        for page in notifications.waiting(connection, REASONS[reason]):
            steps += plan(page, _situation(connection, page, now, rules, under_way), has_walked=has_walked)
            if sum(step.do in ASKING for step in steps) >= MAX_ASKED:
                break
    steps.sort(key=lambda step: step.hint.received_at)
    if not closes:
        return steps
    if closing := [step for step in steps if step.do is NotificationAction.CLOSE]:
        with warehouse.write() as connection:
            for step in closing:
                notifications.close(connection, step.hint, step.words, at=now)
    return [step for step in steps if step.do is not NotificationAction.CLOSE]


def _situation(
    connection: sa.Connection, waiting: Sequence[Waiting], now: datetime, rules: RefreshConfig, under_way: UnderWay
) -> State:
    known = catalog.known_companies(connection)
    named = _events(connection, sorted({hint.event_id for hint in waiting if hint.event_id is not None}), waiting)
    concerned = {hint.company_id for hint in waiting} | {event.company_id for event in named.values()}
    slices, listed = landed_days(connection, sorted(concerned), names=CORE_NAMES), _listed(connection)
    frozen_before = rules.retention.frozen_before(known, now)
    parents = {company.parent_company_id for company in known}
    books = {
        company.company_id: CompanyState(
            slices[company.company_id],
            listed.get(company.company_id),
            company.gone_at is not None,
            company.company_id in parents,
            max(rules.start, frozen_before.get(company.company_id, rules.start)),
        )
        for company in known
        if company.company_id in concerned
    }
    reach = _reach(connection, {hint.capability_hash for hint in waiting if hint.capability_hash}, known)
    return State(now, rules.settle, books, named, under_way.run_ids, under_way.hourly, reach)


def _events(connection: sa.Connection, event_ids: Sequence[str], waiting: Sequence[Waiting]) -> dict[str, KnownAs]:
    """Return the events that are known; of one that several companies have, that of the hint's own."""
    own = {(hint.company_id, hint.event_id) for hint in waiting}
    e, found = events.c, dict[str, KnownAs]()
    ruled_out = sa.exists().where(exclusions.c.company_id == e.company_id, exclusions.c.event_id == e.event_id)
    query = sa.select(e.company_id, e.event_id, e.starts_at, ruled_out).where(among(e.event_id, event_ids))
    for company_id, event_id, starts_at, is_excluded in connection.execute(query.order_by(e.company_id)):
        if event_id not in found or (company_id, event_id) in own:
            found[event_id] = KnownAs(company_id, starts_at, is_excluded)
    return found


def _listed(connection: sa.Connection) -> dict[str, datetime]:
    """Return, by company, when its events were last listed."""
    r = refreshes.c
    query = sa.select(r.company_id, r.refreshed_at).where(r.dataset == events.name, r.day == NO_DAY)
    return {row.company_id: row.refreshed_at for row in connection.execute(query)}


def _reach(
    connection: sa.Connection, capabilities: Collection[str], known: Sequence[catalog.KnownCompany]
) -> dict[str, frozenset[str]]:
    """Return, by capability, the companies that its subscription may speak of: its own and all beneath it."""
    if not capabilities:
        return {}
    parents = {company.company_id: company.parent_company_id for company in known}
    query = sa.select(subscriptions.c.capability_hash, subscriptions.c.company_id)
    found = connection.execute(query.where(among(subscriptions.c.capability_hash, sorted(capabilities))))
    return {
        capability: frozenset(company_id for company_id in parents if top in _upwards(company_id, parents))
        for capability, top in found
    }


def _upwards(company_id: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return a company and all above it; a loop in the tree ends it."""
    line, at = list[str](), company_id
    while at in parents and at not in line:
        line.append(at)
        at = parents[at] or ""
    return line


@dataclass
class Taken:
    """What one run took up, for its log."""

    hints: int = 0
    events: set[str] = field(default_factory=set)
    refreshed: set[str] = field(default_factory=set)
    """The events that were refreshed for their own sake."""
    companies: set[str] = field(default_factory=set)
    failed: list[Outcome] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    """Companies whose events could not be listed."""
    fatal: str = ""


class AfterWebhooks:
    """One run's work on the hints of one reason. It takes them up before it asks, so that no other run does."""

    def __init__(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        clock: Callable[[], datetime],
        rules: RefreshConfig,
        run_id: str,
    ) -> None:
        self._client, self._warehouse, self._clock, self._rules, self._run_id = client, warehouse, clock, rules, run_id
        self.taken = Taken()

    def run(self, reason: str, under_way: UnderWay) -> Iterator[Outcome]:
        """Yield the outcomes of the slices that were touched."""
        schema.ensure_current(self._warehouse)
        others = UnderWay(under_way.run_ids - {self._run_id}, under_way.hourly)
        for _ in range(ROUNDS):
            at = self._clock()
            asking = [step for step in judge(self._warehouse, reason, at, self._rules, others) if step.do in ASKING]
            claim = partial(notifications.claim, hints=[one.hint for one in asking], run_id=self._run_id, at=at)
            hints_taken = set(self._warehouse.change(claim, only_if_undone=True))
            steps = [step for step in asking if step.hint in hints_taken]
            if not steps:
                break
            yield from self._work(list(self._found(steps)), at)
        judge(self._warehouse, reason, self._clock(), self._rules, others)

    def _work(self, steps: Sequence[NotificationStep], at: datetime) -> Iterator[Outcome]:
        self._note(steps)
        days: dict[str, dict[date, DayCoverage]] = {step.company_id: {} for step in steps}
        only: dict[str, dict[str, set[date]]] = {}
        for step in steps:
            if step.do is NotificationAction.HOT:
                days[step.company_id].update(dict.fromkeys(step.days, DayCoverage.ACTIVE))
            elif step.do is NotificationAction.EVENT and step.hint.event_id is not None:
                for event_id in (step.hint.event_id, *self._hub_of(step)):
                    only.setdefault(step.company_id, {}).setdefault(event_id, set()).update(step.days)
            elif step.hint.event_type == WebhookType.REGISTERED and step.hint.event_id is not None:
                only.setdefault(step.company_id, {}).setdefault(step.hint.event_id, set())  # its registrants alone
        refresher = Refresher(
            self._client, self._warehouse, self._clock, self._rules, RefreshOptions(self._run_id, only=only)
        )
        failed = set()
        for outcome in refresher.refresh(days):
            if outcome.verdict is SliceStatus.FAILED:
                failed.add((outcome.company_id, outcome.day))
                self.taken.failed.append(outcome)
            yield outcome
        self.taken.fatal = str(refresher.fatal or "")
        self._mark(steps, failed, at)

    def _found(self, steps: Sequence[NotificationStep]) -> Iterator[NotificationStep]:
        """Yield the steps, each at the company whose event it is about, as Sequel says; without those that it does not answer."""
        known = Spellings(company.company_id for company in self._warehouse.ask(catalog.known_companies))
        for step in steps:
            owner: str | None = None
            if step.do is NotificationAction.FIND and step.hint.event_id is not None:
                try:
                    owner = self._client.event(step.hint.event_id).company_uid
                except NotFound:
                    pass
                except SequelError:
                    self.taken.unlisted.add(step.company_id)
                    continue
            found = known.find(owner) if owner is not None else None
            yield step if found is None else replace(step, company_id=found)

    def _note(self, steps: Sequence[NotificationStep]) -> None:
        self.taken.hints += sum(step.hint.count for step in steps)
        self.taken.companies |= {step.company_id for step in steps}
        self.taken.events |= {step.hint.event_id for step in steps if step.hint.event_id is not None}

    @repeats
    def _hub_of(self, step: NotificationStep) -> list[str]:
        """Return the hub that an event links to, which ends with it."""
        e = events.c
        chosen = (e.company_id == step.company_id, e.event_id == step.hint.event_id)
        with self._warehouse.read() as connection:
            hub = connection.scalar(sa.select(e.networking_hub_id).where(*chosen))
        return [hub] if hub else []

    @repeats
    def _mark(self, steps: Sequence[NotificationStep], failed: Collection[tuple[str, date]], at: datetime) -> None:
        """Note what was done: of a company whose events were listed, the events none of whose days failed."""
        with self._warehouse.read() as connection:
            listed = {company_id for company_id, listed_at in _listed(connection).items() if listed_at >= at}
        self.taken.unlisted |= {step.company_id for step in steps} - listed
        done: dict[tuple[str, str], set[str | None]] = {}
        for step in steps:
            asked = (NO_DAY,) if step.hint.event_type == WebhookType.REGISTERED else step.days  # lists have no day
            fell = any((step.company_id, day) in failed for day in asked)
            if (
                step.do is not NotificationAction.HOT
                and step.company_id in listed
                and not fell
                and not self.taken.fatal
            ):
                done.setdefault((step.company_id, step.hint.company_id), set()).add(step.hint.event_id)
                self.taken.refreshed |= {step.hint.event_id or ""} if step.do is NotificationAction.EVENT else set()
        with self._warehouse.write() as connection:
            for (_, told_of), event_ids in done.items():
                notifications.mark_refreshed(connection, self._run_id, told_of, event_ids, at=at)
