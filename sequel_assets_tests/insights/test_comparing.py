"""`query compare`: what is stored where nothing is filtered, and what sets of people say of any filter and tree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.insights.periods import PERIODS, Days
from sequel_assets.insights.ranges import ENGAGEMENT_TYPES, EVENT_TYPES, Scope
from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.queries.range_answers import comparison
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets_tests.insights.test_companies import DAYS, FEW, TODAY, TREES, facts, land
from sequel_assets_tests.insights.test_ranges import OF, chosen
from sequel_assets_tests.support.harness import failures, platform
from sequel_assets_tests.support.reference import companies as oracle
from sequel_assets_tests.support.rows import AT

SPEC = WorldSpec(seed=7, companies=3, days=6, people=6, now=datetime(2026, 11, 23, 15, 7, tzinfo=UTC))


def compared(connection: sa.Connection, scope: Scope, start: date) -> list[Row]:
    """All 16 rows as of the scope's day, sorted, without the company."""
    found = []
    for period in PERIODS:
        columns, rows, _ = comparison(connection, scope, period, start)
        assert [column.name for column in columns] == usage_comparison.columns.keys()[1:]
        found += [tuple(row) for row in rows]
    return sorted(found)


@pytest.mark.alternating
def test_unfiltered_it_says_what_is_stored(warehouse: Warehouse) -> None:
    """Of every company, on the last days that have closed."""
    days = days_between(SPEC.first_day, SPEC.last_day)
    with platform(build_world(SPEC), warehouse, start=SPEC.first_day) as it:
        assert failures(it.refresh(days)) == []
    with warehouse.read() as connection:
        stored: dict[tuple[str, date], list[Row]] = {}
        of_late = sa.select(usage_comparison).where(usage_comparison.c.day >= days[-4])
        for company_id, *rest in connection.execute(of_late):
            stored.setdefault((company_id, rest[0]), []).append(tuple(rest))
        assert len(stored) >= 3 * 3
        for (company_id, day), rows in stored.items():
            assert compared(connection, Scope(company_id, Days(day, day)), SPEC.first_day) == sorted(rows)


@pytest.mark.alternating
@FEW
@given(
    facts(of=OF), TREES, st.sampled_from(OF), st.booleans(), st.sampled_from(EVENT_TYPES), st.sampled_from(ENGAGEMENT_TYPES),
    st.sampled_from(DAYS[:3] + DAYS[-40:]), st.sampled_from(DAYS[-20:]),
)  # fmt: skip
def test_of_any_filter_and_tree_it_is_what_sets_of_people_say(
    warehouse: Warehouse, rows: list[Row], moves: Mapping[str, list[tuple[date, str]]], of: str, is_tree: bool,
    event_type: str, engagement_type: str, start: date, not_closed: date,
) -> None:  # fmt: skip
    """With a history that begins late, a day that has not closed, and companies that move."""
    parents: dict[str, list[tuple[date, str | None]]] = {name: sorted(stood) for name, stood in moves.items()}  # type: ignore[misc]
    parents["root"] = [(DAYS[0], None)]
    landed = sorted({not_closed, *(row[1] for row in rows)})
    land(warehouse, rows, of=OF, days=landed, not_closed=[not_closed])
    with warehouse.write() as connection:
        idle = [(name, day) for name in OF for day in DAYS if day not in landed]
        bulk.insert(
            connection,
            refreshes,
            [
                (name, event_participants.name, day, AT, day_end(day), day_end(day), True, 0, "none", None, None, None)
                for name, day in idle
            ],
        )
        stood = [(name, *one) for name, all_of in parents.items() for one in all_of]
        bulk.insert(connection, company_parents, stood)
    members = {day: oracle.descendants(parents, of, day) if is_tree else {of} for day in DAYS}
    here = [row for row in chosen(rows, event_type, engagement_type) if row[0] in members[row[1]]]
    scope = Scope(of, Days(TODAY, TODAY), is_tree, event_type, engagement_type)
    expected = [row[1:] for row in oracle.comparison(of, here, TODAY, start, {*DAYS} - {not_closed})]
    with warehouse.read() as connection:
        assert compared(connection, scope, start) == sorted(expected)
