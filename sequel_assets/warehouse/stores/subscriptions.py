"""Writes the table `subscriptions`: the state of each subscription that the subscription reconciler creates or renews.

A row is written before the request to Sequel, so that a crash leaves a trace. What is written after the response names
the state from before the request: where another process has changed it meanwhile, nothing is written and None is
returned.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.webhooks import subscriptions

KEPT_AFTER_END = timedelta(days=90)
"""How long a row is kept that has ended; the inbox does not need it."""
_s = subscriptions.c


@dataclass(frozen=True)
class StoredSubscription:
    """A row of the table; its keys are sealed, its capability is known by its hash alone."""

    company_id: str
    capability_hash: str
    event_type: str
    subscription_id: str | None
    event_id: str | None
    sealed_secret: str | None = field(repr=False)
    sealed_previous_secret: str | None = field(repr=False)
    previous_until: datetime | None
    rotating_since: datetime | None
    expires_at: datetime | None
    created_at: datetime
    checked_at: datetime | None
    ended_at: datetime | None

    @property
    def state(self) -> tuple[str, str | None, datetime | None]:
        """Return the fields of which at least one changes with each step."""
        return self.capability_hash, self.subscription_id, self.rotating_since


@dataclass(frozen=True)
class NewKey:
    """Sequel's response to a creation or a renewal, its key sealed."""

    subscription_id: str
    sealed_secret: str = field(repr=False)
    expires_at: datetime


def living(connection: sa.Connection, company_ids: Collection[str] | None = None) -> list[StoredSubscription]:
    """Return the subscriptions that have not ended, of some companies or of all, the oldest first."""
    return _rows(connection, company_ids, _s.ended_at.is_(None))


def with_keys(connection: sa.Connection, company_ids: Collection[str] | None = None) -> list[StoredSubscription]:
    """Return the subscriptions that have a key, also those that were replaced and are still answered."""
    return _rows(connection, company_ids, sa.or_(_s.sealed_secret.is_not(None), _s.sealed_previous_secret.is_not(None)))


def announce(
    connection: sa.Connection, company_id: str, event_type: str, capability_hash: str, *, at: datetime
) -> StoredSubscription:
    """Add a subscription that is about to be requested from Sequel."""
    values: dict[str, Any] = dict.fromkeys(StoredSubscription.__dataclass_fields__)
    row = StoredSubscription(
        **values
        | {
            "company_id": company_id,
            "event_type": event_type,
            "capability_hash": capability_hash,
            "created_at": at,
        }
    )
    connection.execute(subscriptions.insert().values(**vars(row)))
    return row


def withdraw(connection: sa.Connection, row: StoredSubscription) -> None:
    """Delete a subscription that Sequel has surely not created."""
    connection.execute(subscriptions.delete().where(*_is(row)))


def store_created(
    connection: sa.Connection, row: StoredSubscription, new_key: NewKey, *, at: datetime
) -> StoredSubscription | None:
    """Store Sequel's response to a creation; None: another process has changed the row meanwhile."""
    return _change(connection, row, **vars(new_key), checked_at=at)


def begin_renewal(connection: sa.Connection, row: StoredSubscription, *, at: datetime) -> StoredSubscription | None:
    """Mark the key as in doubt, before a new one is requested; None: another process was faster."""
    return _change(connection, row, rotating_since=at)


def cancel_renewal(connection: sa.Connection, row: StoredSubscription) -> None:
    """Remove the mark: Sequel has surely not renewed it."""
    _change(connection, row, rotating_since=None)


def store_renewed(
    connection: sa.Connection,
    row: StoredSubscription,
    new_key: NewKey,
    *,
    sealed_previous_secret: str | None,
    previous_until: datetime,
    at: datetime,
) -> StoredSubscription | None:
    """Store the new key; the previous one is valid too until `previous_until`. None: the row has changed meanwhile."""
    previous = {
        "sealed_previous_secret": sealed_previous_secret,
        "previous_until": previous_until if sealed_previous_secret is not None else None,
    }
    return _change(connection, row, **vars(new_key), **previous, rotating_since=None, checked_at=at)


def mark_seen(connection: sa.Connection, row: StoredSubscription, expires_at: datetime | None, *, at: datetime) -> None:
    """Store that Sequel knows the subscription, and its expiry."""
    _change(connection, row, checked_at=at, expires_at=expires_at)


def reseal(
    connection: sa.Connection, row: StoredSubscription, sealed_secret: str | None, sealed_previous_secret: str | None
) -> None:
    """Store the same keys, sealed with another key; `row` must have been read in the same transaction."""
    keys = {"sealed_secret": sealed_secret, "sealed_previous_secret": sealed_previous_secret}
    connection.execute(subscriptions.update().where(*_is(row)).values(**keys))


def end(connection: sa.Connection, row: StoredSubscription, *, at: datetime, answered_until: datetime | None) -> None:
    """Mark a subscription as ended.

    A replaced one is answered until `answered_until`, by its last key: deliveries may still be under way, or be sent
    once more after a 429 or 500. Without it the keys are deleted, and deliveries are refused from now on.
    """
    last_key = sa.func.coalesce(_s.sealed_secret, _s.sealed_previous_secret)
    keys: dict[str, Any] = {"sealed_secret": None, "sealed_previous_secret": None, "previous_until": None}
    if answered_until is not None:
        has_key = last_key.is_not(None)
        keys |= {"sealed_previous_secret": last_key, "previous_until": sa.case((has_key, answered_until), else_=None)}
    connection.execute(subscriptions.update().where(*_is(row), _s.ended_at.is_(None)).values(ended_at=at, **keys))


def tidy(connection: sa.Connection, now: datetime) -> None:
    """Delete keys that are no longer valid, and rows that ended long ago."""
    connection.execute(
        subscriptions.update().where(_s.previous_until <= now).values(sealed_previous_secret=None, previous_until=None)
    )
    connection.execute(subscriptions.delete().where(_s.ended_at < now - KEPT_AFTER_END))


def _rows(
    connection: sa.Connection, company_ids: Collection[str] | None, which: sa.ColumnElement[bool]
) -> list[StoredSubscription]:
    columns = [_s[name] for name in StoredSubscription.__dataclass_fields__]
    found = sa.select(*columns).where(which).order_by(_s.created_at, _s.capability_hash)
    if company_ids is not None:
        found = found.where(among(_s.company_id, company_ids))
    return [StoredSubscription(*row) for row in connection.execute(found)]


def _is(row: StoredSubscription) -> tuple[sa.ColumnElement[bool], ...]:
    return _s.company_id == row.company_id, _s.capability_hash == row.capability_hash


def _change(connection: sa.Connection, row: StoredSubscription, **values: Any) -> StoredSubscription | None:
    as_it_was = (
        *_is(row),
        _s.ended_at.is_(None),
        _s.subscription_id.is_not_distinct_from(row.subscription_id),
        _s.rotating_since.is_not_distinct_from(row.rotating_since),
    )
    changed = connection.execute(subscriptions.update().where(*as_it_was).values(**values)).rowcount
    return replace(row, **values) if changed == 1 else None
