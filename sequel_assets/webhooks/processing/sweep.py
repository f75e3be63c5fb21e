"""The sweep: finds ends that no webhook reported, puts a notification for each into the inbox, and counts them.

An event whose planned end has passed is refreshed all the same: by the hourly refresh and, where that has not covered
its end, because of the sweep's notification. Its live minutes show whether it took place: only then is a webhook
missing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.discovery.companies import ancestors
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import catalog, inbox
from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.stores.notifications import UNDELIVERED
from sequel_assets.warehouse.tables.core import STAGE, event_participants, events
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import inbox as rows
from sequel_assets.warehouse.tables.webhooks import subscriptions

TIME_TO_ARRIVE = timedelta(hours=1)
WINDOW = timedelta(days=7)
_i, _e = rows.c, events.c


@repeats
def note_undelivered(warehouse: Warehouse, now: datetime) -> int:
    """Put a notification into the inbox for each end of the window whose webhook is overdue; return how many.

    It reads first, since a write blocks receivers on SQLite. Of two sweeps at once only one stores it.
    """
    with warehouse.read() as connection:
        missing = _missing_ends(connection, now)
    if missing:
        with warehouse.write() as connection:
            inbox.store(connection, missing)
    return len(missing)


def _missing_ends(connection: sa.Connection, now: datetime) -> list[Notification]:
    """Return a notification for each unreported end, by the event's id: Sequel may name a company above the event's."""
    since = _subscribed_since(connection)
    if not since:
        return []
    is_reported = sa.exists().where(
        _i.event_id == _e.event_id,
        _i.event_type == WebhookType.ENDED,
        sa.or_(sa.func.coalesce(_i.sent_at, _i.received_at) >= _e.starts_at, _e.starts_at.is_(None)),
    )
    passed = _e.ends_at.between(now - WINDOW, now - TIME_TO_ARRIVE)
    here = (_e.event_type == STAGE, _e.is_cancelled.is_(False), _e.vanished_at.is_(None))
    query = sa.select(_e.company_id, _e.event_id, _e.ends_at).where(*here, passed, ~is_reported)
    return [
        _undelivered(company_id, event_id, ends_at, now)
        for company_id, event_id, ends_at in connection.execute(query.order_by(_e.ends_at, _e.company_id, _e.event_id))
        if company_id in since and since[company_id] < ends_at
    ]


@dataclass(frozen=True)
class Arrivals:
    """How the webhooks of ended events arrived within a span."""

    in_time: int
    late: tuple[tuple[str, str], ...]
    """(company, event) of those that came more than an hour after the end."""
    undelivered: tuple[tuple[str, str], ...]

    @property
    def ended(self) -> int:
        """Return how many events ended."""
        return self.in_time + len(self.late) + len(self.undelivered)

    @property
    def share(self) -> float:
        """Return the share that was late or undelivered."""
        return (len(self.late) + len(self.undelivered)) / self.ended if self.ended else 0.0


def arrivals(connection: sa.Connection, now: datetime) -> Arrivals:
    """Return how the webhooks of the last seven days' ends arrived, each event once, at the company that owns it."""
    of_ends = (_i.event_type == WebhookType.ENDED, _i.event_id.is_not(None), _i.sent_at >= now - WINDOW)
    columns = (_i.company_id, _i.event_id, _i.verdict, _i.sent_at, _i.received_at)
    delay: dict[str, timedelta] = {}
    undelivered: set[str] = set()
    owner: dict[str, str] = {}
    for company_id, event_id, verdict, sent_at, received_at in connection.execute(sa.select(*columns).where(*of_ends)):
        owner[event_id] = company_id
        if verdict == UNDELIVERED:
            undelivered.add(event_id)
        else:
            took = received_at - sent_at
            delay[event_id] = min(took, delay.get(event_id, took))
    named = _e.event_id.in_(sa.select(_i.event_id).where(*of_ends))
    owner |= dict(
        connection.execute(sa.select(_e.event_id, _e.company_id).where(named, _e.vanished_at.is_(None))).all()
    )
    late = {event_id for event_id, after in delay.items() if after > TIME_TO_ARRIVE}
    p = event_participants.c
    attended = (p.live_minutes > 0, p.day >= (now - WINDOW).date() - timedelta(1))
    took_place = set(connection.scalars(sa.select(p.event_id).where(*attended).distinct()))
    never = (undelivered - delay.keys()) & took_place
    of_late, of_never = (tuple(sorted((owner[event_id], event_id) for event_id in some)) for some in (late, never))
    return Arrivals(len(delay) - len(late), of_late, of_never)


def _undelivered(company_id: str, event_id: str, ends_at: datetime, now: datetime) -> Notification:
    empty = dict.fromkeys(("subscription_id", "invocation_id", "correlation_id", "page", "pages"))
    return Notification(
        **empty,
        company_id=company_id,
        received_at=now,
        capability_hash="",
        delivery_key=f"{UNDELIVERED}/{event_id}/{ends_at.isoformat()}",
        event_type=WebhookType.ENDED,
        event_id=event_id,
        sent_at=ends_at,
        body_sha256="",
        verdict=UNDELIVERED,
    )


def _subscribed_since(connection: sa.Connection) -> dict[str, datetime]:
    """Return by company since when it, or a company above it, has a subscription to the ends of events."""
    s = subscriptions.c
    made = (s.event_type == WebhookType.ENDED, s.event_id.is_(None), s.subscription_id.is_not(None))
    is_there = sa.func.sum(sa.case((s.ended_at.is_(None), 1), else_=0)) > 0
    query = (
        sa.select(s.company_id, sa.func.min(s.created_at).label("since"))
        .where(*made)
        .group_by(s.company_id)
        .having(is_there)
    )
    own = {row.company_id: row.since for row in connection.execute(query)}
    present = catalog.present_companies(connection) if own else []
    parents = {company.company_id: company.parent_company_id for company in present}
    return {
        company_id: min(since)
        for company_id in parents
        if (
            since := [
                own[one] for one in (company_id, *ancestors(company_id, parents)) if one in own and one in parents
            ]
        )
    }
