"""The subscription reconciler: keeps one valid subscription at Sequel for each company and event type that is wanted.

What each needs is decided in `decisions` and done in `actions`. A key leaves these modules only sealed, an address only
hashed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog, subscriptions
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.subscriptions.actions import SubscriptionActions, SubscriptionFailure
from sequel_assets.webhooks.subscriptions.decisions import (
    DesiredSubscription,
    Step,
    desired_subscriptions,
    is_given_up,
    purpose_of,
)
from sequel_assets.webhooks.subscriptions.observe import ReconcilerContext


@dataclass(frozen=True)
class ReconcilerFailure:
    """A desired subscription (None: everything from here on) that is not in order, and why, fit to be shown."""

    desired: DesiredSubscription | None
    reason: str


@dataclass
class ReconcilerReport:
    """What a reconciliation did, or would do if it was a dry run."""

    checked: int = 0
    steps: list[Step] = field(default_factory=list)
    failures: list[ReconcilerFailure] = field(default_factory=list)
    fatal: SequelError | None = None
    """The error that ended it for all, once there was one."""


def reconcile(
    context: ReconcilerContext,
    wanted: Sequence[DesiredSubscription],
    *,
    new_keys: Collection[DesiredSubscription] = (),
    only: Collection[str] | None = None,
    is_dry: bool = False,
) -> ReconcilerReport:
    """Bring subscriptions into order: those that are wanted, and those that are not wanted, which are deleted.

    `new_keys` are renewed whatever their age. `only` confines it to some companies. `is_dry` reads from Sequel, and
    changes nothing there or here.
    """
    if not is_dry:
        context.warehouse.change(lambda connection: subscriptions.tidy(connection, context.clock()))
    rows = context.warehouse.ask(lambda connection: subscriptions.living(connection, only))
    report = ReconcilerReport()
    try:
        for desired in dict.fromkeys([*wanted, *map(purpose_of, rows)]):
            if only is not None and desired.company_id not in only:
                continue
            report.checked += 1
            actions = SubscriptionActions(context, desired, is_wanted=desired in wanted, new_keys=desired in new_keys)
            try:
                actions.observe_rows([row for row in rows if purpose_of(row) == desired], stores=not is_dry)
                if is_dry:
                    report.steps += actions.plan()
                else:
                    actions.do_all(report.steps.append)
            except SubscriptionFailure as failure:
                report.failures.append(ReconcilerFailure(desired, str(failure)))
            report.failures += [ReconcilerFailure(desired, reason) for reason in actions.unanswered]
    except FATAL as error:
        report.fatal = error
        report.failures.append(ReconcilerFailure(None, str(error)))
    return report


def context_of(settings: Settings, client: SequelClient, warehouse: Warehouse) -> ReconcilerContext:
    """Return what the reconciler works with, by the settings; without a public address it can only delete."""
    settings.require("webhook_secret_key")
    seal = settings.seal()
    assert seal is not None  # noqa: S101 - the line before requires it
    return ReconcilerContext(
        client, warehouse, seal, settings.clock, settings.webhook_url or "", settings.webhook_length_days
    )


def desired_by_settings(settings: Settings, connection: sa.Connection) -> list[DesiredSubscription]:
    """Return what is wanted by the settings: every type for the root and the named companies, while they exist."""
    if settings.webhook_url is None or settings.company_id is None:
        return []
    known = catalog.known_companies(connection)
    ids = {company.partition_key: company.company_id for company in known}
    gone = {company.company_id for company in known if company.gone_at is not None}
    named = [ids.get(name, name) for name in settings.subscribed_companies()]
    root = Spellings(company.company_id for company in known).find(settings.company_id) or settings.company_id
    return desired_subscriptions([root, *(one for one in named if one not in gone)], tuple(WebhookType))


def is_in_doubt(connection: sa.Connection, now: datetime) -> bool:
    """Return whether a creation or a renewal was given up; deliveries are answered with 429 until it is resolved."""
    return any(is_given_up(row, now) for row in subscriptions.living(connection))


def reseal(warehouse: Warehouse, seal: Seal) -> tuple[int, int]:
    """Seal every stored key with the seal's first key; return how many were, and how many no key opens."""
    companies = {row.company_id for row in warehouse.ask(subscriptions.with_keys)}
    counts = [
        warehouse.change(partial(_reseal, seal, company_id), company_id)  # nobody renews a key in the meantime
        for company_id in sorted(companies)
    ]
    return sum(done for done, _ in counts), sum(closed for _, closed in counts)


def _reseal(seal: Seal, company_id: str, connection: sa.Connection) -> tuple[int, int]:
    done = closed = 0
    for row in subscriptions.with_keys(connection, [company_id]):
        old = (row.sealed_secret, row.sealed_previous_secret)
        new = tuple(_rotated(seal, token) for token in old)
        subscriptions.reseal(connection, row, new[0], new[1])
        moved = sum(token is not None and token != before for token, before in zip(new, old, strict=True))
        done, closed = done + moved, closed + sum(token is not None for token in old) - moved
    return done, closed


def _rotated(seal: Seal, token: str | None) -> str | None:
    try:
        return None if token is None else seal.rotated(token)
    except SealError:
        return token
