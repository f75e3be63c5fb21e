"""What the guardian works with, and how it looks at a subscription."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from sequel_assets.sequel import FATAL, CreatedSubscription, NotFound, SequelClient, SequelError, Subscription
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.warehouse.stores.subscriptions import NewKey, StoredSubscription
from sequel_assets.webhooks.subscriptions.decisions import Heard, Kept


@dataclass(frozen=True)
class Tools:
    """What the guardian works with. `base_url` is the receiver's public address."""

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
        """Return what is kept of a new key; a date of expiry that cannot be is not believed."""
        now, told = self.clock(), made.expires_on
        expires_at = told if told is not None and told > now else now + self.length
        return NewKey(made.subscription_id, self.seal.seal(made.client_secret.get_secret_value()), expires_at)


def look_at(tools: Tools, row: StoredSubscription) -> tuple[Kept, str]:
    """Return what Sequel says of a row now, and why it said nothing, if so."""
    one = Kept(row, is_readable=is_readable(tools.seal, row))
    if row.subscription_id is None:
        return one, ""
    try:
        told = tools.client.subscription(row.subscription_id)
    except NotFound:
        return replace(one, heard=Heard.GONE), ""
    except FATAL:
        raise
    except SequelError as error:
        return one, str(error)
    seen = replace(row, expires_at=told.expires_on or row.expires_at)
    return replace(one, row=seen, heard=Heard.PRESENT if _is_ours(tools, row, told) else Heard.ASTRAY), ""


def is_readable(seal: Seal | None, row: StoredSubscription) -> bool:
    """Say whether a row's key can be unsealed."""
    try:
        return row.sealed_secret is not None and seal is not None and bool(seal.open(row.sealed_secret))
    except SealError:
        return False


def _is_ours(tools: Tools, row: StoredSubscription, told: Subscription) -> bool:
    """Say whether it delivers to this receiver; an address that Sequel does not tell is taken to be right."""
    if told.endpoint is None:
        return True
    capability = told.endpoint.rstrip("/").rpartition("/")[2]
    is_here = _spelled(told.endpoint) == _spelled(tools.address(capability))
    return is_here and hash_of(capability) == row.capability_hash


def _spelled(address: str) -> tuple[str, str, int | None, str]:
    """Return an address without what two spellings of the same may differ in."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None, address
    return parts.scheme, parts.hostname or "", port, unquote(parts.path).rstrip("/")
