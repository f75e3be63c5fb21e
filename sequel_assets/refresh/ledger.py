"""Reading `refreshes`: what each slice of each dataset covers, as plain values for the pure decisions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse.tables import NO_DAY, problems, refreshes

from .datasets import LANDED_NAMES, SLICED
from .freshness import Held
from .outcomes import Outcome, Verdict

Ledger = dict[str, dict[str, dict[date, Held]]]
"""dataset -> company id -> day -> what the slice covers."""
NOTHING = Held(None, None, False)


def read_ledger(connection: sa.Connection, datasets: Sequence[str], company_ids: Sequence[str] | None = None) -> Ledger:
    """Return the slices of datasets (of some companies)."""
    r = refreshes.c
    chosen = [r.dataset.in_(list(datasets)), r.day != NO_DAY]
    if company_ids is not None:
        chosen.append(r.company_id.in_(list(company_ids)))
    ledger: Ledger = {dataset: {} for dataset in datasets}
    query = sa.select(r.dataset, r.company_id, r.day, r.data_through, r.full_through, r.is_final).where(*chosen)
    for dataset, company_id, day, data_through, full_through, is_final in connection.execute(query):
        ledger[dataset].setdefault(company_id, {})[day] = Held(data_through, full_through, is_final)
    return ledger


def landed_days(connection: sa.Connection, company_ids: Sequence[str]) -> dict[str, dict[date, Held]]:
    """Return, by company, what each day covers in every landed dataset: the least of them.

    A day with a standing problem counts as not wholly asked, so that it is asked again.
    """
    ledger = read_ledger(connection, sorted(LANDED_NAMES), company_ids)
    found: dict[str, dict[date, Held]] = {}
    for company_id in company_ids:
        each = [ledger[name].get(company_id, {}) for name in LANDED_NAMES]
        days = {day for slices in each for day in slices}
        found[company_id] = {day: _least([slices.get(day, NOTHING) for slices in each]) for day in days}
    p = problems.c
    standing = sa.select(p.company_id, p.day).where(p.company_id.in_(list(company_ids)), p.dataset.in_(LANDED_NAMES))
    for company_id, day in connection.execute(standing):
        if day in found[company_id]:
            found[company_id][day] = replace(found[company_id][day], full_through=None)
    return found


def troubled(connection: sa.Connection, company_ids: Collection[str]) -> frozenset[str]:
    """Return the companies of which a refresh left something undone: they are asked again within the hour."""
    p = problems.c
    chosen = (p.company_id.in_(list(company_ids)), p.dataset.in_(LANDED_NAMES), p.day == NO_DAY)
    return frozenset(connection.scalars(sa.select(p.company_id).where(*chosen).distinct()))


def kept_outcomes(connection: sa.Connection, days_by_company: Mapping[str, Collection[date]]) -> Iterator[Outcome]:
    """Yield an outcome for each stored slice of days that were not asked for, because they need not be."""
    r = refreshes.c
    names = [dataset.name for dataset in SLICED]
    columns = (r.company_id, r.dataset, r.day, r.rows, r.data_through, r.is_final)
    for company_id, days in days_by_company.items():
        if days:
            chosen = (r.company_id == company_id, r.dataset.in_(names), r.day.between(min(days), max(days)))
            for row in connection.execute(sa.select(*columns).where(*chosen).order_by(r.day, r.dataset)):
                if row.day in days and row.data_through is not None:
                    yield Outcome(
                        company_id,
                        row.dataset,
                        row.day,
                        Verdict.UNCHANGED,
                        rows=row.rows,
                        data_through=row.data_through,
                        is_final=row.is_final,
                    )


def _least(slices: Sequence[Held]) -> Held:
    data = [held.data_through for held in slices if held.data_through is not None]
    full = [held.full_through for held in slices if held.full_through is not None]
    return Held(
        min(data) if len(data) == len(slices) else None,
        min(full) if len(full) == len(slices) else None,
        all(held.is_final for held in slices),
    )
