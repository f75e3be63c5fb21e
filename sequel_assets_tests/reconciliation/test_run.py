"""The patrol against the sandbox: what it costs, what it finds, what it mends."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.reconciliation import checks
from sequel_assets.reconciliation.company_totals import SCOPES
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Attendance, Company, WorldSpec, build_world
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY, reconciliations, refreshes, restatements
from sequel_assets_tests.reconciliation.restated_world import CROWD, PLAIN, reconcile, requested_of, rows
from sequel_assets_tests.support.harness import ADA, CY, NOW, at, day, event, platform, world_of

CLOSED = (day(1), day(7))


def restated(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """Return (dataset, day, key, column, from, to)."""
    r = restatements.c
    with warehouse.read() as connection:
        query = sa.select(r.dataset, r.day, r.key, r.column_name, r.from_value, r.to_value)
        return {tuple(row) for row in connection.execute(query)}


@pytest.mark.scenario
def test_two_requests_per_event_when_all_is_well(warehouse: Warehouse) -> None:
    """Events with minutes today, hubs and events that nobody came to among them; the named totals agree too."""
    idle = event("idle", "kid", at(4))
    live = event("live", "root", at(8, 14), [Attendance(ADA, live=[(at(8, 14), 20)])])
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN), idle, live)
    with platform(world, warehouse) as it:
        it.refresh()
        it.sandbox.requests.clear()
        report = reconcile(it)
        assert (report.fatal, report.failures, report.repaired, report.differing) == (None, [], [], 0)
        assert requested_of(it) == dict.fromkeys(["past", "plain", "idle", "live"], 2)
        assert (report.companies, report.events, report.requests) == (2, 4, 8)
        told = rows(warehouse)
        assert told["past", "range"] == told["past", "all_time"] == (58, 58, "equal")
        assert told["plain", "range"] == (10, 10, "equal")
        assert told["plain", "all_time"] == (13, 13, "equal")
        assert {verdict for *_, verdict in told.values()} == {"equal"}
        with warehouse.read() as connection:
            query = sa.select(reconciliations.c.first_day, reconciliations.c.last_day).where(
                reconciliations.c.scope == "range", reconciliations.c.event_id == "past"
            )
            assert tuple(connection.execute(query).one()) == CLOSED
            noted = connection.scalars(sa.select(refreshes.c.day).where(refreshes.c.dataset == "reconciliations"))
            assert noted.all() == [NO_DAY, NO_DAY]
        assert it.problems() == []


def test_a_restated_past_is_found_named_and_mended(warehouse: Warehouse) -> None:
    """A final day: restatements name it, the tables are the truth, the as-of days after it too, and nothing else is asked."""
    world = world_of(
        event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN), event("idle", "root", at(2))
    )
    with platform(world, warehouse) as it:
        it.refresh()
        world.restate("past", minutes=-1)
        it.sandbox.requests.clear()
        report = reconcile(it)
        assert report.failures == []
        assert report.repaired == [("kid", "past", day(n)) for n in (3, 5, 6)]
        it.assert_true(but=["people"])
        assert ("event_participants", day(3), "past", "engaged_minutes", 50, 49) in restated(warehouse)
        moved = {(row[0], row[1]) for row in restated(warehouse)}
        assert {("event_participants", day(3)), ("daily_usage", day(3)), ("lifetime_usage", day(5))} <= moved
        assert rows(warehouse)["past", "range"][2] == "equal"
        assert rows(warehouse)["past", "all_time"][2] == "equal"
        assert requested_of(it)["plain"] == requested_of(it)["idle"] == 2
        assert reconcile(it).repaired == []


def test_new_minutes_on_a_day_that_was_empty_are_found(warehouse: Warehouse) -> None:
    """Watched in the past, told only now."""
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        world.restate("past", [*CROWD, Attendance(CY, on_demand=[(at(4), 12)])])
        assert reconcile(it).repaired == [("kid", "past", day(4))]
        it.assert_true()
        assert ("event_participants", day(4), "past", "engaged_minutes", 0, 12) in restated(warehouse)


def test_minutes_before_the_start_are_told_apart_and_remembered(warehouse: Warehouse) -> None:
    """One more request, once; again when there are more of them."""
    early = [Attendance(ADA, live=[(at(1) - timedelta(days=9), 40), (at(2), 5)])]
    world = world_of(event("old", "kid", at(1) - timedelta(days=9), early))
    with platform(world, warehouse) as it:
        it.refresh()
        for expected in (3, 2):
            it.sandbox.requests.clear()
            assert reconcile(it).differing == 0
            assert requested_of(it) == {"old": expected}
            assert rows(warehouse)["old", "all_time"] == (5, 45, "before_start")
            assert rows(warehouse)["old", "range"] == (5, 5, "equal")
            assert rows(warehouse)["", "lifetime_usage"][2] == "equal"
        world.restate("old", [Attendance(ADA, live=[(at(1) - timedelta(days=9), 41), (at(2), 5)])])
        it.sandbox.requests.clear()
        assert reconcile(it).differing == 0
        assert requested_of(it) == {"old": 3}
        assert rows(warehouse)["old", "all_time"] == (5, 46, "before_start")


def test_what_came_in_since_the_last_refresh_is_no_mistake(warehouse: Warehouse) -> None:
    """An hour later, of an event that goes on and of one that nobody expected to be watched again."""
    on = event("on", "kid", at(8, 13), [Attendance(ADA, live=[(at(8, 13), 100)])], ends_at=at(8, 16))
    again = event("again", "kid", at(2), [*PLAIN, Attendance(ADA, on_demand=[(at(8, 14), 30)])])
    idle = event("idle", "kid", at(3), [Attendance(ADA, on_demand=[(at(8, 14), 10)])])
    with platform(world_of(on, again, idle), warehouse) as it:
        it.refresh()
        it.sandbox.clock.advance(hours=1)
        report = reconcile(it)
        assert (report.differing, report.failures) == (0, [])
        assert {verdict for *_, verdict in rows(warehouse).values()} == {"equal"}
        assert max(requested_of(it).values()) > 2  # once, to tell growth from history
        it.sandbox.requests.clear()
        reconcile(it)
        assert (requested_of(it)["on"], requested_of(it)["again"]) == (2, 2)


def test_minutes_that_moved_between_two_days_show_in_the_named_totals_alone(warehouse: Warehouse) -> None:
    """(b) and (c) cannot see them; a company's totals by day can, where Sequel tells them."""
    world = world_of(event("past", "kid", at(3), [Attendance(ADA, live=[(at(3), 20)])]))
    with platform(world, warehouse) as it:
        it.refresh()
        world.restate("past", [Attendance(ADA, live=[(at(3), 15), (at(5), 5)])])
        assert reconcile(it).differing == 1
        told = rows(warehouse)
        assert (told["past", "range"][2], told["past", "all_time"][2]) == ("equal", "equal")
        with warehouse.read() as connection:
            query = sa.select(reconciliations).where(reconciliations.c.verdict == "differs")
            (row,) = connection.execute(query).all()
        assert (row.scope, row.first_day, row.found_minutes, row.promised_minutes) == ("usage_by_day", day(3), 20, 15)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_event_that_only_a_window_of_dates_shows_is_a_problem(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives the hourly listing, keeps the day it was found on, and goes when the list is whole."""
    world = world_of(event("past", "kid", at(3), CROWD), event("plain", "kid", at(2), PLAIN))
    with platform(world, warehouse) as it:
        it.refresh()
        listed = it.client.events

        def capped(company_id: str, **more: Any) -> Any:
            found = listed(company_id, **more)
            return found if more.get("start_date") or more.get("end_date") else found[:1]

        monkeypatch.setattr(it.client, "events", capped)
        assert reconcile(it).hidden == [("kid", "plain")]
        monkeypatch.undo()
        it.refresh([day(8)])
        (problem,) = it.problems()
        assert problem[:4] == ("kid", "events", date(2026, 3, 8), "plain")
        assert problem[4].startswith("Sequel caps its list of events")
        it.sandbox.clock.advance(days=1)
        assert reconcile(it).hidden == []
        assert it.problems() == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_loss_of_most_minutes_is_held_and_stays_red(warehouse: Warehouse) -> None:
    """History is not lost because a source forgot it: the old rows stay, the verdict differs."""
    companies = [Company("root", "Root"), Company("kid", "Kid", "root")]
    one = event("past", "kid", at(3), [Attendance(ADA, live=[(at(3), 20)])])
    world = world_of(one, companies=companies)
    with platform(world, warehouse) as it:
        it.refresh()
        world.restate("past", minutes=-15)
        report = reconcile(it)
        assert "quarantined" in report.failures[0].reason
        assert rows(warehouse)["past", "range"] == (20, 5, "differs")
        world.restate("past", minutes=15)
        assert (reconcile(it).differing, it.problems()) == (0, [])


@pytest.mark.scenario
def test_a_random_world_costs_two_requests_per_event_and_a_restatement_little_more(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hubs, replays, overlaps, people without e-mails; then one event is told anew, and only its days are asked."""
    spec = WorldSpec(seed=12, companies=3, days=9, people=8, now=NOW)
    world = build_world(spec)
    days = days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        it.refresh(days)
        first = reconcile(it)
        assert (first.failures, first.repaired, first.differing) == ([], [], 0)
        again = reconcile(it)
        assert again.requests == 2 * again.events
        with warehouse.read() as connection:
            final = checks.differing(connection, "range", "all_time", *SCOPES)
            assert final == checks.unresolved(connection) == []
            assert checks.overdue_companies(connection, it.clock()) == []
            assert checks.checked(connection, "range")[0] == again.events
        chosen = next(e for e in world.events if any(e.rows) and e.starts_at.date() < spec.last_day - timedelta(days=5))
        world.restate(chosen.id, minutes=1)
        moved = reconcile(it)
        assert {event_id for _, event_id, _ in moved.repaired} == {chosen.id}
        assert moved.differing == 0
        it.assert_true(days, but=["people"])
        with warehouse.read() as connection:
            assert checks.restated_since(connection, "daily_usage", it.clock() - timedelta(days=1)) != []
        with capsys.disabled():
            more = moved.requests - again.requests
            print(  # noqa: T201
                f"\npatrol: {again.requests / again.events:.2f} requests per event ({again.events} events), "
                f"{more} more to find {len(moved.repaired)} restated days"
            )
