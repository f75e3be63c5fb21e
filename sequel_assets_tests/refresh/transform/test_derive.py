"""Deriving insights from facts: whatever is behind, and nothing else; the order of days does not matter."""

from __future__ import annotations

import itertools
import time

import pytest

from sequel_assets.insights import DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.refresh.transform.derive import GIVES_WAY
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState
from sequel_assets.warehouse.tables.core import (
    companies,
    events,
    metadata,
    problems,
    proofs,
    refreshes,
)
from sequel_assets_tests.insights.test_by_hand import daily_by_hand, lifetime_by_hand, peaks_by_hand
from sequel_assets_tests.refresh.transform.derived import FACTS, derived, land
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    STAGE,
    day,
    empty,
    everything,
    hour,
    participant,
    settle_in,
    table_of,
)

pytestmark = pytest.mark.usefixtures("three_insights")

KINDS = {"e1": STAGE, "h1": HUB}


def of_all(*days: tuple[int, SliceState]) -> dict[str, list[tuple[int, str]]]:
    told = [(number, state.value) for number, state in days]
    return {"daily_usage": told, "lifetime_usage": told, "peak_concurrency": told}


def test_insights_are_what_the_facts_say(warehouse: Warehouse) -> None:
    """All three, of four days, in one go; and again nothing is behind."""
    for number in FACTS:
        land(warehouse, number)
    assert derived(warehouse) == of_all(*((number, SliceState.CHANGED) for number in FACTS))
    rows, days = [row for each in FACTS.values() for row in each], [day(n) for n in FACTS]
    users = {("e1", hour(24 * n + 1)): len(held) for n, held in FACTS.items() if held}
    found = everything(warehouse)
    assert found["daily_usage"] == daily_by_hand(rows, days)
    assert found["lifetime_usage"] == lifetime_by_hand(rows, days, DAY)
    assert found["peak_concurrency"] == peaks_by_hand(users, days)
    assert derived(warehouse) == of_all()
    assert everything(warehouse) == found


def test_a_derivation_that_takes_long_lets_others_write_between_two_insights_and_each_is_of_the_facts_of_its_moment(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day changes meanwhile: whoever had been derived before is behind, which the next derivation sees."""
    for number in FACTS:
        land(warehouse, number)
    monkeypatch.setattr("sequel_assets.refresh.transform.derive.LONG", -1)
    pauses = iter([lambda: land(warehouse, 3, [participant("e1", "dee", 7, on=day(3))]), lambda: None])
    sleep = time.sleep  # other threads of the tests sleep too
    monkeypatch.setattr(time, "sleep", lambda how_long: next(pauses)() if how_long == GIVES_WAY else sleep(how_long))
    assert derived(warehouse) == of_all(*((number, SliceState.CHANGED) for number in FACTS))
    assert next(pauses, None) is None
    monkeypatch.undo()
    monkeypatch.setattr(
        "sequel_assets.refresh.transform.derive.OWN_INSIGHTS", (DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY)
    )
    assert derived(warehouse) == {**of_all(), "daily_usage": [(3, "changed")]}


def test_days_that_are_asked_for_are_accounted_for_also_when_nothing_changed(warehouse: Warehouse) -> None:
    """The run that was started for a day reports it; its rows are not touched."""
    for number in FACTS:
        land(warehouse, number)
    derived(warehouse)
    assert derived(warehouse, 1, 2) == of_all((1, SliceState.UNCHANGED), (2, SliceState.UNCHANGED))


def test_a_changed_early_day_rederives_every_later_as_of_day_and_only_its_own_of_the_others(
    warehouse: Warehouse,
) -> None:
    """Rule 6: whatever depends on it follows, nothing else."""
    for number in FACTS:
        land(warehouse, number)
    derived(warehouse)
    land(warehouse, 1, [participant("e1", "dee", 2, on=day(1))])
    changed = [(1, "changed")]
    later = [(1, "changed"), (2, "changed"), (3, "changed")]
    assert derived(warehouse, 1) == {"daily_usage": changed, "lifetime_usage": later, "peak_concurrency": changed}


def test_a_missing_day_is_named_and_holds_back_every_as_of_day_after_it(warehouse: Warehouse) -> None:
    """Daily numbers are there; lifetime waits, with a problem; once the day has facts all follows by itself."""
    for number in (0, 2, 3):
        land(warehouse, number)
    there = [(0, "changed"), (2, "changed"), (3, "changed")]
    assert derived(warehouse, 2) == {"daily_usage": there, "lifetime_usage": there[:1], "peak_concurrency": there}
    reason = "not written: 2026-03-02 has no event_participants yet; backfill that day and this one follows by itself"
    assert table_of(warehouse, problems) == [
        (ACME, "lifetime_usage", day(n), "", reason, AT, "problem") for n in (2, 3)
    ]
    assert {row[1] for row in table_of(warehouse, lifetime_usage)} == {day(0)}
    land(warehouse, 1)
    rest = [(1, "changed")]
    assert derived(warehouse, 1) == {
        "daily_usage": rest,
        "lifetime_usage": [(1, "changed"), (2, "changed"), (3, "changed")],
        "peak_concurrency": rest,
    }
    assert table_of(warehouse, problems) == []


@pytest.mark.scenario
def test_days_in_any_order_come_to_the_same(warehouse: Warehouse) -> None:
    """Deriving after each day, in each of the 24 orders: rows, hours and checksums as all at once."""
    slate = (*reversed(metadata.sorted_tables),)
    ends = []
    for order in [None, *itertools.permutations(FACTS)]:
        empty(warehouse, *slate)
        settle_in(warehouse, KINDS)
        for number in order or FACTS:
            land(warehouse, number)
            if order:
                derived(warehouse, number)
        derived(warehouse)
        ends.append(everything(warehouse))
    assert ends == [ends[0]] * 25
    assert len(ends[0]["refreshes"]) == 5 * len(FACTS)
    assert {companies.name, events.name, proofs.name, refreshes.name} <= ends[0].keys()


def test_what_is_before_the_start_is_not_in_lifetime(warehouse: Warehouse) -> None:
    """Lifetime counts from `SEQUEL_START_DATE`."""
    for number in FACTS:
        land(warehouse, number)
    derived(warehouse, start=2)
    rows = [row for each in FACTS.values() for row in each]
    assert table_of(warehouse, lifetime_usage) == lifetime_by_hand(rows, [day(2), day(3)], day(2))
