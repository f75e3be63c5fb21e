"""People without an e-mail in what Sequel lists of an event: who is one person, and which one of those of a name.

No total says how many they are, so they are kept apart by Sequel's own mark of each (a user's id, a link), and
entries without one are a person each. What they are called after is their place among those of their name, not the mark:
so ids agree with those of other lists, which have no marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sequel_assets.warehouse.stores.people import normal_name


@dataclass(frozen=True, repr=False)
class ListEntry:
    """One entry of a list of people: `mark` is what Sequel identifies it by, if anything."""

    email: str | None
    name: str | None
    mark: str | None
    rest: str = ""
    """What orders entries of one name that have no mark."""


@dataclass(frozen=True)
class Unnamed:
    """Whom an entry stands for: of several spellings of the name the last in order."""

    name: str
    number: int


def distinguish(entries: Sequence[ListEntry]) -> list[Unnamed]:
    """Return for each entry, none of which has an e-mail, who it is. Neither who nor how many there are depends on the order of the list."""
    groups: dict[tuple[str | None, int], list[int]] = {}
    for place, entry in enumerate(entries):
        groups.setdefault((entry.mark, 0) if entry.mark is not None else (None, place), []).append(place)
    by_name: dict[str, list[tuple[tuple[bool, str, str, str], str, list[int]]]] = {}
    for (mark, _), places in groups.items():
        name = max((entries[place].name or "").strip() for place in places)
        rank = (mark is None, mark or "", name, min(entries[place].rest for place in places))
        by_name.setdefault(normal_name(name), []).append((rank, name, places))
    found: dict[int, Unnamed] = {}
    for people in by_name.values():
        for number, (_, name, places) in enumerate(sorted(people), start=1):
            found |= dict.fromkeys(places, Unnamed(name, number))
    return [found[place] for place in range(len(entries))]
