"""A Sequel that forgets: days beyond its retention are neither asked nor lost, and what was never known is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.retention import Retention
from sequel_assets.refresh.coverage.slice_coverage import landed_days, read_unknown
from sequel_assets.sandbox import Attendance, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import restatements
from sequel_assets_tests.reconciliation.restated_world import reconcile, rows
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    CY,
    DAYS,
    PlatformUnderTest,
    at,
    day,
    event,
    failures,
    platform,
    world_of,
)
from sequel_assets_tests.support.reference import read_tables

KEEPS = 4
FOUR_DAYS = Retention(KEEPS)
HELD = [day(n) for n in range(4, 9)]
"""What Sequel still holds at the tests' moment, 8 March 14:20."""


def world() -> World:
    """An event of each kind on either side of 4 March; `long` has been live on both."""
    long = [Attendance(ADA, live=[(at(3, 9), 30), (at(5, 9), 20)]), Attendance(BO, live=[(at(3, 9, 10), 15)])]
    return world_of(
        event("long", "kid", at(3), long, ends_at=at(5, 10)),
        event("old", "kid", at(1), [Attendance(CY, live=[(at(1), 40)], on_demand=[(at(2), 8), (at(6), 5)])]),
        event("new", "root", at(7), [Attendance(BO, live=[(at(7), 12)])]),
    )


def requested_days(it: PlatformUnderTest) -> list[date]:
    """Return the first day of every question for participants that names one."""
    queries = [parse_qs(r.query) for r in it.sandbox.requests if r.path.endswith("/top-participants")]
    return sorted({date.fromisoformat(query["startDate"][0]) for query in queries if "startDate" in query})


def days_of(warehouse: Warehouse, table: str) -> set[date]:
    """Return the days that a table has rows of."""
    return {row[1] for row in read_tables(warehouse)[table]}


def unknown_of(it: PlatformUnderTest, days: Retention) -> list[date]:
    """Return the unknown days of the kid."""
    with it.warehouse.read() as connection:
        frozen_before = days.frozen_before(catalog.known_companies(connection), it.clock())
        return read_unknown(connection, frozen_before, it.start)["kid"]


def test_what_sequel_forgot_before_it_was_known_is_unknown_and_not_zero(warehouse: Warehouse) -> None:
    """It is not asked; there is no row of those days; lifetime counts from the first day that is held."""
    with platform(world(), warehouse, keeps_days=KEEPS) as it:
        it.retention = FOUR_DAYS
        outcomes = it.refresh()
        assert failures(outcomes) == []
        assert {outcome.day for outcome in outcomes} == set(HELD)
        assert min(requested_days(it)) == day(4)
        it.assert_true(HELD, counts_from=day(4))
        assert days_of(warehouse, "daily_usage") == set(HELD)
        assert unknown_of(it, FOUR_DAYS) == DAYS[:3]
        report = reconcile(it)
        assert (report.failures, report.repaired, report.differing) == ([], [], 0)
        assert it.problems() == []


def test_what_was_known_stays_when_sequel_forgets_it(warehouse: Warehouse) -> None:
    """Days freeze as time goes on: refreshes and patrols ask nothing of them, and every number stays as it was."""
    with platform(world(), warehouse, keeps_days=KEEPS) as it:
        it.sandbox.clock.set(at(4, 14, 20))
        it.retention = FOUR_DAYS
        it.refresh([day(1), day(2), day(3), day(4)])
        it.sandbox.clock.set(at(8, 14, 20))
        it.sandbox.requests.clear()
        assert failures(it.refresh()) == []
        assert min(requested_days(it)) == day(4)
        it.assert_true(but=["event_activity", "replays"])  # as they were when their day was last asked
        assert unknown_of(it, FOUR_DAYS) == []
        report = reconcile(it)
        assert (report.failures, report.repaired, report.differing) == ([], [], 0)
        told = rows(warehouse)
        assert told["long", "all_time"] == told["long", "range"] == (20, 20, "equal")
        assert {verdict for *_, verdict in told.values()} == {"equal"}
        it.assert_true(but=["event_activity", "replays"])  # as they were when their day was last asked
        with warehouse.read() as connection:
            assert connection.execute(sa.select(restatements)).all() == []
        assert it.problems() == []


@pytest.mark.scenario
def test_without_the_setting_the_same_forgetting_is_a_mistake_and_held(warehouse: Warehouse) -> None:
    """The patrol calls it by name, and final days keep their rows: so the tests above could fail."""
    with platform(world(), warehouse, keeps_days=KEEPS) as it:
        it.sandbox.clock.set(at(4, 14, 20))
        it.refresh([day(1), day(2), day(3), day(4)])
        it.sandbox.clock.set(at(6, 14, 20))
        it.refresh(DAYS[:6])
        it.sandbox.clock.set(at(8, 14, 20))
        report = reconcile(it)
        assert report.differing > 0
        assert [problem for problem in it.problems() if "quarantined" in problem[-1]] != []


