"""Is a list complete that comes without a total? What its length and what is known from elsewhere say of that. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sequel_assets.refresh.core.outcomes import UNTIL_ACCEPTED
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.tables.core import HUB


@dataclass(frozen=True)
class Doubt:
    """Why a list may be cut off, and whether the rows that were there stay until somebody accepts it."""

    reason: str
    is_quarantined: bool


def is_round(length: int) -> bool:
    """Say whether a list has a length that a cap would leave: fifties, hundreds, and powers of two from 64 on."""
    return length >= 50 and (length % 50 == 0 or length & (length - 1) == 0)


def looks_cut_off(length: int, known: Mapping[str, KnownEvent]) -> bool:
    """Say whether a list of events has a round length, or is shorter than what is known."""
    there = sum(event.vanished_at is None and event.event_type != HUB for event in known.values())
    return is_round(length) or length < there


def doubt(entries: int, listed: Collection[str], before: Collection[str], witnesses: Collection[str]) -> Doubt | None:
    """Return what speaks against a list of people, of a round number of entries; None where nothing does.

    `before` are the people that it had, `witnesses` those who must be in it by an answer that is verified.
    """
    if not is_round(entries):
        return None
    if len(listed) < len(before):
        return Doubt(
            f"has {entries} entries, and lists {len(listed)} people where it listed {len(before)}: such a round number of "
            "entries looks like a cap; "
            f"{UNTIL_ACCEPTED}",
            is_quarantined=True,
        )
    if lacking := len({*witnesses} - {*listed}):
        return Doubt(
            f"has {entries} entries, and {lacking} people are known by other answers whom it does not list: such a round "
            "number of entries looks like a cap; those that it lists are kept",
            is_quarantined=False,
        )
    return None
