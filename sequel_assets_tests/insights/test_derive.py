"""Deriving insights from facts: whatever is behind, and nothing else; the order of days does not matter."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights import DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.transform.derive import WantedSlice, derive, wanted_slices
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.replacement import SliceState, SliceUpdate, day_end, replace_slices
from sequel_assets.warehouse.stores.problems import Problem, replace_problems
from sequel_assets.warehouse.tables.core import (
    NO_DAY,
    companies,
    event_concurrency,
    event_participants,
    events,
    metadata,
    problems,
    proofs,
    refreshes,
)
from sequel_assets_tests.insights.test_by_hand import daily_by_hand, lifetime_by_hand, peaks_by_hand
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    DAY,
    HUB,
    LATE,
    STAGE,
    day,
    empty,
    everything,
    hour,
    participant,
    settle_in,
    table_of,
)

THROUGH = hour(24 * 8)
MOMENT = RunInfo(at=AT, through=THROUGH, late_window=LATE, run_id="run")
KINDS = {"e1": STAGE, "h1": HUB}
FACTS = {
    0: [participant("e1", "ada", 10, 5)],
    1: [],
    2: [participant("e1", "ada", 0, 3, on=day(2)), participant("h1", "bo", 7, on=day(2), kind=HUB)],
    3: [participant("e1", "cy", 1, on=day(3)), participant("e1", "ada", 1, on=day(3))],
}


@pytest.fixture(autouse=True)
def _events(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three insights stand for all: one of a day by itself, one as of it, one of another source."""
    monkeypatch.setattr(
        "sequel_assets.refresh.transform.derive.OWN_INSIGHTS", (DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY)
    )
    settle_in(warehouse, KINDS)


def land(warehouse: Warehouse, number: int, rows: list[Row] | None = None) -> None:
    """Store the facts of a day, and one minute of concurrency for each person."""
    rows = FACTS[number] if rows is None else rows
    minutes = [(ACME, day(number), "e1", hour(24 * number + 1), len(rows))] if rows else []
    with warehouse.write(ACME) as connection:
        for table, held in ((event_participants, rows), (event_concurrency, minutes)):
            update = SliceUpdate(table, day(number), held, None, THROUGH, THROUGH, THROUGH)
            replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id="run")


def derived(
    warehouse: Warehouse, *numbers: int, start: int = 0, frozen_before: date = NONE_FROZEN
) -> dict[str, list[tuple[int, str]]]:
    """Derive and tell, by insight, which days became what."""
    results = derive(
        warehouse,
        ACME,
        [day(n) for n in numbers],
        start=day(start),
        run_info=MOMENT,
        frozen_before=frozen_before,
    ).results
    return {name: [((result.day - DAY).days, result.state.value) for result in each] for name, each in results.items()}


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
    monkeypatch.setattr("sequel_assets.refresh.transform.derive.time.sleep", lambda _: next(pauses)())
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


def fact(number: int, through: datetime | None, full: datetime | None, checksum: str = "c") -> tuple[Any, Any]:
    """A row of `refreshes` as the derivation reads it."""
    is_final = full is not None and full >= day_end(day(number)) + LATE
    return day(number), SimpleNamespace(
        checksum=checksum, data_through=through, full_through=full, is_final=is_final, day=day(number)
    )


def hours_of(facts: Iterable[tuple[Any, Any]]) -> list[tuple[datetime, datetime | None]]:
    wanted, waiting = wanted_slices(LIFETIME_USAGE, dict(facts), DAY)
    assert waiting == {}
    return [(want.data_through, want.full_through) for want in wanted.values()]


def test_an_as_of_slice_goes_as_far_as_its_own_day_once_the_days_before_it_are_over_and_final() -> None:
    """Yesterday's and the day before's numbers cannot move any more; only today's hour counts."""
    final = [fact(n, hour(24 * n + 72), hour(24 * n + 72)) for n in (0, 1)]
    assert hours_of([*final, fact(2, hour(140), hour(130))])[-1] == (hour(140), hour(130))


