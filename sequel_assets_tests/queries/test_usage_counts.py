"""Sets of people that are not of today's facts count nobody: the facts do, until the next refresh has made the sets again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.usage_counts import counted, usage_query
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets.warehouse.tables.people_sets import event_day_people, person_numbers
from sequel_assets_tests.support.rows import ACME, AT, DAY, LATE, STAGE, hour, participant, settle_in, table_of

ADA, BO = participant("e1", "ada", 10), participant("e1", "bo", 0, 5)
CY = participant("e2", "cy", 7)
SCOPE = Scope(ACME, Days(DAY, DAY))


def land(warehouse: Warehouse, *rows: Row, through: int = 1) -> None:
    """Land the day as a refresh does."""
    update = SliceUpdate(event_participants, DAY, rows, None, hour(through), hour(through), hour(through))
    with warehouse.write(ACME) as connection:
        replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)


def answer(warehouse: Warehouse) -> tuple[bool, tuple[int, int, int]]:
    """Return whether the sets answer; and engaged minutes, unique users and events of the answer."""
    with warehouse.read() as connection:
        row = connection.execute(usage_query(connection, SCOPE)).all()[0]
        return counted(connection, SCOPE) is not None, (row.engaged_minutes, row.unique_users, row.events)


@pytest.fixture
def landed(warehouse: Warehouse) -> Warehouse:
    """A day with Ada and Bo in one event and Cy in another."""
    settle_in(warehouse, {"e1": STAGE, "e2": STAGE})
    land(warehouse, ADA, BO, CY)
    return warehouse


def test_facts_of_a_writer_that_knows_no_sets_are_counted_and_the_next_refresh_makes_the_sets_again(
    landed: Warehouse,
) -> None:
    """Such a writer changes rows and checksum; an hour later nothing has changed at Sequel, and the sets are right all the same."""
    assert answer(landed) == (True, (22, 3, 2))
    dee = participant("e1", "dee", 3)
    with landed.write(ACME) as connection:
        bulk.insert(connection, event_participants, [dee])
        connection.execute(refreshes.update().values(checksum="of another writer", rows=4))
    assert answer(landed) == (False, (25, 4, 2))
    land(landed, ADA, BO, CY, dee, through=2)
    assert answer(landed) == (True, (25, 4, 2))


def test_a_day_without_sets_is_counted_from_its_facts(landed: Warehouse) -> None:
    """As after a restore of the facts alone."""
    with landed.write(ACME) as connection:
        connection.execute(event_day_people.delete())
        connection.execute(refreshes.update().values(people_checksum=None))
    assert answer(landed) == (False, (22, 3, 2))
    land(landed, ADA, BO, CY, through=2)
    assert answer(landed) == (True, (22, 3, 2))


def test_only_the_sets_of_events_that_changed_are_written(landed: Warehouse) -> None:
    """Whoever leaves goes from the set and keeps the number; an event without anybody has no row."""
    before = {row[2]: row for row in table_of(landed, event_day_people)}
    numbers = table_of(landed, person_numbers)
    assert {person for _, person in numbers} == {"ada", "bo", "cy"}
    land(landed, ADA, CY, through=2)
    after = {row[2]: row for row in table_of(landed, event_day_people)}
    assert after["e2"] == before["e2"]
    assert after["e1"][4:7] == (10, 0, 10)
    land(landed, through=3)
    assert table_of(landed, event_day_people) == []
    assert table_of(landed, person_numbers) == numbers
    land(landed, BO, through=4)
    assert table_of(landed, person_numbers) == numbers
    assert answer(landed) == (True, (5, 1, 1))


def test_a_number_is_never_given_twice(landed: Warehouse) -> None:
    """Not even after its row was deleted: a set that was kept somewhere would count somebody else."""
    (last,) = [number for number, person in table_of(landed, person_numbers) if person == "cy"]
    highest = max(number for number, _ in table_of(landed, person_numbers))
    with landed.write() as connection:
        connection.execute(sa.delete(person_numbers))
    land(landed, ADA, BO, through=2)
    land(landed, participant("e1", "eve", 1), through=3)
    assert last <= highest < min(number for number, _ in table_of(landed, person_numbers))
