"""Upgrades a warehouse that an older release filled: verifies its key and rewrites person ids by today's rule.

By rule 1 names had no normal form, people of one name in an event were one, and somebody with neither name nor e-mail
had another id in each table. What follows from the stored rows is rewritten, in one transaction and without losing a
minute. People who share one row stay so, and a problem requests a refresh of that slice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.identity.identity import IdentityError
from sequel_assets.warehouse.identity.merged_people import note_merged
from sequel_assets.warehouse.slices.replacement import sum_up
from sequel_assets.warehouse.stores.catalog import WITH_PEOPLE
from sequel_assets.warehouse.stores.people import hashed, normal_email, normal_name, person_id
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, people

REPLACED = "\ufffd"
"""Replaces characters that no database stores: a text that contains it is not the one that was hashed."""


@dataclass
class _Company:
    """The people of one company as they are stored, and how they change."""

    key: str
    company_id: str
    known: dict[str, Any]
    """Id -> the row of `people`."""
    emails: dict[str, str] = field(default_factory=dict)
    """Id by rule 1 -> id by today's, of those whose e-mail makes another one."""
    gone: set[str] = field(default_factory=set)
    came: dict[str, dict[str, Any]] = field(default_factory=dict)
    touched: set[tuple[sa.Table, date]] = field(default_factory=set)
    left: set[tuple[str, date, str]] = field(default_factory=set)
    """(dataset, day, event) with rows of one person under both ids: no row is merged, so it has to be refreshed."""
    unverified: int = 0
    verified: int = 0

    def name(self, person: str) -> str | None:
        """Return the name of somebody without an e-mail (empty: rule 1 stored none); None of somebody who has one."""
        row = self.known.get(person)
        return "" if row is None else row.name if row.email is None else None

    def moves(self, old: str, new: str, name: str, day: date) -> None:
        """Note which id somebody without an e-mail has from now on, who was seen on a day."""
        row = self.known.get(old)
        if row is None:  # people without e-mail and name have no row in `people`
            return
        if old != new:
            self.gone.add(old)
        else:
            day = max(day, row.named_on)
        before = self.came.get(new)
        if before is None or (before["named_on"], before["name"]) < (day, name):
            self.came[new] = {
                "company_id": self.company_id,
                "person_id": new,
                "email": None,
                "name": name,
                "external_id": row.external_id or (before or {}).get("external_id"),
                "named_on": day,
            }


def adopt(connection: sa.Connection, key: str, at: datetime) -> None:
    """Verify that the people of a warehouse of rule 1 were hashed with a key, and rewrite their ids by today's rule.

    `IdentityError` where the stored e-mails (or, where there are none, the names) do not hash to the stored ids.
    """
    for company_id in sorted(connection.scalars(sa.select(people.c.company_id).distinct())):
        rows = connection.execute(sa.select(people).where(people.c.company_id == company_id))
        company = _Company(key, company_id, {row.person_id: row for row in rows})
        _verify_emails(company)
        for table in WITH_PEOPLE:
            _of_names(connection, company, table)
        if company.unverified and not company.verified:
            raise _other_key(f"none of the {company.unverified} ids without an e-mail of company {company_id}")
        _of_emails(connection, company)
        _people(connection, company)
        for table, day in sorted(company.touched, key=lambda one: (one[0].name, one[1])):
            sum_up(connection, company_id, table, day)
        note_merged(connection, company_id, at=at, also=company.left)


def _verify_emails(company: _Company) -> None:
    wrong = 0
    for person, row in company.known.items():
        if row.email is None or REPLACED in row.email:
            continue
        new = hashed(company.key, normal_email(row.email) or "")
        if person not in (new, hashed(company.key, row.email)):
            wrong += 1
            continue
        company.verified += 1
        if new != person:
            company.emails[person] = new
        elif normal_email(row.email) != row.email:  # ids were made of the normal form, but the stored e-mail was not
            company.came[person] = {**row._mapping, "email": normal_email(row.email)}
    if wrong:
        raise _other_key(f"{wrong} of {wrong + company.verified} e-mails of company {company.company_id}")


def _other_key(what: str) -> IdentityError:
    return IdentityError(
        f"SEQUEL_PERSON_KEY is not the key that this warehouse was made with: {what} do not hash to the stored ids, "
        "and with another key every person would get another id; nothing was written; set the key that it was made with, "
        "or fill a new warehouse (SEQUEL_WAREHOUSE_URL)"
    )


