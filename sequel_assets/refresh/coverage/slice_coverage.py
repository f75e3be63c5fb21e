"""Reading `refreshes`: what each slice of each dataset covers, as plain values for the pure decisions."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import CORE_NAMES, LANDED_NAMES
from sequel_assets.refresh.core.retention import unknown_days
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.stores.problems import ProblemKind
from sequel_assets.warehouse.tables.company_lists import LISTED_OF
from sequel_assets.warehouse.tables.core import NO_DAY, companies, event_participants, problems, refreshes

SliceCoverage = dict[str, dict[str, dict[date, Watermark]]]
"""dataset -> company id -> day -> what the slice covers."""
NOTHING = Watermark(None, None, False)


def read_slice_coverage(
    connection: sa.Connection,
    datasets: Sequence[str],
    company_ids: Sequence[str] | None = None,
    since: date | None = None,
) -> SliceCoverage:
    """Return the slices of datasets (of some companies, from a day on)."""
    r = refreshes.c
    chosen = [r.dataset.in_(list(datasets)), r.day != NO_DAY]
    if company_ids is not None:
        chosen.append(among(r.company_id, company_ids))
    if since is not None:
        chosen.append(r.day >= since)
    coverage: SliceCoverage = {dataset: {} for dataset in datasets}
    query = sa.select(r.dataset, r.company_id, r.day, r.data_through, r.full_through, r.is_final).where(*chosen)
    for dataset, company_id, day, data_through, full_through, is_final in connection.execute(query):
        coverage[dataset].setdefault(company_id, {})[day] = Watermark(data_through, full_through, is_final)
    return coverage


def landed_days(
    connection: sa.Connection,
    company_ids: Sequence[str],
    *,
    names: AbstractSet[str] = LANDED_NAMES,
    since: date | None = None,
) -> dict[str, dict[date, Watermark]]:
    """Return, by company, what each day (from one on) covers in every landed dataset (or the named ones): the least of them.

    Datasets that are unavailable at a company do not count there. A day with a standing problem counts as not
    requested in full, so that it is requested again; a final one only by a request.
    """
    coverage = read_slice_coverage(connection, sorted(names), company_ids, since)
    unavailable = availability.by_company(connection)
    p = problems.c
    query = sa.select(p.company_id, p.day, p.dataset, p.event_id, p.kind)
    standing: dict[tuple[str, date], list[Any]] = defaultdict(list)
    for row in connection.execute(query.where(among(p.company_id, company_ids), p.dataset.in_(names))):
        standing[row.company_id, row.day].append(row)
    found: dict[str, dict[date, Watermark]] = {}
    for company_id in company_ids:
        absent = unavailable.get(company_id, frozenset())
        of_each = {name: coverage[name].get(company_id, {}) for name in names - absent}
        days = {day for slices in of_each.values() for day in slices}
        found[company_id] = {
            day: _together(
                {name: slices.get(day, NOTHING) for name, slices in of_each.items()},
                standing.get((company_id, day), ()),
            )
            for day in days
        }
    return found


def _together(slices: dict[str, Watermark], standing: Sequence[Any]) -> Watermark:
    """Return the least of the slices of a day, of its minutes, and of its event details without quarantined ones.

    `standing` are the problems of the day. A slice with a request, final or not, covers nothing to the full.
    """
    for one in standing:
        if one.kind == ProblemKind.REQUEST and one.dataset in slices:
            slices[one.dataset] = replace(slices[one.dataset], full_through=None, is_final=False)
    quarantined = {one.dataset for one in standing if not one.event_id}
    details = [one for name, one in slices.items() if name not in CORE_NAMES | quarantined]
    minutes = _least([one for name, one in slices.items() if name in CORE_NAMES])
    if any(one.dataset in CORE_NAMES for one in standing):
        minutes = replace(minutes, full_through=None)
    all_of_it = _least(list(slices.values()))
    if standing:
        all_of_it = replace(all_of_it, full_through=None)
    of_details = _least(details) if details else None
    return replace(all_of_it, of_minutes=None if all_of_it == minutes else minutes, of_event_details=of_details)


def with_days_before(connection: sa.Connection, company_ids: Collection[str], day: date) -> frozenset[str]:
    """Return the companies of which a day before this one was landed, in any dataset."""
    r, c = refreshes.c, companies.c
    earlier = sa.exists().where(r.company_id == c.company_id, r.dataset.in_(LANDED_NAMES), r.day != NO_DAY, r.day < day)
    return frozenset(connection.scalars(sa.select(c.company_id).where(among(c.company_id, company_ids), earlier)))


def first_days(connection: sa.Connection) -> dict[str, date]:
    """Return, by company, the first day that was ever landed of it, in any dataset."""
    r = refreshes.c
    landed = (r.dataset.in_(LANDED_NAMES), r.day != NO_DAY)
    query = sa.select(r.company_id, sa.func.min(r.day)).where(*landed).group_by(r.company_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def landed_companies(connection: sa.Connection) -> frozenset[str]:
    """Return the companies that have any slice of a landed dataset."""
    r = refreshes.c
    query = sa.select(r.company_id).where(r.dataset.in_(LANDED_NAMES), r.day != NO_DAY).distinct()
    return frozenset(connection.scalars(query))


def read_unknown(connection: sa.Connection, frozen_before: Mapping[str, date], start: date) -> dict[str, list[date]]:
    """Return, by company that Sequel forgets days of, those that it forgot before they were known."""
    facts = read_slice_coverage(connection, [event_participants.name], list(frozen_before))[event_participants.name]
    return {
        company_id: unknown_days(facts.get(company_id, {}), start, first) for company_id, first in frozen_before.items()
    }


def troubled(connection: sa.Connection, company_ids: Collection[str]) -> frozenset[str]:
    """Return the companies of which a refresh left something undone: they are requested again within the hour."""
    return _with_problems(connection, company_ids, CORE_NAMES)


def owing_lists(connection: sa.Connection, company_ids: Collection[str]) -> frozenset[str]:
    """Return the companies of which a list that has no day could not be had, such as who registered."""
    return _with_problems(connection, company_ids, {table.name for table in LISTED_OF})


def _with_problems(
    connection: sa.Connection, company_ids: Collection[str], datasets: Collection[str]
) -> frozenset[str]:
    p = problems.c
    chosen = (among(p.company_id, company_ids), p.dataset.in_(datasets), p.day == NO_DAY)
    return frozenset(connection.scalars(sa.select(p.company_id).where(*chosen).distinct()))


def _least(slices: Sequence[Watermark]) -> Watermark:
    data = [each.data_through for each in slices if each.data_through is not None]
    full = [each.full_through for each in slices if each.full_through is not None]
    return Watermark(
        min(data) if len(data) == len(slices) else None,
        min(full) if len(full) == len(slices) else None,
        all(each.is_final for each in slices),
    )
