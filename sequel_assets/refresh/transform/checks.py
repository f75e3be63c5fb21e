"""Checks within the warehouse: facts come to the totals they were fetched with; no insight is behind its facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.transform.derive import wanted_slices
from sequel_assets.refresh.transform.rollup_plan import behind_rollups
from sequel_assets.refresh.transform.sources import together
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.stores.event_hosts import event_checksums
from sequel_assets.warehouse.tables.core import event_participants, proofs, refreshes
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets.warehouse.tables.event_details import activity_totals, event_activity
from sequel_assets.warehouse.tables.unlisted import unlisted_usage


@dataclass(frozen=True)
class Mismatch:
    """One event's day whose facts, or entries of activity, are not what Sequel expected for it."""

    company_id: str
    day: date
    event_id: str
    column: str
    found: int
    expected: int


MINUTES, USERS = ("live_minutes", "on_demand_minutes", "engaged_minutes"), ("live_users", "on_demand_users")


def unreconciled(connection: sa.Connection) -> list[Mismatch]:
    """Return each (company, day, event) whose sums are not the expected ones, in the order of the key.

    Minutes must be the same. There may be fewer people than users, where Sequel counts the spellings of one e-mail, or
    lists somebody with no minute; more there cannot be.
    """
    fact, proof, beyond = event_participants.c, proofs.c, unlisted_usage.c
    key, columns = ("company_id", "day", "event_id"), (*MINUTES, *USERS)
    people = [sa.case((fact[name] > 0, 1), else_=0) for name in MINUTES[:2]]
    found = [*(fact[name] for name in MINUTES), *people]
    both = sa.union_all(
        sa.select(
            *(fact[k] for k in key),
            *(value.label(c) for c, value in zip(columns, found, strict=True)),
            *(sa.literal(0).label(f"expected_{c}") for c in columns),
        ),
        sa.select(*(beyond[k] for k in key), *(beyond[c] for c in columns), *(sa.literal(0) for _ in columns)),
        sa.select(*(proof[k] for k in key), *(sa.literal(0) for _ in columns), *(proof[c] for c in columns)),
    ).subquery()
    sums = [sa.func.sum(both.c[c]).label(c) for c in columns] + [
        sa.func.sum(both.c[f"expected_{c}"]).label(f"expected_{c}") for c in columns
    ]
    grouped = sa.select(*(both.c[k] for k in key), *sums).group_by(*(both.c[k] for k in key)).subquery()
    wrong = (
        sa.select(grouped)
        .where(
            sa.or_(
                *(grouped.c[c] != grouped.c[f"expected_{c}"] for c in MINUTES),
                *(grouped.c[c] > grouped.c[f"expected_{c}"] for c in USERS),
            )
        )
        .order_by(*(grouped.c[k] for k in key))
    )
    return [
        Mismatch(row.company_id, row.day, row.event_id, column, found, expected)
        for row in connection.execute(wrong)
        for column in columns
        for found, expected in [(int(row._mapping[column]), int(row._mapping[f"expected_{column}"]))]
        if found > expected or (found < expected and column in MINUTES)
    ]


def incomplete_activity(connection: sa.Connection) -> list[Mismatch]:
    """Return each event whose entries of activity are not as many as its `totalCount`, in the order of the key."""
    a, t = event_activity.c, activity_totals.c
    sums = sa.select(a.company_id, a.day, a.event_id, a.entries.label("found"), sa.literal(0).label("expected"))
    totals = sa.select(t.company_id, t.day, t.event_id, sa.literal(0), t.total_count)
    both = sa.union_all(sums, totals).subquery().c
    key = (both.company_id, both.day, both.event_id)
    found, expected = sa.func.sum(both.found), sa.func.sum(both.expected)
    query = sa.select(*key, found, expected).group_by(*key).having(found != expected).order_by(*key)
    return [
        Mismatch(company, day, event, a.entries.name, int(has), int(owes))
        for company, day, event, has, owes in connection.execute(query)
    ]


def behind_facts(
    connection: sa.Connection, insight: Insight, start: date, frozen_before: Mapping[str, date]
) -> list[tuple[str, date]]:
    """Return (company, day) of each slice of an insight whose facts have changed since, or that is missing."""
    if insight.with_descendants:
        return behind_rollups(connection)
    names: Sequence[str] = (insight.name, *insight.inputs)
    absent = availability.by_company(connection)
    plans = event_checksums(connection)
    stored: dict[str, dict[str, dict[date, sa.Row[tuple[object, ...]]]]] = {}
    for row in connection.execute(
        sa.select(refreshes).where(refreshes.c.dataset.in_(names)).order_by(refreshes.c.company_id, refreshes.c.day)
    ):
        stored.setdefault(row.company_id, {name: {} for name in names})[row.dataset][row.day] = row
    behind = []
    for company_id, by_dataset in stored.items():
        frozen = frozen_before.get(company_id, NONE_FROZEN)
        of_company = {name: each.get(company_id, {}) for name, each in plans.items()}
        facts = together(insight, by_dataset, absent.get(company_id, ()), of_company)
        wanted, _ = wanted_slices(insight, facts, start, frozen)
        have = by_dataset[insight.name]
        behind += [
            (company_id, day)
            for day, want in wanted.items()
            if (day in have and have[day].input_checksum != want.input_checksum)
            or (day not in have and want.is_owed(insight))
        ]
    return behind
