"""Person ids: the one rule that makes them of e-mail and name, and the table `people` that stores both."""

import hmac
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.tables.core import people
from sequel_assets.warehouse.tables.types import ByCodePoint

RULE_VERSION = 2
"""The version of the rule that makes ids of e-mails and names; `warehouse_identity` has the one of a warehouse."""


SEVERAL_TIMES = 50_000
"""Texts that are remembered: a person is in the lists of minutes, activity, registrants and messages, and on several days."""


@lru_cache(SEVERAL_TIMES)
def normal_name(name: str | None) -> str:
    """Return a name as it is compared and hashed: trimmed, lower-cased and in NFC, nothing more; empty where there is none.

    NFC comes first, so that both spellings of a letter are lower-cased alike, and once more at the end: some letters
    have one code point for their small form alone (a capital J with a caron is two, the small one is one). The function
    is idempotent.
    """
    plain = (name or "").strip()
    if plain.isascii():  # most texts are, and have one spelling
        return plain.lower().replace("\0", "\ufffd")
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", plain).lower())
    return plain.replace("\0", "\ufffd")


def normal_email(email: str | None) -> str | None:
    """Return an e-mail as it is compared and hashed, like a name; None where there is none."""
    return normal_name(email) or None


@dataclass(frozen=True)
class Person:
    """Somebody who attended. Its `repr` shows neither name nor e-mail."""

    person_id: str
    email: str | None
    name: str

    def __repr__(self) -> str:
        """Show nothing personal."""
        return f"Person({self.person_id[:8]})"


def person_id(key: str, email: str | None, name: str | None, event_id: str, number: int = 1) -> str:
    """Return the lower-case hex HMAC-SHA-256 of the normal e-mail; without one, of event, normal name and number.

    The number distinguishes people of one name (or of none) in one event; number 1 is not part of what is hashed. That
    text begins with a NUL, which no normal e-mail does, so that the two kinds never collide.
    """
    email = normal_email(email)
    if email is None:
        return hashed(key, f"\0{event_id}\0{normal_name(name)}" + (f"\0{number}" if number > 1 else ""))
    return hashed(key, email)


@lru_cache(SEVERAL_TIMES)
def hashed(key: str, text: str) -> str:
    """Return the lower-case hex HMAC-SHA-256 of a text."""
    return hmac.digest(key.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hex()


def remember(connection: sa.Connection, company_id: str, seen: Iterable[tuple[Person, date]]) -> None:
    """Store each person's e-mail and the name of the latest day (of that day, the last in order).

    The result does not depend on the order in which days are refreshed.
    """
    latest: dict[str, tuple[date, str, Person]] = {}
    for person, day in seen:
        mark = (day, person.name, person)
        if person.person_id not in latest or mark[:2] > latest[person.person_id][:2]:
            latest[person.person_id] = mark
    rows = [
        {"company_id": company_id, "person_id": person.person_id, "email": person.email, "name": name, "named_on": day}
        for day, name, person in sorted(latest.values(), key=lambda mark: mark[2].person_id)
    ]
    bulk.upsert(connection, people, rows, where=_is_later, keep=("email",))


def _is_later(excluded: Any) -> Any:
    greater = ByCodePoint(excluded.name) > people.c.name
    same_day = (excluded.named_on == people.c.named_on) & greater
    return (excluded.named_on > people.c.named_on) | same_day
