"""Webhook subscriptions as the receiver reads them: the one of an address, with the keys that are valid now."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sequel_assets.warehouse.tables.webhooks import subscriptions


@dataclass(frozen=True)
class Receiving:
    """What a delivery to one address is verified by."""

    company_id: str
    capability_hash: str
    event_type: str
    subscription_id: str | None
    event_id: str | None
    sealed_secret: str | None
    sealed_previous_secret: str | None
    previous_until: datetime | None
    rotating_since: datetime | None
    ended_at: datetime | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Say whether Sequel may know a key that is not stored yet."""
        return self.ended_at is None and (self.rotating_since is not None or self.sealed_secret is None)

    def sealed_keys(self, now: datetime) -> tuple[str, ...]:
        """Return the keys that a delivery may carry now, as they are stored."""
        keys = [self.sealed_secret]
        if self.previous_until is not None and now < self.previous_until:
            keys.append(self.sealed_previous_secret)
        return tuple(key for key in keys if key is not None)


def hash_of(capability: str) -> str:
    """Return the hash under which a capability is stored."""
    return hashlib.sha256(capability.encode()).hexdigest()


def receiving(connection: sa.Connection, capability_hash: str, now: datetime) -> Receiving | None:
    """Return the subscription of an address; None where there is none. A replaced one counts while its key is valid."""
    columns = [subscriptions.c[name] for name in Receiving.__dataclass_fields__]
    is_answered = sa.or_(subscriptions.c.ended_at.is_(None), subscriptions.c.previous_until > now)
    row = connection.execute(
        sa.select(*columns).where(subscriptions.c.capability_hash == capability_hash, is_answered)
    ).first()
    return None if row is None else Receiving(**row._mapping)


def sealed_secrets(connection: sa.Connection) -> list[str]:
    """Return the keys of the subscriptions that have not ended, as they are stored."""
    secrets = sa.select(subscriptions.c.sealed_secret).where(
        subscriptions.c.ended_at.is_(None), subscriptions.c.sealed_secret.is_not(None)
    )
    return [str(secret) for secret in connection.scalars(secrets)]
