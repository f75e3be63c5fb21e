"""What can be checked within the warehouse: do the facts come to the totals they were fetched with, is an insight behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sequel_assets.warehouse.dataset import Insight
from sequel_assets.warehouse.tables import (
    event_participants,
    proofs,
    refreshes,
)

from .derive import wanted_slices


@dataclass(frozen=True)
class Mismatch:
    """One event's day whose facts are not what Sequel promised for it."""

    company_id: str
    day: date
    event_id: str
    column: str
    found: int
    promised: int


def not_conserved(connection: sa.Connection) -> list[Mismatch]:
    """Return each (company, day, event) whose sums of minutes are not the promised ones, in the order of the key."""
    fact, proof = event_participants.c, proofs.c
    key = ("company_id", "day", "event_id")
    columns = ("live_minutes", "on_demand_minutes", "engaged_minutes")
    both = sa.union_all(
        sa.select(
            *(fact[k] for k in key),
            *(fact[c].label(c) for c in columns),
            *(sa.literal(0).label(f"promised_{c}") for c in columns),
        ),
        sa.select(*(proof[k] for k in key), *(sa.literal(0) for _ in columns), *(proof[c] for c in columns)),
    ).subquery()
    sums = [sa.func.sum(both.c[c]).label(c) for c in columns] + [
        sa.func.sum(both.c[f"promised_{c}"]).label(f"promised_{c}") for c in columns
    ]
    grouped = sa.select(*(both.c[k] for k in key), *sums).group_by(*(both.c[k] for k in key)).subquery()
    wrong = (
        sa.select(grouped)
        .where(sa.or_(*(grouped.c[c] != grouped.c[f"promised_{c}"] for c in columns)))
        .order_by(*(grouped.c[k] for k in key))
    )
    return [
        Mismatch(
            row.company_id,
            row.day,
            row.event_id,
            column,
            int(row._mapping[column]),
            int(row._mapping[f"promised_{column}"]),
        )
        for row in connection.execute(wrong)
        for column in columns
        if row._mapping[column] != row._mapping[f"promised_{column}"]
    ]


def behind_facts(connection: sa.Connection, insight: Insight, start: date) -> list[tuple[str, date]]:
    """Return (company, day) of each slice of an insight that was derived from facts that have changed since, or is missing."""
    names: Sequence[str] = (insight.name, insight.source_dataset)
    stored: dict[str, dict[str, dict[date, sa.Row[tuple[object, ...]]]]] = {}
    for row in connection.execute(
        sa.select(refreshes).where(refreshes.c.dataset.in_(names)).order_by(refreshes.c.company_id, refreshes.c.day)
    ):
        stored.setdefault(row.company_id, {name: {} for name in names})[row.dataset][row.day] = row
    behind = []
    for company_id, by_dataset in stored.items():
        wanted, _ = wanted_slices(insight, by_dataset[insight.source_dataset], start)
        have = by_dataset[insight.name]
        behind += [
            (company_id, day)
            for day, want in wanted.items()
            if day not in have or have[day].input_checksum != want.input_checksum
        ]
    return behind
