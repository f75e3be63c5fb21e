"""Subscriptions to Sequel's webhooks: request bodies and the models of the responses.

Two values are secret: the key of a subscription (`client_secret`), which Sequel returns once, and the endpoint, whose
path may contain a capability. Neither may appear in a repr, an error or a log.

A date of expiry is read in every known spelling, and an unreadable one is None: an error would lose the key that came
with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from sequel_assets.sequel.parsing.fields import Id, TextOrNone, an_id, number_or_none, utc_or_none, within_calendar
from sequel_assets.sequel.parsing.shapes import Camel, Model, an_object, validated

SHORTEST_DAYS, LONGEST_DAYS = 2, 365
SHORTEST_SECRET = 12
_SECONDS_FROM = 10**8  # 1973
_MILLISECONDS_FROM = 10**11  # as seconds that would be the year 5138
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _expiry_or_none(value: object) -> datetime | None:
    """ISO 8601, an HTTP date, or (milli)seconds since 1970; None for what is unreadable or outside the calendar."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    for reader in (_since_1970, utc_or_none, _http_date):
        try:
            time = reader(value)
            return time if time is None else within_calendar(time)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _since_1970(value: object) -> datetime | None:
    number = number_or_none(value)
    if number is None:
        return None
    if number < _SECONDS_FROM:
        raise ValueError("too small for a timestamp: perhaps a date without dashes")
    return _EPOCH + timedelta(seconds=number / 1000 if number >= _MILLISECONDS_FROM else number)


def _http_date(value: object) -> datetime:
    time = parsedate_to_datetime(str(value))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _secret(value: object) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(an_id(value))


ExpiryTime = Annotated[datetime | None, BeforeValidator(_expiry_or_none)]
Key = Annotated[SecretStr, BeforeValidator(_secret)]


class CreatedSubscription(Model):
    """A subscription as created or renewed: the only response that has its key."""

    subscription_id: Id = Field(validation_alias="webHookSubscriptionId")
    client_secret: Key = Field(validation_alias="clientSecret")
    expires_on: ExpiryTime = Field(None, validation_alias="expiresOn")


class Subscription(Camel):
    """A subscription as Sequel stores it, without its key."""

    subscription_id: Id = Field(validation_alias="webHookSubscriptionId")
    event_type: TextOrNone = None
    company_id: TextOrNone = None
    event_id: TextOrNone = None
    endpoint: TextOrNone = Field(None, repr=False)
    expires_on: ExpiryTime = None


def created_from(value: object) -> CreatedSubscription:
    """The response to creating and renewing."""
    return validated(CreatedSubscription, an_object(value))


def subscription_from(value: object) -> Subscription:
    """The response to looking one up; its fields are in `subscriptionInfo`, or beside it."""
    raw = an_object(value)
    info = raw.get("subscriptionInfo")
    return validated(Subscription, {**raw, **(an_object(info, "subscriptionInfo") if info is not None else {})})


def nothing_from(_value: object) -> None:
    """The response to a call of which only the status counts."""


def creation(
    event_type: str, company_id: str, endpoint: str, event_id: str | None, length_in_days: int | None
) -> dict[str, Any]:
    """The body that subscribes."""
    for name, value in (("event_type", event_type), ("company_id", company_id), ("event_id", event_id)):
        if value is not None and not value.strip():
            raise ValueError(f"{name} must not be empty")
    info = {
        "companyId": company_id,
        "eventId": event_id,
        "endpoint": _checked_endpoint(endpoint),
        **_length(length_in_days),
    }
    return {"eventType": event_type, "subscriptionInfo": _without_none(info)}


def change(endpoint: str | None, extend_by_days: int | None) -> dict[str, Any]:
    """The body that changes an endpoint, the time, or both."""
    if endpoint is None and extend_by_days is None:
        raise ValueError("an endpoint or extend_by_days is needed")
    days = _checked_days("extend_by_days", extend_by_days)
    info = {"endpoint": endpoint and _checked_endpoint(endpoint), "extendSubscriptionByDays": days}
    return {"subscriptionInfo": _without_none(info)}


def renewal(length_in_days: int | None) -> dict[str, Any]:
    """The body that requests a new key."""
    return {"subscriptionInfo": _without_none(_length(length_in_days))}


def secrets_of(endpoint: str | None) -> tuple[str, ...]:
    """What an error must not quote of an endpoint: the whole, and each part of its path long enough to be a secret."""
    if endpoint is None:
        return ()
    return (endpoint, *(part for part in urlsplit(endpoint).path.split("/") if len(part) >= SHORTEST_SECRET))


def _length(days: int | None) -> dict[str, int | None]:
    return {"subscriptionLengthInDays": _checked_days("length_in_days", days)}


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _checked_days(name: str, days: int | None) -> int | None:
    if days is not None and (type(days) is not int or not SHORTEST_DAYS <= days <= LONGEST_DAYS):
        raise ValueError(f"{name} must be a whole number from {SHORTEST_DAYS} to {LONGEST_DAYS}")
    return days


def _checked_endpoint(endpoint: str) -> str:
    """The endpoint, if it is an address; the complaint does not quote it."""
    problem = ValueError("endpoint must be an http(s) address, such as https://hooks.example.com/sequel/...")
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or any(character.isspace() for character in endpoint):
        raise problem
    return endpoint
