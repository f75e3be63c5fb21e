"""What each slice of an insight should say of itself, by the facts alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sequel_assets.insights import DAILY_USAGE, LIFETIME_USAGE
from sequel_assets.refresh.transform.derive import WantedSlice, wanted_slices
from sequel_assets_tests.refresh.transform.derived import fact
from sequel_assets_tests.support.rows import (
    DAY,
    day,
    hour,
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


def test_the_chain_shows_every_difference_before_a_day() -> None:
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
