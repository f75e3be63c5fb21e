"""A backfill of each other Sequel, after the doctor: its tables are the truth, or it says by name what cannot be had."""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields

import pytest
import sqlalchemy as sa

from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.insights.top_participants import top_participants
from sequel_assets.refresh.core.api_profile import NO_CONCURRENCY, NO_USAGE, Fact
from sequel_assets.refresh.transform.checks import unreconciled
from sequel_assets.sandbox import Sandbox, Variations
from sequel_assets.sandbox.api.variations import RateLimit
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets.warehouse.tables.unlisted import unlisted_usage
from sequel_assets_tests.doctor.altered import DAYS, FIRST, altered_world, backfilled, client_at, config_of
from sequel_assets_tests.support.harness import PlatformUnderTest, failures
from sequel_assets_tests.support.reference import expected_tables, read_tables

SCENARIO = pytest.mark.scenario
TRUE = (
    "exclusive-dates",
    "published-path",
    pytest.param("analytics-host=data.sequel.io", marks=SCENARIO),
    pytest.param("activity-seconds", marks=SCENARIO),
    pytest.param("activity-cap=2", marks=SCENARIO),
    pytest.param("no-expiry", marks=SCENARIO),
    pytest.param("sub-companies", marks=SCENARIO),
    pytest.param("clock-skew=300", marks=SCENARIO),
    pytest.param("no-webhooks", marks=SCENARIO),
    pytest.param("exclusive-dates,activity-seconds,published-path", marks=SCENARIO),
)
"""Sequels of which every number can be had."""
OF_ACTIVITY = ("event_activity", "activity_totals")
WITHOUT_MINUTES = {
    "ignored-dates": Fact.DATES,
    "time-zone=-8": Fact.DAYS,
    "listed-totals": Fact.TOTALS,
    "ignored-engagement-type": Fact.ENGAGEMENT_TYPE,
}
"""Sequels whose minutes cannot be had, and the fact that says why."""
BY_THEMSELVES = "concurrency-from-midnight,list-cap=4,no-access=1,no-named,activity-from-zero,rate-limit=30"
"""Sequels that have a test of their own."""


def test_a_backfill_of_every_sequel_that_the_sandbox_can_be_is_compared_with_the_truth() -> None:
    of_lists = [str(getattr(one, "values", [one])[0]) for one in (*TRUE, *WITHOUT_MINUTES, BY_THEMSELVES)]
    proven = {part.partition("=")[0] for variations in of_lists for part in variations.split(",")}
    assert proven == {one.name.replace("_", "-") for one in fields(Variations)}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("variations", TRUE)
def test_the_tables_are_the_truth_where_the_platform_can_adapt(variations: str, warehouse: Warehouse) -> None:
    """Every dataset of every day, to the last row."""
    with backfilled(variations, warehouse) as (it, outcomes):
        assert failures(outcomes) == []
        it.assert_true(DAYS)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.sampled(2)
