"""Who a person is: one rule from e-mail and name to `person_id`, and the table that remembers both."""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from . import bulk
from .tables import people
from .types import ByCodePoint


def normal_email(email: str | None) -> str | None:
    """Return an e-mail trimmed, in NFC and lower-cased, nothing more; None where there is none."""
    return unicodedata.normalize("NFC", (email or "").strip()).lower() or None


@dataclass(frozen=True)
class Person:
    """Somebody who attended, as the warehouse knows them. Its `repr` keeps name and e-mail to itself."""

    person_id: str
    email: str | None
    name: str

    def __repr__(self) -> str:
        """Show nothing personal."""
        return f"Person({self.person_id[:8]})"


def person_id(key: str, email: str | None, name: str, event_id: str) -> str:
    """Return the lower-case hex HMAC-SHA-256 of the normal e-mail; without one, of event and name (trimmed, lower-cased).

    The name's form begins with a NUL, which no e-mail holds, so that the two kinds never meet.
    """
    normal = normal_email(email)
    text = normal if normal is not None else f"\0{event_id}\0{name.strip().lower()}"
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def remember(connection: sa.Connection, company_id: str, seen: Iterable[tuple[Person, date]]) -> None:
    """Keep each person's e-mail and the name of the latest day (of that day, the last in order).

    The outcome does not depend on the order in which days are refreshed.
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
