"""Going on from the day before gives the same rows and checksums as counting from the start, and only from a day that is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from sequel_assets.insights import INSIGHTS
from sequel_assets.insights.lifetime_usage import LIFETIME_USAGE, lifetime_usage
from sequel_assets.refresh.transform.derive import derive
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.checksums import checksum_of
from sequel_assets.warehouse.slices.replacement import sum_up
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.refresh.transform.derived import MOMENT
from sequel_assets_tests.support.reference.histories import AS_OF, HISTORIES, LAST, Landing, SliceIsLost, Step, begin
from sequel_assets_tests.support.rows import ACME, DAY, day, table_of
from sequel_assets_tests.support.suite.scale import scaled


def derive_all(warehouse: Warehouse) -> None:
    derive(warehouse, ACME, [], start=DAY, run_info=MOMENT)


def compare(warehouse: Warehouse, insights: Sequence[Insight]) -> int:
    """Compare each stored day with the SELECT over the entire history, and with its checksum; return the rows."""
    compared = 0
    with warehouse.read() as connection:
        for insight in insights:
            r, place = refreshes.c, insight.table.columns.keys().index("day")
            query = sa.select(r.day, r.checksum).where(r.dataset == insight.name)
            kept = {row.day: row.checksum for row in connection.execute(query)}
            selected = connection.execute(insight.select(ACME, DAY, day(LAST), DAY))
            full = sorted((tuple(row) for row in selected if row[place] in kept), key=repr)
            stored = sorted(table_of(warehouse, insight.table), key=repr)
            assert stored == full, insight.name
            sums = {on: checksum_of(insight.table, [row for row in full if row[place] == on]) for on in kept}
            assert sums == kept, insight.name
            compared += len(stored)
    return compared


def live_through(warehouse: Warehouse, history: tuple[list[int], list[Step]], insights: Sequence[Insight]) -> None:
    """Land each day, then take the steps, deriving after each; in between a day of the past may be missing."""
    begin(warehouse)
    order, steps = history
    for number in order:
        Landing(number, frozenset({("e1", "abc"[number % 3], 5), ("h1", "a", 1 + number)})).do(warehouse)
        derive_all(warehouse)
    for step in steps:
        step.do(warehouse)
        derive_all(warehouse)
        compare(warehouse, insights)
    days = {row[1] for row in table_of(warehouse, lifetime_usage)}
    assert compare(warehouse, insights) > 0 or days == set()


def few(small: int, large: int) -> settings:
    """So many histories."""
    return settings(
        max_examples=scaled(small, large, "WORLDS"),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@few(4, 300)
@given(HISTORIES)
def test_lifetime_is_the_same_however_the_history_came_about(
    warehouse: Warehouse, history: tuple[list[int], list[Step]]
) -> None:
    """Restatements, events that moved away, erased people, gaps, lost slices, days in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sequel_assets.refresh.transform.derive.OWN_INSIGHTS", (LIFETIME_USAGE,))
        live_through(warehouse, history, [LIFETIME_USAGE])


@pytest.mark.scenario
@few(15, 300)
@given(HISTORIES)
def test_every_as_of_insight_is_the_same_however_the_history_came_about(
    warehouse: Warehouse, history: tuple[list[int], list[Step]]
) -> None:
    """The same with all insights: a day by itself reads less of the past, and says the same of it."""
    live_through(warehouse, history, AS_OF)


def _as_it_is(_warehouse: Warehouse) -> None:
    """Nothing happens to the day before."""


def _one_more(warehouse: Warehouse) -> None:
    """Somebody adds 1,000 minutes to the rows of the day before."""
    t = lifetime_usage
    with warehouse.write(ACME) as connection:
        more = t.c.engaged_minutes + 1000
        connection.execute(t.update().where(t.c.day == day(2)).values(engaged_minutes=more))


def _one_more_and_its_checksum(warehouse: Warehouse) -> None:
    """And the checksum follows: such a day cannot be told from a right one."""
    _one_more(warehouse)
    with warehouse.write(ACME) as connection:
        sum_up(connection, ACME, lifetime_usage, day(2))


def _of_other_facts(warehouse: Warehouse) -> None:
    """The day before was derived from other facts than those that are there."""
    _one_more_and_its_checksum(warehouse)
    with warehouse.write(ACME) as connection:
        r = refreshes.c
        mine = (r.dataset == "lifetime_usage", r.day == day(2))
        connection.execute(refreshes.update().where(*mine).values(input_checksum="other"))


def _lost(warehouse: Warehouse) -> None:
    """The slice is not there, as after a migration that has the insight derived again because its SELECT has changed."""
    SliceIsLost(2).do(warehouse)


@pytest.mark.parametrize(
    ("happens", "engaged"),
    [
        (_as_it_is, 40),
        (_one_more, 40),
        (_one_more_and_its_checksum, 1040),
        (_of_other_facts, 40),
        (_lost, 40),
    ],
)
def test_a_day_goes_on_from_the_day_before_only_where_that_is_known_to_be_right(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Warehouse], None], engaged: int
) -> None:
    """Ten minutes a day: the fourth day has forty, unless nothing shows that the third has been falsified."""
    monkeypatch.setattr("sequel_assets.refresh.transform.derive.OWN_INSIGHTS", (LIFETIME_USAGE,))
    begin(warehouse)
    for number in range(3):
        Landing(number, frozenset({("e1", "a", 10)})).do(warehouse)
    derive_all(warehouse)
    happens(warehouse)
    Landing(3, frozenset({("e1", "a", 10)})).do(warehouse)
    derive_all(warehouse)
    rows = [row for row in table_of(warehouse, lifetime_usage) if row[1:3] == (day(3), "all")]
    assert rows == [(ACME, day(3), "all", 40, 0, engaged, 1, 1, DAY, DAY, False)]


def test_a_carried_insight_is_declared_and_the_roll_up_is_none() -> None:
    """What carries is as of a day: there is a day before to go on from."""
    assert [insight.name for insight in INSIGHTS if insight.carry is not None] == ["lifetime_usage"]
    assert all(insight.as_of for insight in INSIGHTS if insight.carry is not None)
