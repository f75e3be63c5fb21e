"""People without an e-mail: as many as Sequel counts, in every table the same ones, and the same however they are spelt."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.refresh.transform.checks import Mismatch, unreconciled
from sequel_assets.sandbox import Attendance, Event, Person
from sequel_assets.sandbox.world.truth import MISSING
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.people import person_id
from sequel_assets.warehouse.tables.core import event_participants, people, proofs
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets_tests.support.harness import ADA, DAYS, NOW, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import KEY

GUESTS = [Person("Guest", which=n) for n in (1, 2, 3)]
NAMELESS = [Person("", which=n) for n in (1, 2)]
ZOE = Person("Zo\u00eb")
COUNTS = ["spelling", "person"]


def crowd() -> list[Event]:
    """Two nameless and two of one name with equal minutes, two of whom came back; and one written in two ways on two days."""
    rows = [
        Attendance(NAMELESS[0], live=[(at(3), 3)], email=None, name=None),
        Attendance(NAMELESS[1], live=[(at(3), 3)], email=MISSING, name=" "),
        Attendance(GUESTS[0], live=[(at(3), 3)], on_demand=[(at(3, 12), 4)], email=""),
        Attendance(GUESTS[1], live=[(at(3), 3)], email=None),
        Attendance(GUESTS[2], on_demand=[(at(3, 12), 4)], email=" "),
        Attendance(ZOE, live=[(at(3), 20)], on_demand=[(at(5), 2)], email=None, name="Zo\u00eb"),
        Attendance(ADA, live=[(at(3), 9)]),
    ]
    zoe_again = [Attendance(ZOE, live=[(at(4), 5)], on_demand=[(at(5), 6)], email=None, name="ZOE\u0308 ")]
    return [event("e", "kid", at(3), rows), event("f", "kid", at(4), zoe_again)]


def ids(event_id: str, name: str, *numbers: int) -> set[str]:
    """Return the ids of people of a name."""
    return {person_id(KEY, None, name, event_id, number) for number in numbers}


@pytest.mark.alternating
@pytest.mark.parametrize("count_by", COUNTS)
def test_a_day_has_as_many_people_as_sequel_counts_and_every_table_the_same_ones(
    warehouse: Warehouse, count_by: str
) -> None:
    """Two nameless, three of one name, one with an e-mail and Zoë are seven, in facts, usage and activity."""
    with platform(world_of(*crowd()), warehouse, count_by=count_by) as it:
        assert failures(it.refresh(DAYS)) == []
        with warehouse.read() as connection:
            p, a, d = event_participants.c, event_activity.c, daily_usage.c
            rows = connection.execute(sa.select(event_participants).where(p.event_id == "e", p.day == day(3))).all()
            listed = set(connection.scalars(sa.select(a.person_id).where(a.event_id == "e")))
            users = connection.scalar(
                sa.select(d.unique_users).where(d.company_id == "kid", d.day == day(3), d.event_type == "all")
            )
            known = set(connection.scalars(sa.select(people.c.person_id)))
            told = connection.execute(sa.select(proofs).where(proofs.c.event_id == "e", proofs.c.day == day(3))).one()
            wrong = unreconciled(connection)
        unnamed = ids("e", "", 1, 2) | ids("e", "guest", 1, 2, 3) | ids("e", "zo\u00eb", 1)
        everybody = {person_id(KEY, "ada@example.org", "", ""), *unnamed}
        assert {row.person_id for row in rows} == everybody == listed
        assert users == 7
        assert Counter((row.live_minutes, row.on_demand_minutes, row.engaged_minutes) for row in rows) == Counter(
            {(3, 0, 3): 3, (3, 4, 7): 1, (0, 4, 4): 1, (20, 0, 20): 1, (9, 0, 9): 1}
        )
        assert (told.live_users, told.on_demand_users) == (6, 2)
        assert wrong == []
        assert everybody <= known
        numbers = it.client.participants("e", start=day(3), end=day(3), engagement_type="all", limit=1)
        assert numbers.number_of_users == users


def test_a_name_is_one_person_however_its_letters_are_written(warehouse: Warehouse) -> None:
    """Composed on one day, decomposed, in capitals and with blanks on another."""
    with platform(world_of(*crowd()), warehouse) as it:
        assert failures(it.refresh(DAYS)) == []
        with warehouse.read() as connection:
            p = event_participants.c
            query = sa.select(p.event_id, p.day, p.person_id, p.engaged_minutes)
            rows = connection.execute(query.where(p.event_id == "f").order_by(p.day)).all()
    assert [tuple(row) for row in rows] == [
        ("f", day(number), person_id(KEY, None, "zoe\u0308", "f"), minutes) for number, minutes in ((4, 5), (5, 6))
    ]


@pytest.mark.alternating
@pytest.mark.parametrize("count_by", COUNTS)
def test_two_spellings_of_a_name_in_one_list_are_what_sequel_counts(warehouse: Warehouse, count_by: str) -> None:
    """One person in two rows where one is counted, two people where two are."""
    rows = [
        Attendance(ZOE, live=[(at(3), 4)], email=None, name="Zo\u00eb"),
        Attendance(ZOE, live=[(at(3, 10), 6)], email=None, name="Zoe\u0308"),
    ]
    with platform(world_of(event("e", "kid", at(3), rows)), warehouse, count_by=count_by) as it:
        assert failures(it.refresh(DAYS)) == []
        with warehouse.read() as connection:
            found = dict(
                connection.execute(
                    sa.select(event_participants.c.person_id, event_participants.c.engaged_minutes)
                ).all()
            )
    first, second = (person_id(KEY, None, "zo\u00eb", "e", number) for number in (1, 2))
    assert found == ({first: 10} if count_by == "person" else {first: 6, second: 4})


def test_a_day_with_unnamed_people_is_the_same_whatever_the_order_and_again(warehouse: Warehouse) -> None:
    """Asked in the hour, asked alone, asked in a range: no row moves."""
    left = []
    with platform(world_of(*crowd(), now=NOW), warehouse) as it:
        for days in (DAYS, [day(3)], [day(4), day(3)], DAYS):
            assert failures(it.refresh(days)) == []
            with warehouse.read() as connection:
                left.append(
                    [
                        sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
                        for table in (event_participants, event_activity)
                    ]
                )
    assert [one for one, _ in itertools.groupby(left)] == [left[0]]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_more_people_than_sequel_counts_are_found_by_the_check(warehouse: Warehouse) -> None:
    """Two halves of one person have the minutes of one, but two cannot be where one is promised."""
    with platform(world_of(event("e", "kid", at(3), [Attendance(ADA, live=[(at(3), 9)])])), warehouse) as it:
        assert failures(it.refresh(DAYS)) == []
        p = event_participants
        with warehouse.write("kid") as connection:
            one = connection.execute(sa.select(p)).one()._mapping
            half = {**one, "live_minutes": 4, "engaged_minutes": 4}
            connection.execute(p.update().values(live_minutes=5, engaged_minutes=5))
            connection.execute(p.insert().values(**{**half, "person_id": "f" * 64}))
            wrong = unreconciled(connection)
    assert wrong == [Mismatch("kid", day(3), "e", "live_users", 2, 1)]
