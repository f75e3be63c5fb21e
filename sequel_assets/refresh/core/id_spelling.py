"""Ids that differ only in case or in blanks around them: one thing spelled twice, or two things? Pure."""

from collections.abc import Collection, Iterable, Mapping


def folded(text: str) -> str:
    """Return an id without what spellings differ in."""
    return text.strip().casefold()


class Spellings:
    """Ids that are known, found by any spelling that only one of them has."""

    def __init__(self, known: Iterable[str]) -> None:
        self._exact = frozenset(known)
        self._alike: dict[str, list[str]] = {}
        for one in sorted(self._exact):
            self._alike.setdefault(folded(one), []).append(one)

    def find(self, spelled: str) -> str | None:
        """Return the id that is meant: the exact one, else the only one that differs in case or blanks alone."""
        if spelled in self._exact:
            return spelled
        alike = self._alike.get(folded(spelled), [])
        return alike[0] if len(alike) == 1 else None


def spelled_twice(spelled: Iterable[str], known: Collection[str] = ()) -> list[list[str]]:
    """Return the groups of ids that differ in case or blanks alone, where one of `spelled` is among them."""
    here = {*spelled}
    groups: dict[str, list[str]] = {}
    for one in sorted(here | {*known}):
        groups.setdefault(folded(one), []).append(one)
    return [group for group in groups.values() if len(group) > 1 and here & {*group}]


def same_things(
    groups: Iterable[Collection[str]], uid_of: Mapping[str, str | None], known: Collection[str]
) -> dict[str, str]:
    """Return, of ids that are another spelling of one, which that is: the known one, else Sequel's own.

    `uid_of` is the id that Sequel answers of each spelling, None where it knows none. Two that answer with their own
    ids are two; one that Sequel does not know is the only other's.
    """
    same: dict[str, str] = {}
    for group in groups:
        real = sorted({uid for spelled in group if (uid := uid_of[spelled]) is not None})
        for uid in real:
            mine = sorted(one for one in group if uid_of[one] == uid or (uid_of[one] is None and len(real) == 1))
            kept = next((one for one in mine if one in known), uid if uid in mine else mine[0])
            same |= {one: kept for one in mine if one != kept}
    return same
