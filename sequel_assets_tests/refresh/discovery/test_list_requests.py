"""Whether a list is whole: what looks cut off, what is named and not listed, what other answers know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sequel_assets.refresh.core.list_completeness import Doubt, doubt, looks_cut_off
from sequel_assets.refresh.discovery.list_requests import unlisted
from sequel_assets.sequel import Event
from sequel_assets.warehouse.stores.catalog import KnownEvent

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


HUNDRED = [f"p{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("listed", "before", "witnesses", "found"),
    [
        (HUNDRED[:99], HUNDRED, [*HUNDRED, "q"], None),
        (HUNDRED, HUNDRED[:90], HUNDRED[:50], None),
        (HUNDRED, [], [], None),
        (HUNDRED, [*HUNDRED, "q"], [], True),
        (HUNDRED[:50], HUNDRED, ["q"], True),
        (HUNDRED, [], ["q", "r", "p1"], False),
    ],
)
def test_a_round_list_of_people_is_doubted_where_it_shrank_or_lacks_somebody(
    listed: list[str], before: list[str], witnesses: list[str], found: bool | None
) -> None:
    """What shrank is held, what lacks somebody is kept and named; any other number says nothing."""
    told = doubt(len(listed), listed, before, witnesses)
    assert (told.is_quarantined if isinstance(told, Doubt) else None) is found
