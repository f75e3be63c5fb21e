"""What each company owes, found without reading the whole history of all of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets import settings
from sequel_assets.orchestration.schedules import hourly_due
from sequel_assets.orchestration.schedules.hourly_due import due_days
from sequel_assets.orchestration.schedules.hourly_plan import in_turn
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, DAYS, NOW
from sequel_assets_tests.support.stage import Stage

HOUR = timedelta(hours=1)
AT = datetime(2026, 3, 31, 15, 5, tzinfo=UTC)
TODAY = AT.date()
THROUGH = [None, AT.replace(minute=0) - 60 * HOUR, AT.replace(minute=0) - 5 * HOUR, AT.replace(minute=0)]
WATERMARKS = st.builds(Watermark, st.sampled_from(THROUGH), st.sampled_from(THROUGH), st.booleans())


@given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 10_000))
def test_every_company_has_its_turn_and_no_tick_looks_at_more_than_it_may(number: int, at_once: int, hour: int) -> None:
    """In as many consecutive hours as the companies need; of few companies all are looked at every hour."""
    keys = list(range(number))
    ticks = -(-number // at_once)
    turns = [in_turn(keys, AT + (hour + tick) * HOUR, at_once) for tick in range(ticks)]
    assert all(len(turn) == len(set(turn)) == min(number, at_once) for turn in turns)
    assert set().union(*turns) == set(keys)


@given(
    st.dictionaries(st.dates(TODAY - timedelta(days=50), TODAY), WATERMARKS),
    st.dates(TODAY - timedelta(days=40), TODAY - timedelta(days=1)),
    st.dates(TODAY - timedelta(days=60), TODAY),
)
def test_the_days_that_are_due_since_a_day_are_those_of_the_whole_history(
    slices: dict[date, Watermark], since: date, frozen_before: date
) -> None:
    """Also days that were never refreshed, and where nothing was since."""
    rules = {"settle": timedelta(minutes=5), "late_window": timedelta(hours=48), "frozen_before": frozen_before}
    whole = due_this_hour(slices, AT, **rules)  # type: ignore[arg-type]
    first = since if any(day < since for day in slices) else None
    recent = {day: slice_ for day, slice_ in slices.items() if day >= since}
    found = due_this_hour(recent, AT, first=first, **rules)  # type: ignore[arg-type]
    assert found == {day: how for day, how in whole.items() if day >= since}


@pytest.mark.slow
@ON_REFRESHED
def test_what_is_read_since_a_day_owes_what_the_whole_of_it_owes_since_then(stage: Stage) -> None:
    """A day of Acme is missing, another has not closed: both are due, whichever way the warehouse is asked."""
    r = refreshes.c
    with stage.warehouse.write() as connection:
        connection.execute(refreshes.delete().where(r.company_id == ACME, r.day == DAYS[1]))
        connection.execute(refreshes.update().where(r.day == DAYS[0]).values(is_final=True))
    known, later = settings.load(), NOW + HOUR
    with stage.warehouse.read() as connection:
        there = catalog.present_companies(connection)
        whole = hourly_due._due(connection, known, there, later, None)
        recent = hourly_due._due(connection, known, there, later, DAYS[1])
    assert whole == due_days(known, later)
    assert whole[stage.key(ACME)] == DAYS[1:]
    assert recent == {key: [day for day in days if day >= DAYS[1]] for key, days in whole.items()}
