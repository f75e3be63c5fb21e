"""Deriving with a history that begins elsewhere, and with days that are frozen."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.insights import LIFETIME_USAGE
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.refresh.transform.derive import wanted_slices
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.stores.problems import Problem, replace_problems
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    event_participants,
    problems,
    refreshes,
)
from sequel_assets_tests.insights.test_by_hand import lifetime_by_hand
from sequel_assets_tests.refresh.transform.derived import FACTS, THROUGH, derived, fact, land
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    LATE,
    day,
    everything,
    hour,
    table_of,
)

pytestmark = pytest.mark.usefixtures("three_insights")


def test_a_history_that_begins_later_drops_the_days_before_and_counts_from_there(warehouse: Warehouse) -> None:
    """No as-of number stays that counts from another start than the settings say."""
    for number in FACTS:
        land(warehouse, number)
    derived(warehouse)
    derived(warehouse, start=2)
    kept = table_of(warehouse, lifetime_usage)
    assert {row[1] for row in kept} == {day(2), day(3)}
    assert [row for row in kept if row[1] == day(2) and row[2] == "all"] == [
        (ACME, day(2), "all", 7, 3, 10, 2, 2, day(2), day(2), False)
    ]


def test_a_history_that_begins_earlier_has_no_as_of_number_until_its_first_days_are_there(warehouse: Warehouse) -> None:
    """A number that looks right and counts from the wrong day is worse than none."""
    for number in (2, 3):
        land(warehouse, number)
    derived(warehouse, start=2)
    derived(warehouse, start=0)
    assert table_of(warehouse, lifetime_usage) == []
    for number in (0, 1):
        land(warehouse, number)
    derived(warehouse, start=0)
    assert {row[1] for row in table_of(warehouse, lifetime_usage)} == {day(n) for n in FACTS}


def test_a_day_that_sequel_forgot_before_it_was_known_holds_nothing_back(warehouse: Warehouse) -> None:
    """Lifetime waits for it while it may still come; once it is frozen it counts from the day after, and says so."""
    for number in (0, 2, 3):
        land(warehouse, number)
    derived(warehouse, frozen_before=day(1))
    assert {row[1] for row in table_of(warehouse, lifetime_usage)} == {day(0)}
    derived(warehouse, frozen_before=day(2))
    facts = [row for number in (2, 3) for row in FACTS[number]]
    assert table_of(warehouse, lifetime_usage) == lifetime_by_hand(facts, [day(2), day(3)], day(2))
    assert table_of(warehouse, problems) == []
    assert [row[1] for row in everything(warehouse)["daily_usage"] if row[2] == "all"] == [day(0), day(2), day(3)]
    before = everything(warehouse)
    derived(warehouse, frozen_before=day(4))
    assert everything(warehouse) == before


def test_a_day_that_froze_before_it_had_closed_is_as_one_that_was_never_fetched(warehouse: Warehouse) -> None:
    """Its last hours are missing for good: they are in no lifetime number, and hold no later one back."""
    for number in FACTS:
        land(warehouse, number)
    noon = SliceUpdate(event_participants, day(1), [], None, hour(36), hour(36), None)
    with warehouse.write(ACME) as connection:
        connection.execute(refreshes.delete().where(refreshes.c.day == day(1)))
        replace_slices(connection, ACME, [noon], at=AT, late_window=LATE, run_id="run")
    derived(warehouse)
    r = refreshes.c
    hours = sa.select(r.day, r.data_through).where(r.dataset == "lifetime_usage").order_by(r.day)
    with warehouse.read() as connection:
        held_back = [tuple(row) for row in connection.execute(hours)]
    assert held_back == [(day(0), THROUGH), *((day(n), hour(36)) for n in (1, 2, 3))]
    derived(warehouse, frozen_before=day(2))
    with warehouse.read() as connection:
        assert [tuple(row) for row in connection.execute(hours)] == [(day(2), THROUGH), (day(3), THROUGH)]
    assert {row[-2] for row in table_of(warehouse, lifetime_usage)} == {day(2)}


def test_frozen_days_that_never_turned_final_keep_no_later_day_from_being_final() -> None:
    """They had closed, and nothing more will ever be known of them."""
    facts = dict([fact(0, hour(30), hour(30)), fact(1, hour(96), hour(96))])
    for first_held, full in ((DAY, hour(48)), (day(1), hour(96))):
        wanted, _ = wanted_slices(LIFETIME_USAGE, facts, DAY, first_held)
        assert wanted[day(1)].full_through == full


def test_without_the_retention_forgotten_days_are_missing_ones_again(warehouse: Warehouse) -> None:
    """Lifetime waits for them until they are backfilled, and counts from the start then."""
    for number in (0, 2, 3):
        land(warehouse, number)
    derived(warehouse, frozen_before=day(2))
    derived(warehouse)
    assert {row[1] for row in table_of(warehouse, lifetime_usage)} == {day(0)}
    assert [row[2] for row in table_of(warehouse, problems)] == [day(2), day(3)]
    land(warehouse, 1)
    derived(warehouse)
    rows = [row for each in FACTS.values() for row in each]
    assert table_of(warehouse, lifetime_usage) == lifetime_by_hand(rows, [day(n) for n in FACTS], DAY)


def test_problems_of_frozen_days_are_closed(warehouse: Warehouse) -> None:
    """Nothing is asked any more that could mend them; those of other days, and without a day, stand."""
    notes = [Problem(ACME, "event_participants", "no answer", on, "e1") for on in (day(0), day(2), NO_DAY)]
    for note in notes:
        replace_problems(warehouse, ACME, {note.dataset: {note.day: None}}, [note], at=AT)
    derived(warehouse, frozen_before=day(1))
    assert [row[2] for row in table_of(warehouse, problems)] == [NO_DAY, day(2)]
