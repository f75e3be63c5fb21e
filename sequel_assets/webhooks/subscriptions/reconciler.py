"""The guardian: keeps one valid subscription at Sequel for each company and event type that is wanted.

What each needs is decided in `guardian_plan` and done in `guardian_slot`. Neither a key nor an address leaves these
modules but sealed and hashed.
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
from sequel_assets.webhooks.subscriptions.decisions import DesiredSubscription, Step, desired_subscriptions, is_given_up
from sequel_assets.webhooks.subscriptions.observe import Tools


@dataclass(frozen=True)
class ReconcilerFailure:
    """A slot (or, without one, everything from here on) that is not in order, and why, fit to be shown."""

    slot: DesiredSubscription | None
    reason: str


@dataclass
class ReconcilerReport:
    """What a look did, or would do where it was only to tell."""

    slots: int = 0
    steps: list[Step] = field(default_factory=list)
    failures: list[ReconcilerFailure] = field(default_factory=list)
    fatal: SequelError | None = None
    """The error that ended it for every slot, once there was one."""


def keep(
    tools: Tools,
    wanted: Sequence[DesiredSubscription],
    *,
    new_keys: Collection[DesiredSubscription] = (),
    only: Collection[str] | None = None,
    is_dry: bool = False,
) -> ReconcilerReport:
    """Bring every slot into order: those wanted, and those with subscriptions that are not wanted, which are deleted.

    `new_keys`: slots whose keys are renewed whatever their age. `only` confines it to some companies. `is_dry` asks
    Sequel, and changes nothing there or here.
    """
    if not is_dry:
        tools.warehouse.change(lambda connection: subscriptions.tidy(connection, tools.clock()))
    rows = tools.warehouse.ask(lambda connection: subscriptions.living(connection, only))
    report = ReconcilerReport()
    slots = dict.fromkeys([*wanted, *(DesiredSubscription(row.company_id, row.event_type) for row in rows)])
    try:
        for slot in slots:
            if only is not None and slot.company_id not in only:
                continue
            report.slots += 1
            care = SubscriptionActions(tools, slot, is_wanted=slot in wanted, new_keys=slot in new_keys)
            try:
                care.look(
                    [row for row in rows if DesiredSubscription(row.company_id, row.event_type) == slot],
                    stores=not is_dry,
                )
                if is_dry:
                    report.steps += care.plan()
                else:
                    care.do_all(report.steps.append)
            except SubscriptionFailure as failure:
                report.failures.append(ReconcilerFailure(slot, str(failure)))
            report.failures += [ReconcilerFailure(slot, reason) for reason in care.unanswered]
    except FATAL as error:
        report.fatal = error
        report.failures.append(ReconcilerFailure(None, str(error)))
    return report


def tools_of(settings: Settings, client: SequelClient, warehouse: Warehouse) -> Tools:
    """Return what the guardian works with, by the settings; without a public address it can only delete."""
    settings.require("webhook_secret_key")
    seal = settings.seal()
    assert seal is not None  # noqa: S101 - the line before has seen to it
    return Tools(client, warehouse, seal, settings.clock, settings.webhook_url or "", settings.webhook_length_days)


def wanted(settings: Settings, connection: sa.Connection) -> list[DesiredSubscription]:
    """Return what is wanted by the settings: every type for the root and for the companies named, while they are there."""
    if settings.webhook_url is None or settings.company_id is None:
        return []
    known = catalog.known_companies(connection)
    ids = {company.partition_key: company.company_id for company in known}
    gone = {company.company_id for company in known if company.gone_at is not None}
    named = [ids.get(name, name) for name in settings.subscribed_companies()]
    root = Spellings(company.company_id for company in known).find(settings.company_id) or settings.company_id
    return desired_subscriptions([root, *(one for one in named if one not in gone)], tuple(WebhookType))


def is_in_doubt(connection: sa.Connection, now: datetime) -> bool:
    """Say whether a creation or a renewal was given up: until the next look its deliveries are told to come again."""
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
