"""Is a delivery what it says it is? Pure: body, headers, what is known and *now* go in, a result comes out.

docs/webhooks.md says what each step shows and what it cannot show.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.receiver.body_encoding import is_ascii_only
from sequel_assets.webhooks.receiver.payload import Delivery, MalformedError, read
from sequel_assets.webhooks.receiver.signatures import is_signed


class Verification(Enum):
    """What becomes of a delivery, and how it is answered: Sequel repeats after 429 and 500, and after nothing else."""

    ACCEPTED = ("accepted", 200)
    UNKNOWN_COMPANY = ("accepted, its company is not known yet", 200)
    """Accepted too: the company may be newer than the last walk of the hierarchy; it is looked up later."""
    NO_SUCH_ADDRESS = ("no such address", 404)
    NO_KEY = ("no key", 401)
    WRONG_KEY = ("wrong key", 401)
    NOT_SIGNED = ("not signed", 401)
    KEY_IN_DOUBT = ("key in doubt", 429)
    """The subscription's key is being changed at Sequel, and this may be the new one."""
    TOO_MANY_LARGE = ("too many large ones at once", 429)
    MALFORMED = ("malformed", 400)
    WRONG_EVENT_TYPE = ("another subscription's event type", 400)
    WRONG_EVENT = ("another subscription's event", 400)
    NO_COMPANY = ("no company", 400)
    WRONG_COMPANY = ("a company that is not the subscription's or one of its sub-companies", 400)
    NO_TIMESTAMP = ("no time stamp that can be read", 400)
    OUTSIDE_WINDOW = ("time stamp outside the window", 400)
    TOO_LARGE = ("too large", 413)
    NOT_UNDERSTOOD = ("only UTF-8 is understood, plain or in gzip", 415)
    TOO_SLOW = ("did not arrive in time", 500)
    BUSY = ("too many at once", 500)
    NOT_STORED = ("could not be stored", 500)
    FAILED = ("failed", 500)

    def __init__(self, message: str, status: int) -> None:
        self.message, self.status = message, status

    @property
    def is_accepted(self) -> bool:
        """Say whether it is stored and answered with 200."""
        return self.status == 200


@dataclass(frozen=True)
class CompanyLookup:
    """No result yet: the company of a delivery has to be looked up, see `judge_company`."""

    company_id: str


@dataclass(frozen=True)
class VerificationRules:
    """What the settings demand of a delivery."""

    key_header: str
    demands: frozenset[str]
    window: timedelta
    signing_secrets: tuple[str, ...]


@dataclass(frozen=True)
class KnownSubscriptions:
    """What is known of the address that a delivery came to."""

    receiving: Receiving | None
    keys: tuple[str, ...]
    """The keys that the subscription may use now, readable."""


NOT_KNOWN = KnownSubscriptions(None, ())


@dataclass(frozen=True)
class Admission:
    """What the address and the key of a request say, before its body is read."""

    known: KnownSubscriptions
    result: Verification
    reason: str = ""
    """Why the warehouse could not be read, if so."""


UNAUTHENTICATED = (Verification.NO_SUCH_ADDRESS, Verification.NO_KEY, Verification.WRONG_KEY, Verification.TOO_LARGE)
"""Results of senders whose body is not worth waiting for: no known address or key, or a declared length beyond all
bounds."""
_PLACEHOLDER_KEY = "compared with where there is no key, so that it takes as long; it never matches"


def admit(headers: Mapping[str, str], known: KnownSubscriptions, rules: VerificationRules) -> Verification:
    """Judge what needs no body: address and key. Headers' names are lower-cased.

    One that came twice is joined by a comma.
    """
    given = headers.get(rules.key_header.lower(), "")
    fits = [_equal(given, key) for key in known.keys or (_PLACEHOLDER_KEY,)]
    if known.receiving is None:
        return Verification.NO_SUCH_ADDRESS
    if "key" not in rules.demands or (known.keys and any(fits)):
        return Verification.ACCEPTED
    if not given:
        return Verification.NO_KEY
    return Verification.KEY_IN_DOUBT if known.receiving.is_in_doubt else Verification.WRONG_KEY


def verify(
    body: bytes, headers: Mapping[str, str], known: KnownSubscriptions, now: datetime, rules: VerificationRules
) -> tuple[Verification | CompanyLookup, Delivery | None]:
    """Judge a complete delivery; return what it says as well, where that could be read."""
    admitted = admit(headers, known, rules)
    if admitted is not Verification.ACCEPTED or known.receiving is None:
        return admitted, None
    if rules.signing_secrets and not is_signed(body, headers, rules.signing_secrets, now):
        return Verification.NOT_SIGNED, None
    try:
        delivery = read(body, is_ascii_only=is_ascii_only(headers))
    except MalformedError:
        return Verification.MALFORMED, None
    return judge(delivery, known.receiving, now, rules), delivery


def judge(
    delivery: Delivery, receiving: Receiving, now: datetime, rules: VerificationRules
) -> Verification | CompanyLookup:
    """Judge what a delivery says of itself."""
    if delivery.event_type in set(WebhookType) - {receiving.event_type}:
        return Verification.WRONG_EVENT_TYPE
    if receiving.event_id is not None and delivery.event_id not in (None, receiving.event_id):
        return Verification.WRONG_EVENT
    if delivery.sent_at is None:
        if "timestamp" in rules.demands:
            return Verification.NO_TIMESTAMP
    elif abs(delivery.sent_at - now) > rules.window:
        return Verification.OUTSIDE_WINDOW
    if delivery.company_id is None:
        return Verification.NO_COMPANY if "company" in rules.demands else Verification.ACCEPTED
    if delivery.company_id == receiving.company_id:
        return Verification.ACCEPTED
    return CompanyLookup(delivery.company_id)


def judge_company(receiving: Receiving, lineage: frozenset[str] | None) -> Verification:
    """Judge the company that a delivery names, by itself and all above it."""
    if lineage is None:
        return Verification.UNKNOWN_COMPANY
    return Verification.ACCEPTED if receiving.company_id in lineage else Verification.WRONG_COMPANY


def _equal(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), key.encode())


def notification_of(delivery: Delivery, receiving: Receiving, result: Verification, now: datetime) -> Notification:
    """Return the row of the inbox for an accepted delivery."""
    return Notification(
        company_id=delivery.company_id or receiving.company_id,
        received_at=now,
        capability_hash=receiving.capability_hash,
        subscription_id=receiving.subscription_id,
        delivery_key=delivery.key,
        invocation_id=delivery.invocation_id,
        correlation_id=delivery.correlation_id,
        event_type=receiving.event_type,
        event_id=delivery.event_id or receiving.event_id,
        sent_at=delivery.sent_at,
        page=delivery.page,
        pages=delivery.pages,
        body_sha256=delivery.body_sha256,
        verdict=result.name.lower(),
    )
