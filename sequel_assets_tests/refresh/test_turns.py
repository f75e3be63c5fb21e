"""Whether a list of events is whole: what looks cut off, and what is named and not listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sequel_assets.refresh.turns import looks_cut_off, unlisted
from sequel_assets.sequel import Event
from sequel_assets.warehouse.catalog import KnownEvent

PLAIN = KnownEvent("", "virtualStageEvent", "", None, None, None, False, None, None, None, None, None)


def known(*event_ids: str, **more: object) -> dict[str, KnownEvent]:
    """Return events as they are stored."""
    return {event_id: replace(PLAIN, event_id=event_id, **more) for event_id in event_ids}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("length", "is_cut_off"),
    [(0, False), (20, False), (32, False), (49, False), (50, True), (64, True), (99, False), (100, True), (101, False), (128, True), (150, True), (1000, True), (1024, True)],
)  # fmt: skip
def test_a_round_number_is_what_a_cap_leaves(length: int, is_cut_off: bool) -> None:
    """Hundreds, fifties and powers of two; small lists are what they are."""
    assert looks_cut_off(length, {}) is is_cut_off


def test_a_list_that_is_shorter_than_what_is_known_looks_cut_off() -> None:
    """Hubs are never listed, and what has vanished is not expected."""
    gone = known("d", vanished_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert looks_cut_off(2, known("a", "b", "c"))
    assert not looks_cut_off(2, {**known("a", "b"), **known("h", event_type="networkingHub"), **gone})


def test_what_is_named_and_not_listed_is_to_be_asked_for_but_hubs_and_what_others_have() -> None:
    """Another company's event that has vanished there may have come here."""
    listing = [Event(uid="a"), Event(uid="b", networking_hub="h")]
    gone = known("back", vanished_at=datetime(2026, 3, 1, tzinfo=UTC))
    stored = {"kid": known("old"), "other": {**known("theirs"), **known("h2", event_type="networkingHub"), **gone}}
    named = ["b", "a", "h", "h2", "theirs", "old", "new", "back", "new"]
    assert unlisted(named, listing, "kid", stored) == ("back", "new", "old")
