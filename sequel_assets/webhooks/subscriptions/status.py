"""How the subscriptions stand, from the tables alone: what `webhooks status` shows and the asset's check goes by."""

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
from sequel_assets.webhooks.subscriptions.decisions import DesiredSubscription, Kept, Worth, is_urgent, judge
from sequel_assets.webhooks.subscriptions.observe import is_readable

WINDOW = timedelta(days=7)
"""Deliveries are counted, and missed, within it."""
TIME_TO_ARRIVE = timedelta(hours=1)
LOOKED_AT_WITHIN = timedelta(days=1)
"""A guardian that has not looked for longer is not at work."""


@dataclass(frozen=True)
class SubscriptionStatus:
    """One subscription, or one that is missing."""

    slot: DesiredSubscription
    words: str
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
    """Return the state of every subscription that is kept, and of every one that is missing."""
    rows = subscription_rows.living(connection)
    arrived = _arrived(connection, now)
    states = []
    for slot in dict.fromkeys([*wanted, *(DesiredSubscription(row.company_id, row.event_type) for row in rows)]):
        mine = [Kept(r, is_readable(seal, r)) for r in rows if DesiredSubscription(r.company_id, r.event_type) == slot]
        judged = sorted(((*judge(one, now, length), one.row) for one in mine), key=lambda e: (e[0], e[2].created_at))
        if not judged:
            states.append(SubscriptionStatus(slot, "missing", is_wrong=True))
        for worth, why, row in reversed(judged):
            if slot not in wanted:
                words, is_wrong = "not wanted by the settings", False
            elif row is not judged[-1][2]:
                words, is_wrong = "replaced; goes with the next look", False
            else:
                words, is_wrong = _in_words(worth, why, row, now, length)
            states.append(SubscriptionStatus(slot, words, is_wrong, row, *arrived.get(row.capability_hash, (None, 0))))
    return states


def undelivered_companies(
    connection: sa.Connection, states: Sequence[SubscriptionStatus], root_id: str, now: datetime
) -> list[str]:
    """Return the companies without subscriptions of their own that people attended events of, and nothing came of.

    Only where something came of others within the same days, so that the receiver is known to be reached.
    """
    since = now - WINDOW
    of_root = [one.row.created_at for one in states if one.slot.company_id == root_id and one.row is not None]
    if not of_root:
        return []
    came = (inbox.c.received_at >= since, inbox.c.verdict != UNDELIVERED)
    e, p = events.c, event_participants.c
    heard = set(connection.scalars(sa.select(inbox.c.company_id).where(*came).distinct()))
    named = e.event_id.in_(
        sa.select(inbox.c.event_id).where(*came)
    )  # a delivery may name the company above the event's
    heard |= set(connection.scalars(sa.select(e.company_id).where(named).distinct()))
    own = {state.slot.company_id for state in states} | heard
    attended = sa.exists().where(p.company_id == e.company_id, p.event_id == e.event_id, p.live_minutes > 0)
    ended = e.ends_at.between(max(since, min(of_root)), now - TIME_TO_ARRIVE)
    found = connection.scalars(sa.select(e.company_id).where(ended, attended).distinct().order_by(e.company_id))
    return [company_id for company_id in found if company_id not in own] if heard else []


def _in_words(worth: Worth, why: str, row: StoredSubscription, now: datetime, length: timedelta) -> tuple[str, bool]:
    """Return what to say of the subscription that is relied on, and whether something is wrong with it."""
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