def _of_names(connection: sa.Connection, company: _Company, table: sa.Table) -> None:
    """Give those without an e-mail the ids of today's rule, in one table."""
    groups: dict[tuple[Any, ...], list[tuple[str, Any]]] = defaultdict(list)
    for row in _unnamed_rows(connection, company.company_id, table):
        name = company.name(row.person_id)
        if name is not None and _is_of_rule_1(company, row, name):
            where = row.day if "day" in table.columns else NO_DAY
            groups[where, row.event_id, normal_name(name)].append((name, row))
    old_rows: list[Row] = []
    new_rows: list[Row] = []
    place = table.columns.keys().index("person_id")
    for (day, event_id, normal), members in groups.items():
        first = person_id(company.key, None, normal, event_id)
        numbers = _numbers(table, members, first)
        for name, row in members:
            new = person_id(company.key, None, normal, event_id, numbers[row])
            company.moves(row.person_id, new, name, day)
            if new != row.person_id:
                old_rows.append(tuple(row))
                new_rows.append((*row[:place], new, *row[place + 1 :]))
                company.touched.add((table, day))
    bulk.delete(connection, table, old_rows)
    bulk.insert(connection, table, new_rows)


def _unnamed_rows(connection: sa.Connection, company_id: str, table: sa.Table) -> Iterator[Any]:
    """Yield the rows of those who have no e-mail, or no row in `people`."""
    t, p = table.c, people.c
    beside = sa.and_(p.company_id == t.company_id, p.person_id == t.person_id)
    query = sa.select(table).select_from(table.outerjoin(people, beside))
    chosen = (t.company_id == company_id, t.person_id.is_not(None), p.email.is_(None))
    yield from connection.execute(query.where(*chosen).order_by(*table.primary_key.columns)).all()


def _is_of_rule_1(company: _Company, row: Any, name: str) -> bool:
    """Say whether rule 1 makes this id of the stored name; true for people without a row in `people`."""
    if row.person_id not in company.known:
        return True
    if REPLACED in name:
        return False
    is_so: bool = hashed(company.key, f"\0{row.event_id}\0{name.lower()}") == row.person_id
    company.verified, company.unverified = company.verified + is_so, company.unverified + (not is_so)
    return is_so


def _numbers(table: sa.Table, members: Iterable[tuple[str, Any]], first: str) -> dict[Any, int]:
    """Return the number of each row among the people of one name: in the facts by minutes, as in a refresh.

    In lists with a row per person, whoever has the first one's id keeps it. In others, such as a chat, all are number
    1: nothing says which of them wrote a row.
    """
    rows = [row for _, row in members]
    if table.c.person_id not in list(table.primary_key.columns):
        return dict.fromkeys(rows, 1)
    minutes = dict.fromkeys(rows, (0, 0, 0))
    if table is event_participants:
        minutes = {row: (-row.engaged_minutes, -row.live_minutes, -row.on_demand_minutes) for row in rows}
    order = sorted(rows, key=lambda row: (minutes[row], row.person_id != first, row.person_id))
    return {row: number for number, row in enumerate(order, start=1)}


def _of_emails(connection: sa.Connection, company: _Company) -> None:
    """Write the new id of those whose e-mail makes another one now; a row beside one that has it already stays."""
    for old, new in sorted(company.emails.items()):
        is_left = False
        for table in WITH_PEOPLE:
            place = table.columns.keys().index("person_id")
            here = (table.c.company_id == company.company_id, table.c.person_id == old)
            for row in connection.execute(sa.select(table).where(*here)).all():
                moved = (*row[:place], new, *row[place + 1 :])
                day = row.day if "day" in table.columns else NO_DAY
                key = [(column, moved[table.columns.keys().index(column.name)]) for column in table.primary_key.columns]
                taken = sa.select(sa.literal(1)).select_from(table).where(*(column == value for column, value in key))
                if table.c.person_id in list(table.primary_key.columns) and connection.scalar(taken) is not None:
                    is_left = True
                    company.left.add((table.name, day, row.event_id))
                    continue
                bulk.delete(connection, table, [tuple(row)])
                bulk.insert(connection, table, [moved])
                company.touched.add((table, day))
        row = company.known[old]
        if not is_left:
            company.gone.add(old)
        if new not in company.known and new not in company.came:
            company.came[new] = {**row._mapping, "person_id": new, "email": normal_email(row.email)}


def _people(connection: sa.Connection, company: _Company) -> None:
    """Delete from `people` the ids that are not used any more, and insert the new ones."""
    p = people.c
    for person in sorted(company.gone - company.came.keys()):
        connection.execute(people.delete().where(p.company_id == company.company_id, p.person_id == person))
    changed = [row for person, row in sorted(company.came.items()) if _differs(company.known.get(person), row)]
    bulk.upsert(connection, people, changed)


def _differs(before: Any, now: Mapping[str, Any]) -> bool:
    return before is None or dict(before._mapping) != dict(now)
