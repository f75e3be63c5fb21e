"""Links people to your own ids: validates a list of links, and writes it to `people.external_id`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.stores.people import normal_email, person_id
from sequel_assets.warehouse.tables.core import people

LONGEST_ID, LONGEST_EMAIL = 200, 1_000
AT_ONCE = 5_000
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, repr=False)
class LinkEntry:
    """One line of a list as given, or why it cannot be read."""

    place: int
    email: str = ""
    person_id: str = ""
    external_id: str = ""
    wrong: str = ""


@dataclass(frozen=True)
class Links:
    """The content of a list: an external id for each person, and by line why a line is refused."""

    external_ids: Mapping[str, str]
    wrong: Mapping[int, str]


@dataclass(frozen=True)
class Linked:
    """The result of writing the links of a company."""

    people: frozenset[str]
    """The people of the company who are linked now."""
    changed: int
    """How many of them were not linked before, or to another id."""


def read_links(entries: Iterable[LinkEntry], key: str) -> Links:
    """Return the links of a list; `key` is the one that people are hashed with. No reason quotes a line."""
    external_ids: dict[str, str] = {}
    wrong: dict[int, str] = {}
    for entry in entries:
        reason = entry.wrong or _wrong_id(entry.external_id)
        person = "" if reason else _person(entry, key)
        if not reason and not _HASH.fullmatch(person):
            reason = person
        elif not reason and external_ids.setdefault(person, entry.external_id.strip()) != entry.external_id.strip():
            reason = "its person stands further up with another external_id"
        if reason:
            wrong[entry.place] = reason
    return Links(external_ids, wrong)


def _wrong_id(external_id: str) -> str:
    text = external_id.strip()
    if not text:
        return "external_id is empty"
    if len(text) > LONGEST_ID:
        return f"external_id is longer than {LONGEST_ID} characters"
    return "" if text.isprintable() else "external_id holds characters that cannot be printed"


def _person(entry: LinkEntry, key: str) -> str:
    """Return the person's id, or why there is none."""
    if len(entry.email.strip()) > LONGEST_EMAIL:
        return f"its e-mail is longer than {LONGEST_EMAIL:,} characters"
    given, email = entry.person_id.strip().lower(), normal_email(entry.email)
    if given and not _HASH.fullmatch(given):
        return "person_id is not 64 hexadecimal digits, as in the table people"
    if email is None:
        return given or "it has neither e-mail nor person_id"
    hashed = person_id(key, email, "", "")
    return hashed if given in ("", hashed) else "e-mail and person_id are not the same person"


def write_links(
    connection: sa.Connection, company_id: str, external_ids: Mapping[str, str], *, is_dry: bool = False
) -> Linked:
    """Link the people of a company who are in the list; equal links are not written."""
    p = people.c
    query = sa.select(p.person_id, p.external_id).where(p.company_id == company_id)
    known, changes = set(), []
    for person, before in connection.execute(query.execution_options(yield_per=AT_ONCE)):
        external_id = external_ids.get(person)
        if external_id is not None:
            known.add(person)
            if external_id != before:
                changes.append({"person": person, "external": external_id})
    if not is_dry:
        update = people.update().values(external_id=sa.bindparam("external"))
        update = update.where(p.company_id == company_id, p.person_id == sa.bindparam("person"))
        for some in _so_many(changes):
            connection.execute(update, some)
    return Linked(frozenset(known), len(changes))


def _so_many(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        yield some
