"""What waits in the inbox: reads what the decisions need, and closes what needs no refresh. It asks Sequel nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.datasets import CORE_NAMES
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.refresh.discovery.companies import ancestors
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores import notifications as notification_rows
from sequel_assets.warehouse.stores.notifications import Waiting
from sequel_assets.warehouse.tables.core import NO_DAY, events, exclusions, refreshes
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.processing.actions import (
    FETCHING,
    REASONS,
    CompanyState,
    NamedEvent,
    NotificationAction,
    NotificationStep,
    State,
)
from sequel_assets.webhooks.processing.decisions import plan

MAX_STEPS = 5000
"""Steps that one run takes up; the next run takes the others."""


@dataclass(frozen=True)
class UnderWay:
    """The runs in Dagster that have not ended."""

    run_ids: frozenset[str] = frozenset()
    """Runs about notifications that have not ended."""
    hourly: bool = False


@repeats
def plan_and_close(
    warehouse: Warehouse,
    reason: str,
    now: datetime,
    rules: RefreshConfig,
    under_way: UnderWay,
    *,
    has_walked: bool = False,
    closes: bool = True,
) -> list[NotificationStep]:
    """Return what is to be done about each notification of a reason, the oldest first.

    With `closes`, those that need nothing more are closed and left out. Where more is to be fetched than one run takes
    up, the rest is left to the next call.
    """
    steps: list[NotificationStep] = []
    with warehouse.read() as connection:
        for page in notification_rows.waiting(connection, REASONS[reason]):
            steps += plan(page, _read_state(connection, page, now, rules, under_way), has_walked=has_walked)
            if sum(step.do in FETCHING for step in steps) >= MAX_STEPS:
                break
    steps.sort(key=lambda step: step.notification.received_at)
    if not closes:
        return steps
    if closing := [step for step in steps if step.do is NotificationAction.CLOSE]:
        with warehouse.write() as connection:
            for step in closing:
                notification_rows.close(connection, step.notification, step.reason, at=now)
    return [step for step in steps if step.do is not NotificationAction.CLOSE]


def _read_state(
    connection: sa.Connection, waiting: Sequence[Waiting], now: datetime, rules: RefreshConfig, under_way: UnderWay
) -> State:
    known = catalog.known_companies(connection)
    named = _events(
        connection,
        sorted({notification.event_id for notification in waiting if notification.event_id is not None}),
        waiting,
    )
    concerned = {notification.company_id for notification in waiting} | {event.company_id for event in named.values()}
    slices, listed = landed_days(connection, sorted(concerned), names=CORE_NAMES), listed_at(connection)
    frozen_before = rules.retention.frozen_before(known, now)
    parents = {company.parent_company_id for company in known}
    companies = {
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
    reach = _reach(
        connection, {notification.capability_hash for notification in waiting if notification.capability_hash}, known
    )
    return State(now, rules.settle, companies, named, under_way.run_ids, under_way.hourly, reach)


def _events(connection: sa.Connection, event_ids: Sequence[str], waiting: Sequence[Waiting]) -> dict[str, NamedEvent]:
    """Return the events that are known; of one that several companies have, that of the notification's own."""
    own = {(notification.company_id, notification.event_id) for notification in waiting}
    e, found = events.c, dict[str, NamedEvent]()
    ruled_out = sa.exists().where(exclusions.c.company_id == e.company_id, exclusions.c.event_id == e.event_id)
    query = sa.select(e.company_id, e.event_id, e.starts_at, ruled_out).where(among(e.event_id, event_ids))
    for company_id, event_id, starts_at, is_excluded in connection.execute(query.order_by(e.company_id)):
        if event_id not in found or (company_id, event_id) in own:
            found[event_id] = NamedEvent(company_id, starts_at, is_excluded)
    return found


def listed_at(connection: sa.Connection) -> dict[str, datetime]:
    """Return, by company, when its events were last listed."""
    r = refreshes.c
    query = sa.select(r.company_id, r.refreshed_at).where(r.dataset == events.name, r.day == NO_DAY)
    return {row.company_id: row.refreshed_at for row in connection.execute(query)}


def _reach(
    connection: sa.Connection, capabilities: Collection[str], known: Sequence[catalog.KnownCompany]
) -> dict[str, frozenset[str]]:
    """Return, by capability, the companies that its subscription may report on: its own and all sub-companies."""
    if not capabilities:
        return {}
    parents = {company.company_id: company.parent_company_id for company in known}
    query = sa.select(subscriptions.c.capability_hash, subscriptions.c.company_id)
    found = connection.execute(query.where(among(subscriptions.c.capability_hash, sorted(capabilities))))
    return {
        capability: frozenset(
            company_id for company_id in parents if top in (company_id, *ancestors(company_id, parents))
        )
        for capability, top in found
        if top in parents
    }