def test_a_day_that_stopped_before_its_own_end_holds_back_every_later_as_of_day() -> None:
    """Its last hours are missing in every sum over it; one that was asked after its end holds nothing back."""
    assert [through for through, _ in hours_of([fact(0, hour(20), None), fact(1, hour(48), None), fact(2, hour(71), None)])] == [
        hour(20), hour(20), hour(20),
    ]  # fmt: skip
    assert [through for through, _ in hours_of([fact(0, hour(24), None), fact(1, hour(48), None), fact(2, hour(71), None)])] == [
        hour(24), hour(48), hour(71),
    ]  # fmt: skip


def test_an_as_of_slice_is_no_more_final_than_the_days_it_sums_up() -> None:
    """A provisional or only hotly covered day before it keeps its full hour low, or unknown."""
    last = fact(2, hour(24 * 5), hour(24 * 5))
    assert hours_of([fact(0, hour(72), hour(72)), fact(1, hour(95), hour(90)), last])[-1] == (hour(120), hour(90))
    assert hours_of([fact(0, hour(72), hour(72)), fact(1, hour(95), None), last])[-1] == (hour(120), None)
    assert hours_of([fact(0, hour(72), hour(72)), fact(1, hour(96), hour(96)), last])[-1] == (hour(120), hour(120))


def test_an_insight_of_a_day_says_what_the_facts_of_the_day_say() -> None:
    """Checksum and hours are the facts'; days without an hour are unknown; days before the start keep theirs out."""
    facts = dict(
        [fact(-1, hour(9), hour(9)), fact(0, hour(9), None, "x"), fact(1, None, None), fact(3, hour(80), hour(79), "y")]
    )
    wanted, waiting = wanted_slices(DAILY_USAGE, facts, DAY)
    assert (wanted, waiting) == (
        {day(0): WantedSlice("x", hour(9), None, False), day(3): WantedSlice("y", hour(80), hour(79), False, is_full=True)}, {},
    )  # fmt: skip


def test_a_day_of_which_only_single_events_were_asked_is_a_missing_one() -> None:
    """Its sum would be partial."""
    wanted, waiting = wanted_slices(LIFETIME_USAGE, dict([fact(0, None, None), fact(1, hour(48), None)]), DAY)
    assert (wanted, waiting) == ({}, {day(1): DAY})


def test_the_chain_tells_every_difference_before_a_day() -> None:
    """Another checksum on any day up to it, another start: another input; what comes later plays no part."""
    base = [fact(n, hour(200), None, f"c{n}") for n in range(4)]
    inputs = {day_: want.input_checksum for day_, want in wanted_slices(LIFETIME_USAGE, dict(base), DAY)[0].items()}
    assert len(set(inputs.values())) == 4
    for changed in range(4):
        other = dict([*base[:changed], fact(changed, hour(200), None, "other"), *base[changed + 1 :]])
        now = {day_: want.input_checksum for day_, want in wanted_slices(LIFETIME_USAGE, other, DAY)[0].items()}
        assert [now[day(n)] == inputs[day(n)] for n in range(4)] == [n < changed for n in range(4)]
    later = wanted_slices(LIFETIME_USAGE, dict(base), DAY + timedelta(days=1))[0]
    assert all(want.input_checksum != inputs[on] for on, want in later.items())


def test_a_history_that_begins_later_drops_the_days_before_and_counts_anew(warehouse: Warehouse) -> None:
    """No as-of number stays that counts from another start than the settings say."""
    for number in FACTS:
        land(warehouse, number)
    derived(warehouse)
    derived(warehouse, start=2)
    kept = table_of(warehouse, lifetime_usage)
    assert {row[1] for row in kept} == {day(2), day(3)}
    assert [row for row in kept if row[1] == day(2) and row[2] == "all"] == [
        (ACME, day(2), "all", 7, 3, 10, 2, 2, day(2), day(2))
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
    assert {row[-1] for row in table_of(warehouse, lifetime_usage)} == {day(2)}


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
        replace_problems(warehouse, ACME, note.dataset, [note.day], [note], at=AT)
    derived(warehouse, frozen_before=day(1))
    assert [row[2] for row in table_of(warehouse, problems)] == [NO_DAY, day(2)]
