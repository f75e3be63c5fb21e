"""The companies and events that are known, and the problems that stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.stores import catalog, problems
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, events, proofs
from sequel_assets.warehouse.tables.core import problems as problems_table
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    STAGE,
    day,
    everything,
    hour,
    known_company,
    known_event,
    participant,
    settle_in,
    table_of,
)

LATER = AT + timedelta(hours=1)


def test_companies_come_back_the_root_first_then_by_depth_and_key(warehouse: Warehouse) -> None:
    """Ids may hold anything; the key is what people see."""
    found = [
        known_company("gr|and/1", depth=2, parent_company_id="b", partition_key="grand.1"),
        known_company("b", depth=1, parent_company_id="root", partition_key="b.2"),
        known_company("ä%", depth=1, parent_company_id="root", partition_key="a.3"),
        known_company("root", name="Root's \\ own"),
    ]
    with warehouse.write() as connection:
        catalog.save_companies(connection, found, at=AT)
    with warehouse.read() as connection:
        assert catalog.known_companies(connection) == [found[3], found[2], found[1], found[0]]


def test_a_company_keeps_its_first_day_and_its_key(warehouse: Warehouse) -> None:
    """A rename changes the name, never the partition; one that was gone may come back."""
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company("b", partition_key="old.1")], at=AT)
        catalog.mark_gone(connection, ["b", "unknown"], at=AT)
        catalog.mark_gone(connection, ["b"], at=LATER)
    assert table_of(warehouse, companies) == [("b", "old.1", "b", None, 0, AT, AT, AT)]
    with warehouse.write() as connection:
        renamed = known_company("b", partition_key="new.1", name="B", parent_company_id="root", depth=1)
        catalog.save_companies(connection, [renamed], at=LATER)
    assert table_of(warehouse, companies) == [("b", "old.1", "B", "root", 1, AT, LATER, None)]


def test_events_come_back_by_their_id(warehouse: Warehouse) -> None:
    """Each with everything that Sequel told, in UTC; other companies' are not among them."""
    settle_in(warehouse, {})
    settle_in(warehouse, {"x": STAGE}, "other")
    stage = known_event("a/1", starts_at=hour(1), ends_at=hour(2), timezone="Asia/Tokyo", is_replay_enabled=True,
                        networking_hub_id="h", is_cancelled=True)  # fmt: skip
    hub = known_event("h", event_type=HUB, name="", vanished_at=AT)
    with warehouse.write(ACME) as connection:
        catalog.save_events(connection, ACME, [hub, stage])
    with warehouse.read() as connection:
        assert catalog.known_events(connection, ACME) == {"a/1": stage, "h": hub}


def test_listing_an_event_again_keeps_what_is_known_of_its_concurrency(warehouse: Warehouse) -> None:
    """A listing says nothing of it; an event that had vanished is back."""
    settle_in(warehouse, {"e1": STAGE, "e2": STAGE})
    with warehouse.write(ACME) as connection:
        catalog.save_concurrency_span(connection, ACME, {"e1": (hour(1), hour(3)), "unknown": (None, None)})
        catalog.mark_vanished(connection, ACME, ["e1"], at=AT)
    gone = known_event("e1", concurrency_from=hour(1), concurrency_until=hour(3), vanished_at=AT)
    with warehouse.read() as connection:
        assert catalog.known_events(connection, ACME) == {"e1": gone, "e2": known_event("e2")}
    with warehouse.write(ACME) as connection:
        catalog.save_events(connection, ACME, [known_event("e1", name="New")])
    with warehouse.read() as connection:
        assert catalog.known_events(connection, ACME)["e1"] == replace(gone, name="New", vanished_at=None)