@pytest.mark.scenario
def test_an_event_that_is_listed_late_is_asked_for_the_days_that_are_held(warehouse: Warehouse) -> None:
    """Its older minutes are gone; the slices of those days stay as they are."""
    with platform(world(), warehouse, keeps_days=KEEPS) as it:
        it.sandbox.clock.set(at(4, 14, 20))
        it.retention = FOUR_DAYS
        it.refresh([day(1), day(2), day(3), day(4)])
        it.sandbox.clock.set(at(8, 14, 20))
        it.refresh()
        before = read_tables(warehouse)
        late = [Attendance(CY, live=[(at(2), 9), (at(5, 8), 6)])]
        it.world.add_event(event("late", "kid", at(2), late))
        it.sandbox.requests.clear()
        assert failures(it.refresh([day(8)])) == []
        assert min(requested_days(it)) == day(4)
        frozen = [row for row in before["event_participants"] if row[1] < day(4)]
        assert [row for row in read_tables(warehouse)["event_participants"] if row[1] < day(4)] == frozen
        assert ("kid", day(5), "late") in {row[:3] for row in read_tables(warehouse)["event_participants"]}
        minutes = [row for row in before["event_concurrency"] if row[1] < day(4)]
        assert minutes
        assert [row for row in read_tables(warehouse)["event_concurrency"] if row[1] < day(4)] == minutes


def test_a_day_that_freezes_before_it_was_fetched_moves_the_start_of_lifetime(warehouse: Warehouse) -> None:
    """Lifetime waits for it while Sequel holds it; the first refresh after it froze derives it anew."""
    with platform(world(), warehouse, keeps_days=KEEPS) as it:
        it.retention = FOUR_DAYS
        it.sandbox.clock.set(at(7, 14, 20))
        outcomes = it.refresh([day(3), day(5), day(6), day(7)])
        waiting = {outcome.day for outcome in outcomes if outcome.verdict is SliceStatus.WAITING}
        assert waiting == {day(5), day(6), day(7)}
        assert days_of(warehouse, "lifetime_usage") == {day(3)}
        it.sandbox.clock.set(at(9, 14, 20))
        it.refresh([day(8), day(9)])
        days = [day(3), *(day(n) for n in range(5, 10))]
        it.assert_true(days, counts_from=day(5), but=["lifetime_usage", "people"])
        lifetime = read_tables(warehouse)["lifetime_usage"]
        assert {row[-1] for row in lifetime} == {day(5)}
        assert {row[1] for row in lifetime} == {day(n) for n in range(5, 10)}
        assert unknown_of(it, FOUR_DAYS) == [day(1), day(2), day(4)]


@pytest.mark.scenario
def test_an_owner_who_removes_the_retention_gets_the_frozen_days_back(warehouse: Warehouse) -> None:
    """Sequel kept them after all: they are ordinary missing days, and everything is as if there had been no setting."""
    with platform(world(), warehouse) as it:
        it.retention = FOUR_DAYS
        it.refresh()
        it.retention = Retention()
        with warehouse.read() as connection:
            held = landed_days(connection, ["kid"])["kid"]
        assert set(held) == set(HELD)
        assert failures(it.refresh()) == []
        it.assert_true()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_each_company_has_its_own_retention(warehouse: Warehouse) -> None:
    """The kid's old days are frozen, the root's are not."""
    with platform(world(), warehouse) as it:
        it.walk()
        it.retention = Retention(None, {"kid": KEEPS})
        it.refresh()
        assert refreshed(warehouse, "kid") == HELD
        assert refreshed(warehouse, "root") == DAYS


def test_minutes_from_before_the_retention_that_sequel_still_returns_are_kept_apart(warehouse: Warehouse) -> None:
    """It forgets later than the setting says: nothing differs, and what lies before is remembered as such."""
    with platform(world(), warehouse) as it:
        it.retention = FOUR_DAYS
        it.refresh()
        report = reconcile(it)
        assert (report.failures, report.repaired, report.differing) == ([], [], 0)
        assert rows(warehouse)["long", "all_time"] == (20, 65, "before_start")
        assert rows(warehouse)["long", "before_start"] == (0, 45, "before_start")


def refreshed(warehouse: Warehouse, company_id: str) -> Sequence[date]:
    """Return the days of a company that have a slice of participants."""
    with warehouse.read() as connection:
        held = landed_days(connection, [company_id])[company_id]
    return sorted(held)
