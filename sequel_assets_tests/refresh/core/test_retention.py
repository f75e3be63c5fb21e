"""Which days are frozen and which of them unknown: pure decisions, against the words of the rule."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.core.retention import Retention, counts_from, frozen_before, unknown_days
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores.catalog import KnownCompany

DAY = timedelta(days=1)
START = date(2026, 3, 1)


def day(number: int) -> date:
    """Day 0 is the first of March 2026."""
    return START + number * DAY


def company(company_id: str) -> KnownCompany:
    return KnownCompany(company_id, f"{company_id}.key", company_id, None, 1, None)


def closed(*numbers: int) -> dict[date, Watermark]:
    return {day(n): Watermark(day_end(day(n)), day_end(day(n)), False) for n in numbers}


moments = st.integers(0, 60 * 24 * 60).map(lambda n: datetime(2024, 2, 1, tzinfo=UTC) + n * timedelta(minutes=1))


@given(moments, st.integers(1, 40))
def test_a_day_is_frozen_when_it_ended_longer_ago_than_sequel_keeps_it(now: datetime, kept: int) -> None:
    """Day by day, in any zone of the clock: the frozen ones are those before the first that is held."""
    first = frozen_before(now, kept)
    assert first == frozen_before(now.astimezone(ZoneInfo("Australia/Lord_Howe")), kept)
    for number in range(-60, 3):
        on = now.date() + number * DAY
        ended = datetime(on.year, on.month, on.day, tzinfo=UTC) + DAY
        assert (on < first) == (now - ended > timedelta(days=kept)), on


@given(moments, st.integers(0, 240))
def test_with_the_least_retention_a_day_has_a_day_to_turn_final_before_it_freezes(now: datetime, window: int) -> None:
    """And when it turns final in time, no hour of it is older than what Sequel keeps."""
    kept = -(-window // 24) + 1
    final_since = day_end(now.date()) + timedelta(hours=window)
    assert frozen_before(final_since + DAY, kept) <= now.date()
    assert final_since - (day_end(now.date()) - DAY) <= timedelta(days=kept)


@given(st.sets(st.integers(-3, 20)), st.sets(st.integers(-3, 20)), st.integers(-3, 20))
def test_lifetime_counts_from_the_day_after_the_last_unknown_one(
    whole: set[int], partial: set[int], frozen: int
) -> None:
    """Unknown is a frozen day of the history that had not closed; from the answer on every frozen day had."""
    slices = {day(n): Watermark(day_end(day(n)) - timedelta(hours=1), None, False) for n in partial} | closed(*whole)
    expected = [day(n) for n in range(frozen) if n not in whole]
    assert unknown_days(slices, START, day(frozen)) == expected
    first = counts_from(slices, START, day(frozen))
    assert first == (max(expected) + DAY if expected else START)
    assert all(n in whole for n in range((first - START).days, frozen))


@pytest.mark.parametrize(
    ("of_companies", "days"),
    [
        ({}, 30),
        ({"acme": 5}, 5),
        ({"acme.key": 6}, 6),
        ({"acme": 5, "acme.key": 6}, 5),
        ({"acme": None}, None),
        ({"bolt": 7}, 30),
    ],
)
def test_a_company_has_its_own_retention_or_that_of_all(of_companies: dict[str, int | None], days: int | None) -> None:
    """By id, else by partition key, else the default; null means that all of it is kept."""
    retention = Retention(30, of_companies)
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    assert retention.of(company("acme")) == days
    expected = {} if days is None else {"acme": date(2026, 3, 20) - days * DAY}
    assert retention.frozen_before([company("acme")], now) == expected


def test_without_the_settings_nothing_is_frozen() -> None:
    """Sequel forgets nothing, as far as is known."""
    assert Retention().frozen_before([company("acme")], datetime(2026, 3, 20, tzinfo=UTC)) == {}
    assert (unknown_days({}, START, date.min), counts_from({}, START, date.min)) == ([], START)


def test_a_company_of_the_setting_that_nobody_knows_is_named() -> None:
    """As it is written there."""
    retention = Retention(None, {"acme": 5, "bolt.key": 5, "acmee": 5, "Bolt": None})
    assert retention.unknown_companies([company("acme"), company("bolt")]) == ["Bolt", "acmee"]
