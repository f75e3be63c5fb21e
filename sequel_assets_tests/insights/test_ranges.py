"""Any range of days equals the oracle: a set's size and plain sums, alone or with all beneath, on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from sequel_assets.insights import ranges
from sequel_assets.insights.counted_usage import select_counted
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import ENGAGEMENT_TYPES, EVENT_TYPES, Scope
from sequel_assets.queries.usage_counts import counted
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import people
from sequel_assets_tests.insights.test_companies import DAYS, FEW, TODAY, TREES, facts, land, minutes
from sequel_assets_tests.support.reference import companies as oracle
from sequel_assets_tests.support.rows import empty, participant

OF = ["root", *"abcd"]
LAST = DAYS[-5:]


def ask(warehouse: Warehouse, query: Any) -> list[Row]:
    with warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def chosen(rows: Sequence[Row], event_type: str, engagement_type: str) -> list[Row]:
    """The facts of one event type, with the minutes of one engagement type alone."""
    found = []
    for *key, live, on_demand, engaged in rows:
        kept = {"all": (live, on_demand, engaged), "live": (live, 0, live), "onDemand": (0, on_demand, on_demand)}
        if event_type in ("all", key[4]) and kept[engagement_type][2]:
            found.append((*key, *kept[engagement_type]))
    return found


@FEW
@given(
    facts(LAST, OF), TREES, st.sampled_from(OF), st.booleans(), st.sampled_from(LAST), st.sampled_from(LAST),
    st.sampled_from(EVENT_TYPES), st.sampled_from(ENGAGEMENT_TYPES),
)  # fmt: skip
def test_any_range_of_any_tree_is_what_sets_say(
    warehouse: Warehouse, rows: list[Row], moves: Mapping[str, list[tuple[date, str]]], of: str, is_tree: bool,
    one: date, other: date, event_type: str, engagement_type: str,
) -> None:  # fmt: skip
    """Usage, everybody in order, and the peak, by event type and engagement type, with companies that move."""
    parents: dict[str, list[tuple[date, str | None]]] = {name: sorted(stood) for name, stood in moves.items()}  # type: ignore[misc]
    parents["root"] = [(LAST[0], None)]
    concurrency = minutes(rows)
    land(warehouse, rows, concurrency, of=OF, days=LAST)
    with warehouse.write() as connection:
        bulk.insert(
            connection, company_parents, [(name, *stood) for name, all_of in parents.items() for stood in all_of]
        )
    days = Days(min(one, other), max(one, other))
    scope = Scope(of, days, is_tree, event_type, engagement_type)
    members = {day: oracle.descendants(parents, of, day) if is_tree else {of} for day in days}
    here = [row for row in chosen(rows, event_type, engagement_type) if row[1] in members and row[0] in members[row[1]]]
    kinds = [event_type] if event_type != "all" else ["all", *sorted({row[4] for row in here})]
    expected_usage = [
        (kind, n["live_minutes"], n["on_demand_minutes"], n["engaged_minutes"], n["unique_users"],
         n["average_engaged_minutes"], n["events"], False)
        for kind in kinds for n in [oracle.numbers([row for row in here if kind in ("all", row[4])])]
    ]  # fmt: skip
    assert ask(warehouse, ranges.select_usage(scope)) == expected_usage
    with warehouse.read() as connection:
        counts = counted(connection, scope)
        assert counts is not None
        assert [tuple(row) for row in connection.execute(select_counted(counts))] == expected_usage
    ranking = [
        (rank, person, *values, min(seen), max(seen))
        for rank, (person, values) in enumerate(oracle.ranking(here, days.first, days.last), start=1)
        for seen in [[row[1] for row in here if row[3] == person]]
    ]
    assert ask(warehouse, ranges.select_people(scope)) == ranking
    assert ask(warehouse, ranges.select_people(scope, 2)) == ranking[:2]
    users: dict[Any, int] = {}
    for company_id, on, _, minute, many in concurrency:
        if on in members and company_id in members[on]:
            users[minute] = users.get(minute, 0) + many
    highest = max(users.values(), default=0)
    expected = [(highest, min(minute for minute in users if users[minute] == highest))] if users else []
    assert ask(warehouse, ranges.select_peak(scope)) == expected


def test_one_person_in_three_companies_is_one_and_names_come_only_when_asked(warehouse: Warehouse) -> None:
    """Sums of uniques would say three."""
    rows = [participant("e1", "a", 5, on=TODAY, company_id=company_id) for company_id in OF[:3]]
    land(warehouse, rows, of=OF[:3], days=LAST)
    with warehouse.write() as connection:
        bulk.insert(connection, company_parents, [("root", TODAY, None), ("a", TODAY, "root"), ("b", TODAY, "a")])
        known = {"person_id": "a", "email": "zoe@mail.example", "name": "Zoe", "external_id": None, "named_on": TODAY}
        connection.execute(people.insert(), [{"company_id": company_id} | known for company_id in OF[:2]])
    scope = Scope("root", Days(LAST[0], TODAY), includes_sub_companies=True)
    assert ask(warehouse, ranges.select_usage(scope))[0] == ("all", 15, 0, 15, 1, 15.0, 3, False)
    numbers = (1, "a", 15, 0, 15, 3, 1, TODAY, TODAY)
    assert ask(warehouse, ranges.select_people(scope)) == [numbers]
    assert ask(warehouse, ranges.select_people(scope, with_people=True)) == [
        (*numbers, "Zoe", "zoe@mail.example", None)
    ]
    empty(warehouse, people)


def test_a_persons_name_and_ids_come_from_one_row_the_same_on_every_engine(warehouse: Warehouse) -> None:
    """The row with an id of your own, of those the latest name, of those the first company, capitals before small letters."""
    of = ["root", "Z", "a", "b"]
    land(warehouse, [participant("e1", who, 5, on=TODAY, company_id="root") for who in "pqr"], of=of, days=LAST)
    rows = [
        ("root", "p", "p@mail.example", "zoe", None, TODAY), ("a", "p", "p@mail.example", "Ada", "7", LAST[0]),
        ("root", "q", None, "Émile", None, LAST[0]), ("a", "q", None, "emil", None, TODAY),
        ("a", "r", None, "small", "2", TODAY), ("Z", "r", None, "capital", "1", TODAY), ("b", "r", None, "b", "3", TODAY),
    ]  # fmt: skip
    with warehouse.write() as connection:
        bulk.insert(connection, company_parents, [(name, TODAY, None if name == "root" else "root") for name in of])
        bulk.insert(connection, people, rows)
    scope = Scope("root", Days(LAST[0], TODAY), includes_sub_companies=True)
    query = ranges.select_people(scope, with_people=True)
    assert 'people.company_id COLLATE "C"' in str(query.compile(dialect=postgresql.dialect()))  # in any language
    told = [row[1:2] + row[-3:] for row in ask(warehouse, query)]
    assert told == [
        ("p", "Ada", "p@mail.example", "7"), ("q", "emil", None, None), ("r", "capital", None, "1"),
    ]  # fmt: skip
    empty(warehouse, people)
