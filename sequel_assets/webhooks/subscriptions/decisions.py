"""What is to be done about the subscriptions of one company and event type: a pure decision.

Exactly one valid subscription is wanted. A step that may leave things in doubt comes before the one that would end what
is still good: a new one is made first, and the older is deleted only once the newer is known to stand. So whatever step
fails, and wherever the guardian is killed, the next look goes on from what it finds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from math import ceil

from sequel_assets.warehouse.stores.subscriptions import StoredSubscription

DUE_PART, URGENT_PART = 3, 6
"""A subscription is extended when less than a third of its length is left; with less than a sixth a failing extension
is not waited for any longer."""
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


class Heard(StrEnum):
    """What Sequel says of a subscription."""

    NOTHING = "nothing"
    """It was not asked, or did not answer."""
    PRESENT = "present"
    GONE = "gone"
    ASTRAY = "astray"
    """It is there, and delivers to another address, or something else."""


@dataclass(frozen=True)
class DesiredSubscription:
    """What one subscription is wanted for."""

    company_id: str
    event_type: str


@dataclass(frozen=True)
class Kept:
    """A subscription as the table has it, and what this look found out about it."""

    row: StoredSubscription
    is_readable: bool = True
    """Whether its key can be unsealed."""
    heard: Heard = Heard.NOTHING
    cannot_extend: bool = False
    """Extending was tried in this look, and it is not to be waited for."""
    cannot_renew: bool = False
    """Renewing was tried in this look: it was refused, or its key is in doubt now."""
    has_new_key: bool = False
    """It was made or renewed in this look."""


@dataclass(frozen=True)
class Step:
    """One thing to do; `capability_hash` says to which row."""

    do: Action
    slot: DesiredSubscription
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
    slot: DesiredSubscription,
    kept: Sequence[Kept],
    now: datetime,
    length: timedelta,
    *,
    is_wanted: bool = True,
    new_keys: bool = False,
) -> list[Step]:
    """Return what to do about one slot, in order; each step presumes that those before it succeeded.

    `new_keys` asks for a new key wherever this look has not brought one.
    """
    living = [one for one in kept if one.row.ended_at is None]
    if not is_wanted:
        return [_away(slot, one, "not wanted") for one in living]
    judged = [(*judge(one, now, length, new_keys), one) for one in living]
    steps = [_away(slot, one, why) for worth, why, one in judged if worth is Worth.LOST]
    candidates = [entry for entry in judged if entry[0] > Worth.REPLACED]
    if candidates:
        worth, why, keeper = max(candidates, key=lambda entry: (entry[0], entry[2].row.created_at))
        is_proven = worth >= Worth.RENEW and keeper.heard is Heard.PRESENT and keeper.is_readable
        steps += _care(slot, worth, why, keeper, now, length)
    else:
        keeper, is_proven = None, True
        reasons = [why for worth, why, _ in judged if worth is Worth.REPLACED]
        steps.append(Step(Action.CREATE, slot, reasons[-1] if reasons else "missing"))
    if is_proven:
        steps += [
            _away(slot, one, why if worth is Worth.REPLACED else "another delivers the same")
            for worth, why, one in judged
            if one is not keeper and worth not in (Worth.LOST, Worth.BEING_MADE, Worth.BEING_RENEWED)
        ]
    return steps


def is_urgent(expires_at: datetime | None, now: datetime, length: timedelta) -> bool:
    """Say whether so little time is left that a failing extension is not to be waited for."""
    return expires_at is not None and expires_at - now <= length / URGENT_PART


def is_due(expires_at: datetime | None, now: datetime, length: timedelta) -> bool:
    """Say whether a subscription is to be extended."""
    return expires_at is not None and expires_at - now < length / DUE_PART


def is_given_up(row: StoredSubscription, now: datetime) -> bool:
    """Say whether its creation or renewal began so long ago that nobody is at it any more."""
    began = row.created_at if row.subscription_id is None else row.rotating_since
    return began is not None and now - began >= IN_FLIGHT


def desired_subscriptions(companies: Iterable[str], event_types: Iterable[str]) -> list[DesiredSubscription]:
    """Return the slots of companies, each once, in their order."""
    types = list(event_types)
    return [
        DesiredSubscription(company_id, event_type) for company_id in dict.fromkeys(companies) for event_type in types
    ]


def judge(one: Kept, now: datetime, length: timedelta, new_keys: bool = False) -> tuple[Worth, str]:
    """Return how good a subscription is, and why."""
    row = one.row
    given_up = is_given_up(row, now)
    if row.subscription_id is None:
        return (Worth.LOST, "its creation was never answered") if given_up else (Worth.BEING_MADE, "being made")
    if one.heard is Heard.GONE:
        return Worth.REPLACED, "Sequel does not know it any more"
    if row.expires_at is not None and row.expires_at <= now:
        return Worth.REPLACED, "lapsed"
    if one.heard is Heard.ASTRAY:
        return Worth.REPLACED, "it delivers elsewhere"
    if one.cannot_renew:
        return Worth.REPLACED, "it cannot be renewed"
    if row.rotating_since is not None:
        return (Worth.REPLACED, "its key is in doubt") if given_up else (Worth.BEING_RENEWED, "being renewed")
    if not one.is_readable:
        return Worth.RENEW, "its key cannot be unsealed"
    if new_keys and not one.has_new_key:
        return Worth.RENEW, "a new key is asked for"
    if is_due(row.expires_at, now, length):
        return (Worth.RENEW, "extending failed") if one.cannot_extend else (Worth.EXTEND, "about to lapse")
    return Worth.GOOD, ""


def _care(
    slot: DesiredSubscription, worth: Worth, why: str, keeper: Kept, now: datetime, length: timedelta
) -> list[Step]:
    if worth is Worth.EXTEND and keeper.row.expires_at is not None:
        days = ceil((now + length - keeper.row.expires_at) / timedelta(days=1))
        within = min(max(days, SHORTEST_DAYS), LONGEST_DAYS)
        return [Step(Action.EXTEND, slot, why, keeper.row.capability_hash, within)]
    return [Step(Action.RENEW, slot, why, keeper.row.capability_hash)] if worth is Worth.RENEW else []


def _away(slot: DesiredSubscription, one: Kept, why: str) -> Step:
    do = Action.END if one.row.subscription_id is None else Action.DELETE
    return Step(do, slot, why, one.row.capability_hash)
