"""One run's work on the notifications of one reason: claims them, refreshes what they name, marks them.

Only this module asks Sequel on behalf of notifications. It never closes one: that is decided by what the warehouse
holds.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import catalog, notifications
from sequel_assets.warehouse.stores.notifications import Waiting
from sequel_assets.warehouse.tables.core import NO_DAY, events
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.actions import FETCHING, NotificationAction, NotificationStep
from sequel_assets.webhooks.processing.pending import UnderWay, listed_at, plan_and_close

ROUNDS = 2
"""An event that is not known is listed in the first round and refreshed in the second."""


@dataclass
class Taken:
    """What one run took up, for its log."""

    notifications: int = 0
    events: set[str] = field(default_factory=set)
    refreshed: set[str] = field(default_factory=set)
    """The events that were refreshed one by one, at once."""
    companies: set[str] = field(default_factory=set)
    failed: list[Outcome] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    """Companies whose events could not be listed."""
    fatal: str = ""


class NotificationProcessor:
    """One run's work on the notifications of one reason.

    It claims them before it asks Sequel, so that no other run does.
    """

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
            planned = plan_and_close(self._warehouse, reason, at, self._rules, others)
            fetching = [step for step in planned if step.do in FETCHING]
            claimed = self._claimed([step.notification for step in fetching], at)
            steps = [step for step in fetching if step.notification in claimed]
            if not steps:
                break
            yield from self._work(list(self._found(steps)), at)
        plan_and_close(self._warehouse, reason, self._clock(), self._rules, others)

    def _claimed(self, waiting: Sequence[Waiting], at: datetime) -> set[Waiting]:
        """Claim notifications for this run; return those that no other process has changed since they were read."""

        def claim(connection: sa.Connection) -> list[Waiting]:
            return notifications.claim(connection, waiting, run_id=self._run_id, at=at)

        return set(self._warehouse.change(claim, only_if_undone=True))

    def _work(self, steps: Sequence[NotificationStep], at: datetime) -> Iterator[Outcome]:
        self._note(steps)
        days: dict[str, dict[date, DayCoverage]] = {step.company_id: {} for step in steps}
        only: dict[str, dict[str, set[date]]] = {}
        for step in steps:
            if step.do is NotificationAction.DAY:
                days[step.company_id].update(dict.fromkeys(step.days, DayCoverage.ACTIVE))
            elif step.do is NotificationAction.EVENT and step.notification.event_id is not None:
                for event_id in (step.notification.event_id, *self._hub_of(step)):
                    only.setdefault(step.company_id, {}).setdefault(event_id, set()).update(step.days)
            elif step.notification.event_type == WebhookType.REGISTERED and step.notification.event_id is not None:
                only.setdefault(step.company_id, {}).setdefault(
                    step.notification.event_id, set()
                )  # only its registrants
        options = RefreshOptions(self._run_id, only=only)
        refresher = Refresher(self._client, self._warehouse, self._clock, self._rules, options)
        failed = set()
        for outcome in refresher.refresh(days):
            if outcome.verdict is SliceStatus.FAILED:
                failed.add((outcome.company_id, outcome.day))
                self.taken.failed.append(outcome)
            yield outcome
        self.taken.fatal = str(refresher.fatal or "")
        self._mark(steps, failed, at)

    def _found(self, steps: Sequence[NotificationStep]) -> Iterator[NotificationStep]:
        """Yield the steps, each at the company that owns its event by Sequel's answer.

        Without those that Sequel does not answer.
        """
        known = Spellings(company.company_id for company in self._warehouse.ask(catalog.known_companies))
        for step in steps:
            owner: str | None = None
            if step.do is NotificationAction.FIND and step.notification.event_id is not None:
                try:
                    owner = self._client.event(step.notification.event_id).company_uid
                except NotFound:
                    pass
                except SequelError:
                    self.taken.unlisted.add(step.company_id)
                    continue
            found = known.find(owner) if owner is not None else None
            yield step if found is None else replace(step, company_id=found)

    def _note(self, steps: Sequence[NotificationStep]) -> None:
        self.taken.notifications += sum(step.notification.count for step in steps)
        self.taken.companies |= {step.company_id for step in steps}
        self.taken.events |= {step.notification.event_id for step in steps if step.notification.event_id is not None}

    @repeats
    def _hub_of(self, step: NotificationStep) -> list[str]:
        """Return the hub that an event links to, which ends with it."""
        e = events.c
        chosen = (e.company_id == step.company_id, e.event_id == step.notification.event_id)
        with self._warehouse.read() as connection:
            hub = connection.scalar(sa.select(e.networking_hub_id).where(*chosen))
        return [hub] if hub else []

    @repeats
    def _mark(self, steps: Sequence[NotificationStep], failed: Collection[tuple[str, date]], at: datetime) -> None:
        """Mark what was done: of a company whose events were listed, the events none of whose days failed."""
        with self._warehouse.read() as connection:
            listed = {company_id for company_id, last in listed_at(connection).items() if last >= at}
        self.taken.unlisted |= {step.company_id for step in steps} - listed
        done: dict[tuple[str, str], set[str | None]] = {}
        for step in steps:
            days = (
                (NO_DAY,) if step.notification.event_type == WebhookType.REGISTERED else step.days
            )  # lists have no day
            has_failed = any((step.company_id, day) in failed for day in days)
            if (
                step.do is not NotificationAction.DAY
                and step.company_id in listed
                and not has_failed
                and not self.taken.fatal
            ):
                done.setdefault((step.company_id, step.notification.company_id), set()).add(step.notification.event_id)
                self.taken.refreshed |= (
                    {step.notification.event_id or ""} if step.do is NotificationAction.EVENT else set()
                )
        with self._warehouse.write() as connection:
            for (_, named_company), event_ids in done.items():
                notifications.mark_refreshed(connection, self._run_id, named_company, event_ids, at=at)
