"""What the reconciler works with, and how it reads the state of one subscription at Sequel. It changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from sequel_assets.sequel import FATAL, CreatedSubscription, NotFound, SequelClient, SequelError, Subscription
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.warehouse.stores.subscriptions import NewKey, StoredSubscription
from sequel_assets.webhooks.subscriptions.decisions import ObservedSubscription, RemoteState


@dataclass(frozen=True)
class ReconcilerContext:
    """What the reconciler works with. `base_url` is the receiver's public address."""

    client: SequelClient
    warehouse: Warehouse
    seal: Seal
    clock: Callable[[], datetime]
    base_url: str
    length_in_days: int

    @property
    def length(self) -> timedelta:
        """Return how long a subscription is made for."""
        return timedelta(days=self.length_in_days)

    def address(self, capability: str) -> str:
        """Return the endpoint of a subscription. It is secret."""
        return f"{self.base_url.rstrip('/')}/{capability}"

    def sealed(self, made: CreatedSubscription) -> NewKey:
        """Return what is stored of a new key; an expiry date that is missing or past is replaced by the length."""
        now, expires_on = self.clock(), made.expires_on
        expires_at = expires_on if expires_on is not None and expires_on > now else now + self.length
        return NewKey(made.subscription_id, self.seal.seal(made.client_secret.get_secret_value()), expires_at)


def observe(context: ReconcilerContext, row: StoredSubscription) -> tuple[ObservedSubscription, str]:
    """Return what Sequel says of a row now, and why it said nothing, if so."""
    one = ObservedSubscription(row, is_readable=is_readable(context.seal, row))
    if row.subscription_id is None:
        return one, ""
    try:
        found = context.client.subscription(row.subscription_id)
    except NotFound:
        return replace(one, remote=RemoteState.GONE), ""
    except FATAL:
        raise
    except SequelError as error:
        return one, str(error)
    seen = replace(row, expires_at=found.expires_on or row.expires_at)
    remote = RemoteState.PRESENT if _is_ours(context, row, found) else RemoteState.MISDIRECTED
    return replace(one, row=seen, remote=remote), ""


def is_readable(seal: Seal | None, row: StoredSubscription) -> bool:
    """Say whether a row's key can be unsealed."""
    try:
        return row.sealed_secret is not None and seal is not None and bool(seal.open(row.sealed_secret))
    except SealError:
        return False


def _is_ours(context: ReconcilerContext, row: StoredSubscription, found: Subscription) -> bool:
    """Say whether it delivers to this receiver; an endpoint that Sequel does not return is taken to be right."""
    if found.endpoint is None:
        return True
    capability = found.endpoint.rstrip("/").rpartition("/")[2]
    is_here = _normalized(found.endpoint) == _normalized(context.address(capability))
    return is_here and hash_of(capability) == row.capability_hash


def _normalized(address: str) -> tuple[str, str, int | None, str]:
    """Return the parts of an address that are the same however it is spelled."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None, address
    return parts.scheme, parts.hostname or "", port, unquote(parts.path).rstrip("/")
