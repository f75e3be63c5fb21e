"""How far the numbers of a range go: by day and company, over every dataset that they are counted from."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from sequel_assets.insights.coverage import Coverage, judge, select_coverage, select_members
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, refreshes
from sequel_assets_tests.insights.test_companies import TODAY, land
from sequel_assets_tests.insights.test_ranges import LAST, ask

FACTS, BOTH = {event_participants.name}, {event_participants.name, event_concurrency.name}


def coverage(warehouse: Warehouse, scope: Scope, datasets: Collection[str] = frozenset(FACTS)) -> Coverage:
    """What is judged of a scope."""
    members, known = ask(warehouse, select_members(scope)), ask(warehouse, select_coverage(scope, datasets))
    return judge(scope.days, members, known)


def below_root(warehouse: Warehouse, *of: str) -> None:
    with warehouse.write() as connection:
        bulk.insert(connection, company_parents, [("root", TODAY, None), *((name, TODAY, "root") for name in of)])


@pytest.mark.parametrize("is_tree", [False, True])
def test_what_is_missing_or_has_not_closed_is_said(warehouse: Warehouse, is_tree: bool) -> None:
    """A day that was never asked, one that is still open, a company that is gone and is not missed any more."""
    land(warehouse, [], of=["root", "a"], days=[LAST[0], *LAST[2:]], not_closed=[TODAY])
    below_root(warehouse, "a")
    with warehouse.write() as connection:
        gone = companies.update().where(companies.c.company_id == "a").values(gone_at=day_end(LAST[2]))
        connection.execute(gone)
    through = day_end(TODAY) - timedelta(hours=1)
    expected = Coverage(2 if is_tree else 1, (LAST[1],), (TODAY,), through)
    assert coverage(warehouse, Scope("root", Days(LAST[0], TODAY), is_tree)) == expected
    assert coverage(warehouse, Scope("root", Days(LAST[2], LAST[3]), is_tree)).is_complete
    assert judge(Days(LAST[1], LAST[1]), [("root", None, None, None)], []) == Coverage(1, (LAST[1],), (), None)


def test_a_company_that_is_gone_makes_up_for_no_other(warehouse: Warehouse) -> None:
    """It has its facts of the day on which it went; one that is still there lacks its own."""
    land(warehouse, [], of=["root", "a", "b"], days=LAST)
    below_root(warehouse, "a", "b")
    r, c = refreshes.c, companies.c
    with warehouse.write() as connection:
        connection.execute(companies.update().where(c.company_id == "b").values(gone_at=day_end(LAST[2])))
        connection.execute(refreshes.delete().where(r.company_id == "a", r.day == LAST[3]))
    scope = Scope("root", Days(LAST[2], LAST[3]), includes_sub_companies=True)
    assert coverage(warehouse, scope) == Coverage(3, (LAST[3],), (), day_end(LAST[3]))


def test_a_day_is_known_where_every_dataset_is_and_covers_what_the_least_of_them_does(warehouse: Warehouse) -> None:
    """Concurrency that failed on one day and is behind on another; what asks for participants alone is complete."""
    land(warehouse, [], of=["root"], days=LAST)
    r, behind = refreshes.c, day_end(LAST[3]) - timedelta(hours=2)
    of_concurrency = refreshes.c.dataset == event_concurrency.name
    with warehouse.write() as connection:
        connection.execute(refreshes.delete().where(of_concurrency, r.day == LAST[1]))
        late = {"data_through": behind, "full_through": None}
        connection.execute(refreshes.update().where(of_concurrency, r.day == LAST[3]).values(late))
    scope = Scope("root", Days(LAST[0], LAST[3]))
    assert coverage(warehouse, scope, BOTH) == Coverage(1, (LAST[1],), (LAST[3],), behind)
    assert coverage(warehouse, scope, FACTS) == Coverage(1, (), (), day_end(LAST[3]))
