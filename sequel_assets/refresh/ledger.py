"""Reading `refreshes`: what each slice of each dataset covers, as plain values for the pure decisions."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse.tables import NO_DAY, refreshes

from .freshness import Held

Ledger = dict[str, dict[str, dict[date, Held]]]
"""dataset -> company id -> day -> what the slice covers."""


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
