"""A refresh of another Sequel before anybody ran the doctor: what it stores is true, and the rest fails by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from sequel_assets.cli.backfill.progress import offers_doctor
from sequel_assets.refresh.core.api_profile import NO_CONCURRENCY, NO_USAGE, Fact
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.usage.assumption_check import EXCLUDED_END, LONG_AGO
from sequel_assets.sandbox import Sandbox, Variations
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.doctor.altered import client_at, config_of, small_world
from sequel_assets_tests.support.harness import NOW, PlatformUnderTest, failures
from sequel_assets_tests.support.reference import expected_tables, read_tables

FIRST = date(2026, 3, 2)
DAYS = [FIRST + timedelta(days=number) for number in range(4)]


@cache
def truth(days: tuple[date, ...]) -> dict[str, set[Any]]:
    """Return the rows that a refresh of some days has, by table."""
    found = expected_tables(small_world(), days, start=FIRST, now=NOW)
    return {name: set(rows) for name, rows in found.items()}


def refreshed(variations: str, warehouse: Warehouse, runs: Sequence[Sequence[date]]) -> tuple[list[Outcome], list[str]]:
    """Refresh days of another Sequel, run by run; return the outcomes, and the queries of participants."""
    with (
        Sandbox(small_world(), variations=Variations.parse(variations)) as server,
        closing(client_at(server, config_of(server))) as client,
    ):
        it = PlatformUnderTest(server.world, server, client, warehouse, FIRST)
        outcomes = [outcome for days in runs for outcome in it.refresh(days)]
        return outcomes, [one.query for one in server.requests if "top-participants" in one.path]


def wrong_rows(warehouse: Warehouse, days: Sequence[date]) -> dict[str, set[Any]]:
    """Return the stored rows that are not true, by table."""
    true, stored = truth(tuple(days)), read_tables(warehouse)
    return {name: wrong for name in true if (wrong := set(stored[name]) - true[name])}


WHOLE, LAST_DAY, LAST_DAY_OF_EARLY = [DAYS], [[DAYS[1]]], [[DAYS[0]]]
REFUSED = (
    ("exclusive-dates", LAST_DAY, "event_participants", EXCLUDED_END),
    ("ignored-dates", LAST_DAY, "event_participants", NO_USAGE[Fact.DATES]),
    ("ignored-dates", WHOLE, "event_participants", NO_USAGE[Fact.DATES]),
    ("listed-totals", WHOLE, "event_participants", NO_USAGE[Fact.TOTALS]),
    ("time-zone=-8", WHOLE, "event_participants", NO_USAGE[Fact.DAYS]),
    ("time-zone=-8", LAST_DAY_OF_EARLY, "event_participants", NO_USAGE[Fact.DAYS]),
    ("time-zone=5", WHOLE, "event_participants", NO_USAGE[Fact.DAYS]),
    ("activity-seconds", LAST_DAY, "event_activity", "the times of the user activity are no minutes"),
    ("concurrency-from-midnight", LAST_DAY, "event_concurrency", NO_CONCURRENCY[Fact.CONCURRENCY]),
    ("list-cap=2", LAST_DAY, "event_participants", "Sequel caps the list"),
)
"""Sequel, days by run, the dataset that fails, and why."""


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(("variations", "runs", "dataset", "why"), REFUSED)
def test_what_another_sequel_answers_wrongly_fails_by_name_and_is_not_stored(
    variations: str, runs: Sequence[Sequence[date]], dataset: str, why: str, warehouse: Warehouse
) -> None:
    """And the reason names the doctor, which a backfill then offers."""
    outcomes, _ = refreshed(variations, warehouse, runs)
    failed = [one for one in failures(outcomes) if one[1] == dataset]
    reasons = {reason for _, _, _, reason in failed}
    assert wrong_rows(warehouse, runs[-1]) == {}
    assert {why in reason and "sequel-assets doctor --event" in reason for reason in reasons} == {True}
    assert offers_doctor(reasons)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_types_that_sequel_ignores_are_noticed_unless_stored_minutes_show_that_it_does_not(
    warehouse: Warehouse,
) -> None:
    """Somebody may truly have each minute live and on demand."""
    outcomes, _ = refreshed("ignored-engagement-type", warehouse, WHOLE)
    reasons = {reason for _, dataset, _, reason in failures(outcomes) if dataset == "event_participants"}
    assert wrong_rows(warehouse, DAYS) == {}
    assert {NO_USAGE[Fact.ENGAGEMENT_TYPE] in reason for reason in reasons} == {True}
    assert offers_doctor(reasons)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("runs", "extra_requests"), [(WHOLE, 0), ([[one] for one in DAYS], 1)], ids=["range", "single days"]
)
def test_a_sequel_as_documented_is_believed_with_one_request_at_most(
    runs: Sequence[Sequence[date]], extra_requests: int, warehouse: Warehouse
) -> None:
    """Days that are truly empty are stored as such. Single days need one of long ago, once."""
    outcomes, queries = refreshed("", warehouse, runs)
    stored = read_tables(warehouse)
    assert failures(outcomes) == []
    assert {name: set(stored[name]) for name in truth(tuple(DAYS))} == truth(tuple(DAYS))
    long_ago = [query for query in queries if str(LONG_AGO.first) in query]
    day_after = [query for query in queries if f"endDate={DAYS[-1] + timedelta(days=1)}" in query]
    assert (len(long_ago), day_after) == (extra_requests, [])
