"""Whose is an event? A pure decision over lists, and what it takes to know enough for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sequel_assets.refresh.discovery.companies import ancestors
from sequel_assets.refresh.discovery.event_ownership import foreign_owners, own
from sequel_assets.sequel import Event

DEPTHS = {"root": 0, "kid": 1, "grand": 2}


def listed(uid: str, owner: str | None = None, hub: str | None = None, starts: int | None = 1) -> Event:
    """Return an event as it stands in a list."""
    starts_at = None if starts is None else datetime(2026, 3, starts, tzinfo=UTC)
    return Event(uid=uid, company_uid=owner, name=uid, starts_at=starts_at, ends_at=starts_at, networking_hub=hub)


def places(listings: dict[str, list[Event]], aliases: dict[str, str] | None = None) -> dict[str, set[str]]:
    """Return the ids of each company's events."""
    owned = own(listings, DEPTHS, aliases or {})
    return {company: set(events) for company, events in owned.by_company.items() if events}


@pytest.mark.parametrize(
    ("listings", "expected"),
    [
        ({"root": [listed("e", "kid")], "kid": [listed("e", "kid")]}, {"kid": {"e"}}),
        ({"root": [listed("e", "kid")], "kid": []}, {"kid": {"e"}}),
        ({"root": [listed("e")], "kid": [listed("e")], "grand": [listed("e")]}, {"grand": {"e"}}),
        ({"root": [listed("e", "KID")]}, {"kid": {"e"}}),
        ({"root": [listed("e", "elsewhere")]}, {}),
        ({"root": [listed("all", "root")]}, {}),
        ({"root": [listed("e", "root", "h")], "kid": [listed("f", "kid", "h", 2)]}, {"root": {"e", "h"}, "kid": {"f"}}),
        ({"root": [listed("e", "root", "h", None)], "kid": [listed("f", "kid", "h", 9)]}, {"root": {"e"}, "kid": {"f", "h"}}),
        ({"root": [listed("e", "root", "e")]}, {"root": {"e"}}),
    ],
)  # fmt: skip
def test_an_event_is_its_owner_s_else_the_deepest_lister_s_and_a_hub_its_earliest_event_s(
    listings: dict[str, list[Event]], expected: dict[str, set[str]]
) -> None:
    """Whichever company lists it, in whatever spelling it names its owner."""
    assert places(listings, {"KID": "kid"}) == expected


def test_owners_that_nobody_knows_are_to_be_looked_up() -> None:
    """Each once; who is known or not named is not asked about."""
    listings = {"root": [listed("e", "elsewhere"), listed("f", "elsewhere"), listed("g", "kid"), listed("h")]}
    assert foreign_owners(listings, DEPTHS) == {"elsewhere"}


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({"grand": "kid", "kid": "root", "root": None}, ["kid", "root"]),
        ({"grand": "kid", "kid": "grand"}, ["kid"]),
        ({"grand": "a", "a": "b", "b": "a"}, ["a", "b"]),
        ({}, []),
    ],
)
def test_what_is_above_a_company_ends_though_the_tree_loops(
    parents: dict[str, str | None], expected: list[str]
) -> None:
    """The nearest first."""
    assert ancestors("grand", parents) == expected
