"""Reads the notifications that wait in the inbox, and writes their results.

Rows with the same content and state are one `Waiting`, since an *ended* may come in hundreds of batches. Each write
names the state that was read: where another process has changed it meanwhile, nothing is written.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.core import events
from sequel_assets.warehouse.tables.webhooks import inbox

ACCEPTED, UNKNOWN_COMPANY, UNDELIVERED = "accepted", "unknown_company", "missed"
"""The values of the column `verdict`; "missed" is one that was not delivered and was found by the sweep."""
MAX_EVENTS = 5000
"""Events whose notifications are read at once."""
_SAME = (
    "company_id",
    "event_type",
    "event_id",
    "verdict",
    "run_id",
    "tries",
    "tried_at",
    "refreshed_at",
    "replayed_at",
)
_i = inbox.c


@dataclass(frozen=True)
class Waiting:
    """Notifications with the same content and state; the columns of `inbox` say what each field is."""

    company_id: str
    event_type: str
    event_id: str | None
    verdict: str
    run_id: str | None
    tries: int
    tried_at: datetime | None
    refreshed_at: datetime | None
    replayed_at: datetime | None
    capability_hash: str | None
    """Set only where the company is unknown."""
    received_at: datetime
    """When the first of them was received."""
    happened_at: datetime
    """The latest time of the event, by their own time stamps as far as those are not in the future."""
    newest_id: int
    count: int


def waiting(connection: sa.Connection, event_types: Collection[str]) -> Iterator[list[Waiting]]:
    """Yield what waits of some types, page by page, each with all that waits about some events, the oldest first.

    So no number of waiting rows hides another one, and those about one event are decided together.
    """
    about = sa.func.coalesce(_i.event_id, "")
    open_ = [_i.handled_at.is_(None), _i.event_type.in_(list(event_types))]
    while True:
        page = sa.select(about.label("about")).where(*open_).distinct().order_by(about).limit(MAX_EVENTS).subquery()
        last = connection.scalar(sa.select(sa.func.max(page.c.about)))
        if last is None:
            return
        yield _grouped(connection, *open_, about <= last)
        open_ = [*open_[:2], about > last]


def _grouped(connection: sa.Connection, *chosen: sa.ColumnElement[bool]) -> list[Waiting]:
    """Return the chosen rows, those with the same content and state as one."""
    unknown = sa.case((_i.verdict == UNKNOWN_COMPANY, _i.capability_hash))
    happened = sa.case((_i.sent_at < _i.received_at, _i.sent_at), else_=_i.received_at)
    same = [_i[name] for name in _SAME]
    found: sa.Select[Any] = (
        sa.select(
            *same,
            unknown.label("capability_hash"),
            sa.func.min(_i.received_at),
            sa.func.max(happened),
            sa.func.max(_i.id),
            sa.func.count(),
        )
        .where(*chosen)
        .group_by(*same, unknown)
        .order_by(sa.func.min(_i.id))
    )
    return [Waiting(*row) for row in connection.execute(found)]


def claim(connection: sa.Connection, notifications: Iterable[Waiting], *, run_id: str, at: datetime) -> list[Waiting]:
    """Assign notifications to a run; return those that no other run has taken since they were read."""
    return [
        notification
        for notification in notifications
        if _change(connection, notification, run_id=run_id, tries=notification.tries + 1, tried_at=at)
    ]


def close(connection: sa.Connection, notification: Waiting, outcome: str, *, at: datetime) -> int:
    """Mark notifications as handled; return how many were."""
    return _change(connection, notification, handled_at=at, outcome=outcome)


def mark_refreshed(
    connection: sa.Connection, run_id: str, company_id: str, event_ids: Collection[str | None], *, at: datetime
) -> None:
    """Note that a run has done the immediate work of its notifications about some events."""
    named = [event_id for event_id in event_ids if event_id is not None]
    about = sa.or_(among(_i.event_id, named), _i.event_id.is_(None)) if None in event_ids else among(_i.event_id, named)
    mine = (_i.company_id == company_id, _i.run_id == run_id, _i.handled_at.is_(None), about)
    connection.execute(inbox.update().where(*mine).values(refreshed_at=at, tries=0))


def put_back(connection: sa.Connection, since: datetime, event_id: str | None, *, at: datetime) -> int:
    """Put notifications that were handled, or tried without success, back into the queue; return how many."""
    chosen = [_i.received_at >= since, sa.or_(_i.handled_at.is_not(None), _i.tries > 0)]
    if event_id is not None:
        chosen.append(_i.event_id == event_id)
    cleared = dict.fromkeys(("handled_at", "run_id", "tried_at", "refreshed_at", "outcome"))
    return connection.execute(inbox.update().where(*chosen).values(**cleared, tries=0, replayed_at=at)).rowcount


def notified_since(
    connection: sa.Connection, company_id: str, event_types: Sequence[str], since: datetime
) -> frozenset[str]:
    """Return the events of a company that notifications of some types named since a time, of whichever company."""
    named = sa.exists().where(_i.event_id == events.c.event_id, _i.event_type.in_(event_types), _i.received_at >= since)
    return frozenset(connection.scalars(sa.select(events.c.event_id).where(events.c.company_id == company_id, named)))


@dataclass(frozen=True)
class Stuck:
    """Notifications of one type about one event that wait for long."""

    company_id: str
    event_type: str
    event_id: str | None
    since: datetime


def stuck(connection: sa.Connection, before: datetime) -> list[Stuck]:
    """Return what has waited since before a time, the oldest first."""
    came, about = sa.func.coalesce(_i.replayed_at, _i.received_at), (_i.company_id, _i.event_type, _i.event_id)
    first = sa.type_coerce(sa.func.min(came), _i.received_at.type)
    query = sa.select(*about, first).where(_i.handled_at.is_(None), came < before).group_by(*about).order_by(first)
    return [Stuck(*row) for row in connection.execute(query)]


def _change(connection: sa.Connection, notification: Waiting, **values: object) -> int:
    same = [_i[name].is_not_distinct_from(getattr(notification, name)) for name in _SAME]
    mine = [*same, _i.handled_at.is_(None), _i.id <= notification.newest_id]
    if notification.capability_hash is not None:
        mine.append(_i.capability_hash == notification.capability_hash)
    return connection.execute(inbox.update().where(*mine).values(**values)).rowcount


def backlog(connection: sa.Connection) -> tuple[int, datetime | None]:
    """Return how many notifications are not handled yet, and when the oldest of them was received."""
    count, oldest = connection.execute(
        sa.select(sa.func.count(), sa.func.min(_i.received_at)).where(_i.handled_at.is_(None))
    ).one()
    return count, oldest
