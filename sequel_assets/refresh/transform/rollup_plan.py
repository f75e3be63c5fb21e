"""What a roll-up should be: which sub-companies a company has on a day, and whether all have their facts.

The decisions are pure; below them stands what they read.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import case, func, select

from sequel_assets.insights.company_hierarchy import Parents, members_on, parents_of
from sequel_assets.insights.company_rollup import COMPANY_ROLLUP, company_rollup
from sequel_assets.refresh.core.retention import is_closed
from sequel_assets.refresh.transform.derive import WantedSlice
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores.problems import with_unknown_children
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import NO_DAY, companies, refreshes

SOURCES = COMPANY_ROLLUP.sources
Slices = Mapping[tuple[str, str, date], Any]
"""(company id, dataset, day) -> its row in `refreshes`."""
Key = tuple[str, date]
"""Company id and day."""


@dataclass(frozen=True)
class Hierarchies:
    """Which company has which sub-companies, and since when a company is gone at Sequel."""

    parents: Parents
    gone_on: Mapping[str, date | None]
    unread: frozenset[str] = frozenset()
    """Companies whose sub-companies were never listed."""

    def only(self, members: Collection[str]) -> "Hierarchies":
        """Return the same without the other companies."""
        return Hierarchies(self.parents, {member: self.gone_on[member] for member in members}, self.unread)

    def members_on(self, day: date) -> dict[str, list[str]]:
        """Return of each company itself and all its sub-companies that day."""
        return members_on(self.parents, self.gone_on, day)


def wanted_rollups(
    hierarchies: Hierarchies, slices: Slices, days: Iterable[date]
) -> tuple[dict[Key, WantedSlice], dict[Key, str]]:
    """Return what each company's roll-up of these days should be; of those that must wait which company is missing.

    A company that was gone that day and has no slice of it is not waited for; one that is `unread` is. Pure.
    """
    wanted: dict[Key, WantedSlice] = {}
    waiting: dict[Key, str] = {}
    for day in days:
        of_company = {company_id: _own(hierarchies, slices, company_id, day) for company_id in hierarchies.gone_on}
        for company_id, members in hierarchies.members_on(day).items():
            itself_first = sorted(members, key=lambda member: (member != company_id, member))
            members_with_rows = [(member, *of_company[member]) for member in itself_first]
            unread = next((member for member in itself_first if member in hierarchies.unread), None)
            missing = unread or next(
                (member for member, rows, is_owed in members_with_rows if is_owed and not rows), None
            )
            rows = [row for _, own, _ in members_with_rows for row in own]
            if missing is not None:
                waiting[company_id, day] = missing
            elif rows:
                wanted[company_id, day] = _together(rows)
    return wanted, waiting


def _own(hierarchies: Hierarchies, slices: Slices, company_id: str, day: date) -> tuple[list[Any], bool]:
    """Return a company's own slices of a day, all or none, and whether it owes them."""
    rows = [slices.get((company_id, dataset, day)) for dataset in SOURCES]
    gone_on = hierarchies.gone_on[company_id]
    if all(row is not None and row.data_through is not None for row in rows):
        return rows, True
    return [], gone_on is None or day < gone_on


def _together(rows: list[Any]) -> WantedSlice:
    checksums = "".join(f"{row.company_id} {row.dataset} {row.checksum}\n" for row in rows)
    full = [row.full_through for row in rows]
    return WantedSlice(
        # the hour that the rows cover is part of what they are made from
        hashlib.sha256(f"{checksums}{min(row.data_through for row in rows).isoformat()}".encode()).hexdigest(),
        min(row.data_through for row in rows),
        None if None in full else min(full),
        all(is_closed(row.day, row) for row in rows),
        None not in full,
    )


def is_behind(slices: Slices, key: Key, want: WantedSlice) -> bool:
    """Say whether a roll-up is missing, or made from other facts, or covers another hour."""
    have = slices.get((key[0], company_rollup.name, key[1]))
    return have is None or (have.input_checksum, have.full_through) != (want.input_checksum, want.full_through)


def behind_rollups(connection: sa.Connection) -> list[tuple[str, date]]:
    """Return (company, day) of each roll-up that is behind its facts, or missing though all facts are there."""
    r = refreshes.c
    query = select(r.day).where(r.dataset == SOURCES[0], r.day != NO_DAY).distinct().order_by(r.day)
    hierarchies, days = read_hierarchies(connection), list(connection.scalars(query))
    found = []
    for n in range(0, len(days), 31):  # a month at a time: thousands of companies have many slices
        slices = read_slices(connection, days[n : n + 31])
        wanted, _ = wanted_rollups(hierarchies, slices, days[n : n + 31])
        found += [
            key
            for key, want in wanted.items()
            if (want.is_closed and is_behind(slices, key, want))
            or (want.is_owed(COMPANY_ROLLUP) and (key[0], company_rollup.name, key[1]) not in slices)
        ]
    return sorted(found)


def read_hierarchies(connection: sa.Connection) -> Hierarchies:
    """Return where every company stands and stood."""
    p, c = company_parents.c, companies.c
    rows = [tuple(row) for row in connection.execute(select(p.company_id, p.from_day, p.parent_company_id))]
    gone = {
        row.company_id: row.gone_at.date() if row.gone_at else None
        for row in connection.execute(select(c.company_id, c.gone_at))
    }
    return Hierarchies(parents_of(rows), gone, with_unknown_children(connection))


def read_slices(
    connection: sa.Connection, days: Collection[date], company_ids: Collection[str] | None = None
) -> Slices:
    """Return the bookkeeping of facts and roll-ups of these days."""
    if not days:
        return {}
    r, names = refreshes.c, (*SOURCES, company_rollup.name)
    columns = (r.company_id, r.dataset, r.day, r.data_through, r.full_through, r.is_final, r.checksum, r.input_checksum)
    chosen: list[sa.ColumnElement[bool]] = [r.dataset.in_(names), r.day.between(min(days), max(days))]
    if company_ids is not None:
        chosen.append(among(r.company_id, company_ids))
    wanted = set(days)
    rows = connection.execute(select(*columns).where(*chosen))
    return {(row.company_id, row.dataset, row.day): row for row in rows if row.day in wanted}


def days_behind(connection: sa.Connection) -> list[date]:
    """Return the days with facts that were refreshed after a roll-up, or with fewer roll-ups than facts."""
    r = refreshes.c
    is_fact, is_rollup = r.dataset == SOURCES[0], r.dataset == company_rollup.name
    newest = func.max(case((is_rollup, None), else_=r.refreshed_at))
    oldest = func.min(case((is_rollup, r.refreshed_at), else_=None))
    query = (
        select(r.day)
        .where(r.dataset.in_((*SOURCES, company_rollup.name)), r.day != NO_DAY)
        .group_by(r.day)
        .having(sa.or_(
            func.sum(case((is_fact, 1), else_=0)) > func.sum(case((is_rollup, 1), else_=0)), newest > oldest
        ))
    )  # fmt: skip
    return list(connection.scalars(query))
