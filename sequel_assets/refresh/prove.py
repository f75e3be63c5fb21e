"""Conservation: a list is believed when its people and its minutes are the ones that Sequel promised with it.

Sequel's lists are untidy (one person in several spellings, a row told twice), its totals are not. So a list is taken
as it stands, or without rows that repeat another to the letter, or with the spellings of one e-mail merged; the first
reading that meets both totals is the right one, and if none does the list is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sequel_assets.warehouse.people import normal_email


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a participants list, to the letter."""

    name: str
    email: str | None
    minutes: int


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person within one event: the normal e-mail, or for lack of one the name, lower-cased."""

    email: str | None
    unnamed_by: str
    """The lower-cased name where there is no e-mail, else empty."""


class NotConserved(Exception):  # noqa: N818 - the word of the matter
    """A list does not come to what was promised with it."""


def prove(promised_users: int, promised_minutes: int, listed: Sequence[Listed]) -> list[Listed]:
    """Return the rows to count, or raise `NotConserved` with both sums."""
    unique = list(dict.fromkeys(listed))
    for rows, merged in ((listed, False), (unique, False), (listed, True), (unique, True)):
        users = _people(rows) if merged else {len(rows)}
        if promised_users in users and _minutes(rows) == promised_minutes:
            return list(rows)
    found = f"{len(listed)} people with {_minutes(listed)} minutes listed, {promised_users} with {promised_minutes} promised"
    if len(listed) < promised_users:
        raise NotConserved(f"{found}: Sequel caps the list")
    raise NotConserved(found)


def by_attendee(rows: Iterable[Listed]) -> dict[Attendee, tuple[str, int]]:
    """Return each attendee's name (of several spellings the last in order) and minutes, spellings merged."""
    found: dict[Attendee, tuple[str, int]] = {}
    for row in rows:
        email, name = normal_email(row.email), row.name.strip()
        attendee = Attendee(email, "" if email else name.lower())
        before = found.get(attendee, ("", 0))
        found[attendee] = (max(before[0], name), before[1] + row.minutes)
    return found


def _minutes(rows: Iterable[Listed]) -> int:
    return sum(row.minutes for row in rows)


def _people(rows: Sequence[Listed]) -> set[int]:
    """Return how many people the rows may stand for: those without an e-mail are one each, or one per name."""
    normal = [(normal_email(row.email), row.name.strip().lower()) for row in rows]
    emails = {email for email, _ in normal if email}
    unnamed = [name for email, name in normal if not email]
    return {len(emails) + len(unnamed), len(emails) + len(set(unnamed))}