def test_an_event_that_moved_away_is_forgotten_with_all_its_rows(warehouse: Warehouse) -> None:
    """And no other event of the company, nor the same event at its new company."""
    for company_id in (ACME, "other"):
        settle_in(warehouse, {"e1": STAGE, "e2": STAGE}, company_id)
        with warehouse.write(company_id) as connection:
            for table, rows in (
                (event_participants, [participant(e, "ada", 1, company_id=company_id) for e in ("e1", "e2")]),
                (event_concurrency, [(company_id, DAY, e, hour(1), 1) for e in ("e1", "e2")]),
            ):
                told = [(company_id, DAY, e, 1, 1, 0, 0, 1, hour(1)) for e in ("e1", "e2")]
                update = SliceUpdate(table, DAY, rows, None, hour(1), hour(1), control_totals=told)
                replace_slices(connection, company_id, [update], at=AT, late_window=LATE, run_id=None)
    with warehouse.write(ACME) as connection:
        catalog.forget_event(connection, ACME, "e1")
    left = {table.name: [row[:3] for row in table_of(warehouse, table)] for table in (event_participants, proofs)}
    stays = [(ACME, DAY, "e2"), ("other", DAY, "e1"), ("other", DAY, "e2")]
    assert left == {"event_participants": stays, "proofs": stays}
    assert [row[:2] for row in table_of(warehouse, events)] == [(ACME, "e2"), ("other", "e1"), ("other", "e2")]
    assert len(table_of(warehouse, event_concurrency)) == 3


def problem(number: int, reason: str, event_id: str = "e1") -> Problem:
    return Problem(ACME, "event_participants", reason, day(number), event_id)


def test_problems_stand_until_they_are_repaired(warehouse: Warehouse) -> None:
    """New ones are added, mended ones go, old ones keep since when; those of other slices are not touched."""
    days = [day(0), day(2)]

    def settle(standing: list[Problem], when: int) -> list[tuple[object, ...]]:
        at = AT + timedelta(hours=when)
        problems.replace_problems(warehouse, ACME, {"event_participants": dict.fromkeys(days)}, standing, at=at)
        return [row[2:6] for row in table_of(warehouse, problems_table)]

    problems.replace_problems(warehouse, ACME, {"event_participants": {day(1): None}}, [problem(1, "between")], at=AT)
    problems.replace_problems(
        warehouse,
        "other",
        {"event_participants": {day(0): None}},
        [Problem("other", "event_participants", "x", day(0))],
        at=AT,
    )
    others = [(day(1), "e1", "between", AT), (day(0), "", "x", AT)]
    assert settle([problem(0, "a"), problem(2, "b", ""), problem(2, "c")], 1) == [
        (day(0), "e1", "a", AT + timedelta(hours=1)), others[0],
        (day(2), "", "b", AT + timedelta(hours=1)), (day(2), "e1", "c", AT + timedelta(hours=1)), others[1],
    ]  # fmt: skip
    assert settle([problem(0, "worse"), problem(2, "d", "e2")], 2) == [
        (day(0), "e1", "worse", AT + timedelta(hours=1)), others[0], (day(2), "e2", "d", AT + timedelta(hours=2)), others[1],
    ]  # fmt: skip
    assert settle([], 3) == others


def test_the_same_problems_again_write_nothing(warehouse: Warehouse) -> None:
    """An hourly refresh with nothing new must not even begin a write transaction."""
    standing = [problem(0, "r" * 3000)]
    problems.replace_problems(warehouse, ACME, {"event_participants": {day(0): None}}, standing, at=AT)
    before = everything(warehouse)
    assert before["problems"] == [
        (ACME, "event_participants", day(0), "e1", "r" * problems.LONGEST_REASON, AT, "problem")
    ]
    with warehouse.write(ACME):  # on SQLite another writer's turn; a write in this thread would be refused
        problems.replace_problems(warehouse, ACME, {"event_participants": {day(0): None}}, standing, at=LATER)
        problems.replace_problems(warehouse, ACME, {"event_participants": {}}, [problem(0, "x")], at=LATER)
    assert everything(warehouse) == before
