"""The state of the subscriptions, read from the tables alone, for `webhooks status` and the asset's check."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sequel_assets.warehouse.stores import subscriptions as subscription_rows
from sequel_assets.warehouse.stores.notifications import UNDELIVERED
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.stores.subscriptions import StoredSubscription
from sequel_assets.warehouse.tables.core import event_participants, events
from sequel_assets.warehouse.tables.webhooks import inbox, subscriptions
from sequel_assets.webhooks.subscriptions.decisions import (
    DesiredSubscription,
    ObservedSubscription,
    Worth,
    assess,
    is_urgent,
    purpose_of,
)
from sequel_assets.webhooks.subscriptions.observe import is_readable

WINDOW = timedelta(days=7)
"""Deliveries are counted, and noted as undelivered, within it."""
TIME_TO_ARRIVE = timedelta(hours=1)
LOOKED_AT_WITHIN = timedelta(days=1)
"""A reconciler that has not looked at a subscription for longer is not running."""


@dataclass(frozen=True)
class SubscriptionStatus:
    """One subscription, or one that is missing."""

    desired: DesiredSubscription
    description: str
    is_wrong: bool
    row: StoredSubscription | None = None
    last_delivery: datetime | None = None
    deliveries: int = 0
    """Within the last seven days."""


def read_states(
    connection: sa.Connection,
    wanted: Sequence[DesiredSubscription],
    seal: Seal | None,
    now: datetime,
    length: timedelta,
) -> list[SubscriptionStatus]:
    """Return the state of every stored subscription, and of every one that is missing."""
    rows = subscription_rows.living(connection)
    arrived = _arrived(connection, now)
    states = []
    for desired in dict.fromkeys([*wanted, *map(purpose_of, rows)]):
        mine = [ObservedSubscription(row, is_readable(seal, row)) for row in rows if purpose_of(row) == desired]
        assessed = sorted(((*assess(one, now, length), one.row) for one in mine), key=lambda e: (e[0], e[2].created_at))
        if not assessed:
            states.append(SubscriptionStatus(desired, "missing", is_wrong=True))
        for worth, why, row in reversed(assessed):
            if desired not in wanted:
                description, is_wrong = "not wanted by the settings", False
            elif row is not assessed[-1][2]:
                description, is_wrong = "replaced; deleted by the next reconciliation", False
            else:
                description, is_wrong = _describe(worth, why, row, now, length)
            last = arrived.get(row.capability_hash, (None, 0))
            states.append(SubscriptionStatus(desired, description, is_wrong, row, *last))
    return states


def undelivered_companies(
    connection: sa.Connection, states: Sequence[SubscriptionStatus], root_id: str, now: datetime
) -> list[str]:
    """Return the companies without subscriptions of their own whose events people attended, and that no delivery named.

    Only where deliveries named others within the same days: then the receiver is known to be reached.
    """
    since = now - WINDOW
    of_root = [one.row.created_at for one in states if one.desired.company_id == root_id and one.row is not None]
    if not of_root:
        return []
    delivered = (inbox.c.received_at >= since, inbox.c.verdict != UNDELIVERED)
    e, p = events.c, event_participants.c
    named_companies = set(connection.scalars(sa.select(inbox.c.company_id).where(*delivered).distinct()))
    named = e.event_id.in_(
        sa.select(inbox.c.event_id).where(*delivered)
    )  # a delivery may name the company above the event's
    named_companies |= set(connection.scalars(sa.select(e.company_id).where(named).distinct()))
    own = {state.desired.company_id for state in states} | named_companies
    attended = sa.exists().where(p.company_id == e.company_id, p.event_id == e.event_id, p.live_minutes > 0)
    ended = e.ends_at.between(max(since, min(of_root)), now - TIME_TO_ARRIVE)
    found = connection.scalars(sa.select(e.company_id).where(ended, attended).distinct().order_by(e.company_id))
    return [company_id for company_id in found if company_id not in own] if named_companies else []


def _describe(worth: Worth, why: str, row: StoredSubscription, now: datetime, length: timedelta) -> tuple[str, bool]:
    """Return a description of the subscription that is relied on, and whether something is wrong with it."""
    if worth in (Worth.BEING_MADE, Worth.BEING_RENEWED):
        return why, False
    if worth in (Worth.LOST, Worth.REPLACED, Worth.RENEW):
        return why, True
    if row.checked_at is None or now - row.checked_at > LOOKED_AT_WITHIN:
        return "not looked at for more than a day", True
    if worth is Worth.EXTEND:
        is_wrong = is_urgent(row.expires_at, now, length)
        return (why if is_wrong else "valid; about to be extended"), is_wrong
    return "valid", False


def _arrived(connection: sa.Connection, now: datetime) -> dict[str, tuple[datetime | None, int]]:
    """Return by capability when the last delivery came, and how many within the window."""
    lately = sa.func.sum(sa.case((inbox.c.received_at >= now - WINDOW, 1), else_=0))
    living = sa.select(subscriptions.c.capability_hash).where(subscriptions.c.ended_at.is_(None))
    rows = connection.execute(
        sa.select(inbox.c.capability_hash, sa.func.max(inbox.c.received_at), lately)
        .where(inbox.c.capability_hash.in_(living))
        .group_by(inbox.c.capability_hash)
    )
    return {capability: (last, int(count)) for capability, last, count in rows}
