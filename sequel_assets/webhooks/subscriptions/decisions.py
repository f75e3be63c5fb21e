"""What is to be done about the subscriptions of one company and event type: a pure decision.

Exactly one valid subscription is wanted. A step that may leave things in doubt comes before the one that would end what
is still good: a new one is made first, and the older is deleted only once the newer is known to exist. So whatever step
fails, and wherever the process is killed, the next reconciliation goes on from what it finds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from math import ceil

from sequel_assets.warehouse.stores.subscriptions import StoredSubscription

DUE_PART, URGENT_PART = 3, 6
"""A subscription is extended when less than a third of its length is left. With less than a sixth a failing extension
is not tried any longer: it is renewed."""
IN_FLIGHT = timedelta(minutes=15)
"""Longer than any one call takes with its retries: a creation or renewal older than this has been given up."""
SHORTEST_DAYS, LONGEST_DAYS = 2, 365


class Action(StrEnum):
    """What can be done about a subscription."""

    CREATE = "create"
    EXTEND = "extend"
    RENEW = "renew"
    DELETE = "delete"
    END = "end"
    """Only here: nothing is known of it at Sequel that could be deleted."""


class RemoteState(StrEnum):
    """What Sequel says of a subscription."""

    UNKNOWN = "unknown"
    """It was not requested, or Sequel did not answer."""
    PRESENT = "present"
    GONE = "gone"
    MISDIRECTED = "misdirected"
    """It exists, and delivers to another address or something else."""


@dataclass(frozen=True)
class DesiredSubscription:
    """A company and an event type that one subscription is wanted for."""

    company_id: str
    event_type: str


def purpose_of(row: StoredSubscription) -> DesiredSubscription:
    """Return what a row was made for."""
    return DesiredSubscription(row.company_id, row.event_type)


@dataclass(frozen=True)
class ObservedSubscription:
    """A subscription as the table has it, and what this reconciliation found out about it."""

    row: StoredSubscription
    is_readable: bool = True
    """Whether its key can be unsealed."""
    remote: RemoteState = RemoteState.UNKNOWN
    cannot_extend: bool = False
    """Extending was tried in this reconciliation, and is not to be tried again."""
    cannot_renew: bool = False
    """Renewing was tried in this reconciliation: it was refused, or its key is in doubt now."""
    has_new_key: bool = False
    """It was made or renewed in this reconciliation."""


@dataclass(frozen=True)
class Step:
    """One thing to do; `capability_hash` says to which row."""

    do: Action
    desired: DesiredSubscription
    why: str
    capability_hash: str = ""
    days: int = 0
    """By how many days it is extended."""


class Worth(IntEnum):
    """How good a subscription is, the best last."""

    LOST = 0
    REPLACED = 1
    BEING_MADE = 2
    BEING_RENEWED = 3
    RENEW = 4
    EXTEND = 5
    GOOD = 6


def steps_for(
    desired: DesiredSubscription,
    observed: Sequence[ObservedSubscription],
    now: datetime,
    length: timedelta,
    *,
    is_wanted: bool = True,
    new_keys: bool = False,
) -> list[Step]:
    """Return what to do about one desired subscription, in order; each step presumes that those before it succeeded.

    `new_keys` requests a new key wherever this reconciliation has not brought one.
    """
    living = [one for one in observed if one.row.ended_at is None]
    if not is_wanted:
        return [_removal(desired, one, "not wanted") for one in living]
    assessed = [(*assess(one, now, length, new_keys), one) for one in living]
    steps = [_removal(desired, one, why) for worth, why, one in assessed if worth is Worth.LOST]
    candidates = [entry for entry in assessed if entry[0] > Worth.REPLACED]
    if candidates:
        worth, why, keeper = max(candidates, key=lambda entry: (entry[0], entry[2].row.created_at))
        is_confirmed = worth >= Worth.RENEW and keeper.remote is RemoteState.PRESENT and keeper.is_readable
        steps += _upkeep(desired, worth, why, keeper, now, length)
    else:
        keeper, is_confirmed = None, True
        reasons = [why for worth, why, _ in assessed if worth is Worth.REPLACED]
        steps.append(Step(Action.CREATE, desired, reasons[-1] if reasons else "missing"))
    if is_confirmed:
        steps += [
            _removal(desired, one, why if worth is Worth.REPLACED else "another delivers the same")
            for worth, why, one in assessed
            if one is not keeper and worth not in (Worth.LOST, Worth.BEING_MADE, Worth.BEING_RENEWED)
        ]
    return steps


def is_urgent(expires_at: datetime | None, now: datetime, length: timedelta) -> bool:
    """Say whether so little time is left that a failing extension is not to be tried again."""
    return expires_at is not None and expires_at - now <= length / URGENT_PART


def is_due(expires_at: datetime | None, now: datetime, length: timedelta) -> bool:
    """Say whether a subscription is to be extended."""
    return expires_at is not None and expires_at - now < length / DUE_PART


def is_given_up(row: StoredSubscription, now: datetime) -> bool:
    """Say whether its creation or renewal began so long ago that no process works on it any more."""
    began = row.created_at if row.subscription_id is None else row.rotating_since
    return began is not None and now - began >= IN_FLIGHT


def desired_subscriptions(companies: Iterable[str], event_types: Iterable[str]) -> list[DesiredSubscription]:
    """Return the desired subscriptions of companies, each once, in their order."""
    types = list(event_types)
    return [
        DesiredSubscription(company_id, event_type) for company_id in dict.fromkeys(companies) for event_type in types
    ]


def assess(one: ObservedSubscription, now: datetime, length: timedelta, new_keys: bool = False) -> tuple[Worth, str]:
    """Return how good a subscription is, and why."""
    row = one.row
    given_up = is_given_up(row, now)
    if row.subscription_id is None:
        return (Worth.LOST, "its creation was never answered") if given_up else (Worth.BEING_MADE, "being made")
    if one.remote is RemoteState.GONE:
        return Worth.REPLACED, "Sequel does not know it any more"
    if row.expires_at is not None and row.expires_at <= now:
        return Worth.REPLACED, "lapsed"
    if one.remote is RemoteState.MISDIRECTED:
        return Worth.REPLACED, "it delivers elsewhere"
    if one.cannot_renew:
        return Worth.REPLACED, "it cannot be renewed"
    if row.rotating_since is not None:
        return (Worth.REPLACED, "its key is in doubt") if given_up else (Worth.BEING_RENEWED, "being renewed")
    if not one.is_readable:
        return Worth.RENEW, "its key cannot be unsealed"
    if new_keys and not one.has_new_key:
        return Worth.RENEW, "a new key is requested"
    if is_due(row.expires_at, now, length):
        return (Worth.RENEW, "extending failed") if one.cannot_extend else (Worth.EXTEND, "about to lapse")
    return Worth.GOOD, ""


def _upkeep(
    desired: DesiredSubscription, worth: Worth, why: str, keeper: ObservedSubscription, now: datetime, length: timedelta
) -> list[Step]:
    if worth is Worth.EXTEND and keeper.row.expires_at is not None:
        days = ceil((now + length - keeper.row.expires_at) / timedelta(days=1))
        within = min(max(days, SHORTEST_DAYS), LONGEST_DAYS)
        return [Step(Action.EXTEND, desired, why, keeper.row.capability_hash, within)]
    return [Step(Action.RENEW, desired, why, keeper.row.capability_hash)] if worth is Worth.RENEW else []


def _removal(desired: DesiredSubscription, one: ObservedSubscription, why: str) -> Step:
    do = Action.END if one.row.subscription_id is None else Action.DELETE
    return Step(do, desired, why, one.row.capability_hash)