@pytest.mark.parametrize("variations", WITHOUT_MINUTES)
def test_no_minute_is_stored_where_minutes_cannot_be_had(variations: str, warehouse: Warehouse) -> None:
    """Each slice fails by name, and concurrency, which can be had, is there."""
    with backfilled(variations, warehouse) as (it, outcomes):
        problems = it.problems()
    reason = NO_USAGE[WITHOUT_MINUTES[variations]]
    failed = {outcome.dataset for outcome in outcomes if reason in outcome.reason}
    assert {event_participants.name, "daily_usage"} <= failed
    assert any(reason in why and event_id == "big" for _, _, _, event_id, why in problems)
    assert rows_of(warehouse, event_participants) == 0
    assert rows_of(warehouse, event_concurrency) > 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_concurrency_alone_fails_where_its_minutes_have_no_time(warehouse: Warehouse) -> None:
    """Participants do not depend on it."""
    with backfilled("concurrency-from-midnight", warehouse) as (_, outcomes):
        pass
    reason = NO_CONCURRENCY[Fact.CONCURRENCY]
    failed = {outcome.dataset for outcome in outcomes if reason in outcome.reason}
    assert event_concurrency.name in failed
    assert event_participants.name not in failed
    assert rows_of(warehouse, event_concurrency) == 0
    assert rows_of(warehouse, event_participants) > 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_companies_without_access_fail_by_name_and_no_other(warehouse: Warehouse) -> None:
    """The last of three is refused, and what the root's roll-up lacks waits for it."""
    with backfilled("no-access=1", warehouse) as (it, outcomes):
        expected = expected_tables(it.world, DAYS, start=FIRST, now=it.clock(), companies=["root", "kid"])
    failed = failures(outcomes)
    assert {company_id for company_id, _, _, _ in failed} == {"far"}
    assert {"403" in reason for _, _, _, reason in failed} == {True}
    stored = read_tables(warehouse)
    for name in ("event_participants", "event_concurrency", "daily_usage", "lifetime_usage"):
        assert stored[name] == expected[name]
    assert {row[0] for row in all_rows(warehouse, company_rollup)} == {"kid"}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_only_named_and_not_answered_is_unavailable_and_all_else_is_true(warehouse: Warehouse) -> None:
    """Polls, questions, chat and reactions."""
    with backfilled("no-named", warehouse) as (it, outcomes):
        it.assert_true(DAYS)
        assert failures(outcomes) == []
    interactions = frozenset({"polls", "poll_options", "poll_answers", "questions", "chat_messages", "reactions"})
    assert warehouse.ask(availability.by_company) == dict.fromkeys(("root", "kid", "far"), interactions)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_activity_whose_pages_count_from_0_fails_by_name_and_minutes_are_true(warehouse: Warehouse) -> None:
    """Its first page is never answered, and totalCount shows it."""
    with backfilled("activity-from-zero", warehouse) as (it, outcomes):
        failed = failures(outcomes)
        it.assert_true(DAYS, but=OF_ACTIVITY)
    assert {dataset for _, dataset, _, _ in failed} >= {"event_activity"}
    assert {"totalCount says" in reason for _, dataset, _, reason in failed if dataset == "event_activity"} == {True}
    assert rows_of(warehouse, event_activity) == 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_rate_limit_costs_time_and_no_number(warehouse: Warehouse) -> None:
    """Requests that are refused are sent again after the wait that Sequel asks for."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with Sandbox(altered_world(), variations=Variations(rate_limit=30)) as server:
        server.api.rate_limit = RateLimit(30, monotonic=lambda: clock[0])
        with closing(client_at(server, config_of(server), sleep)) as client:
            it = PlatformUnderTest(server.world, server, client, warehouse, FIRST)
            assert failures(it.refresh(DAYS)) == []
            it.assert_true(DAYS)
            assert client.stats.throttled > 0


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_capped_lists_give_all_minutes_exact_people_and_lower_bounds(warehouse: Warehouse) -> None:
    """The activity says who was live, for the event was live on one day; on the day of the replay it cannot."""
    with backfilled("list-cap=4", warehouse) as (it, outcomes):
        assert failures(outcomes) == []
        expected = expected_tables(it.world, DAYS, start=FIRST, now=it.clock())
        stored = read_tables(warehouse)
        beyond = all_rows(warehouse, unlisted_usage)
        wrong = warehouse.ask(unreconciled)
    replay_day, capped = DAYS[3], ("root", DAYS[3])
    assert beyond == [("root", replay_day, "big", "virtualStageEvent", 0, 55, 55, 0, 5, 5)]
    assert wrong == []
    missing = set(expected["event_participants"]) - set(stored["event_participants"])
    assert set(stored["event_participants"]) <= set(expected["event_participants"])
    assert {row[:2] for row in missing} == {capped}
    assert (len(missing), sum(row[7] for row in missing)) == (5, 55)
    for name in ("daily_usage", "lifetime_usage"):
        pairs = list(zip(sorted(stored[name]), sorted(expected[name]), strict=True))
        assert [row[:6] for row, _ in pairs] == [true[:6] for _, true in pairs]
        assert [row for row, true in pairs if row[6] > true[6]] == []
    assert flagged(warehouse, daily_usage) == {("root", replay_day)}
    assert flagged(warehouse, lifetime_usage) == {("root", replay_day), ("root", DAYS[4])}
    assert stored["peak_concurrency"] == expected["peak_concurrency"]
    people = {row[1] for row in expected["people"]}
    assert {row[4] for row in all_rows(warehouse, top_participants)} <= people


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_capped_list_fails_by_name_while_the_cap_is_not_known(warehouse: Warehouse) -> None:
    """A list that ends early may be any mistake; the problem says which command looks into it."""
    with (
        Sandbox(altered_world(), variations=Variations(list_cap=4)) as server,
        closing(client_at(server, config_of(server))) as client,
    ):
        outcomes = PlatformUnderTest(server.world, server, client, warehouse, FIRST).refresh([DAYS[2]])
    (reason,) = {
        outcome.reason for outcome in outcomes if outcome.dataset == event_participants.name and outcome.reason
    }
    assert "Sequel caps the list" in reason
    assert "sequel-assets doctor --event big" in reason


def all_rows(warehouse: Warehouse, table: sa.Table) -> list[tuple[object, ...]]:
    """Return every row of a table."""
    return warehouse.ask(lambda connection: [tuple(row) for row in connection.execute(sa.select(table))])


def flagged(warehouse: Warehouse, table: sa.Table) -> set[tuple[object, ...]]:
    """Return the company and day of each row with people beyond the lists."""
    chosen = sa.select(table.c.company_id, table.c.day).where(table.c.has_unlisted_people)
    return warehouse.ask(lambda connection: {tuple(row) for row in connection.execute(chosen)})


def rows_of(warehouse: Warehouse, table: sa.Table) -> int:
    """Return how many rows a table has."""
    return int(warehouse.ask(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(table))) or 0)
