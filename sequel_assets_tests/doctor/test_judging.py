"""What answers mean: the readings of dates, which events are looked at, where the analytics may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.doctor.judging import account, activity, dates, lists, opt_in
from sequel_assets.doctor.judging.dates import DAY, READINGS, DateReading, Span, readings_of, spans_around
from sequel_assets.doctor.judging.findings import Verdict
from sequel_assets.doctor.judging.lists import ListAnswer
from sequel_assets.doctor.judging.sample import MAX_EVENTS, SETTLED, SampledEvent, choose_events
from sequel_assets.refresh.core.api_profile import Fact
from sequel_assets.sequel import Event

ON = date(2026, 3, 4)
NOW = datetime(2026, 3, 8, 14, tzinfo=UTC)


def answers(reading: DateReading, replays: Mapping[date, int]) -> dict[Span, int]:
    """Return the minutes of each range around a day as a Sequel of that reading counts them."""
    minutes = {ON + reading.shift * DAY: 10, **{day + reading.shift * DAY: number for day, number in replays.items()}}
    found = {}
    for first, last in spans_around(ON):
        end = last if reading.is_end_included else last - DAY
        inside = [number for day, number in minutes.items() if reading.is_ignored or first <= day <= end]
        found[first, last] = sum(inside)
    return found


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_each_reading_of_dates_is_the_only_one_that_fits_its_answers(reading: DateReading) -> None:
    assert readings_of(ON, answers(reading, {}), is_live=True) == [reading]


@given(st.sampled_from(READINGS), st.integers(0, 9), st.integers(0, 9))
def test_replays_on_later_days_mislead_nobody(reading: DateReading, first: int, second: int) -> None:
    """Where engagementType is ignored they are counted too; the right reading still fits, and no other end does."""
    found = readings_of(ON, answers(reading, {ON + DAY: first, ON + 2 * DAY: second}), is_live=False)
    assert reading in found
    assert {(one.is_end_included, one.is_ignored) for one in found} == {(reading.is_end_included, reading.is_ignored)}


def test_answers_that_fit_no_reading_teach_nothing() -> None:
    found = dates.judge_dates([(sampled("e", 1), [])])
    assert [(one.verdict, dict(one.learned)) for one in found] == [(Verdict.NOT_ANSWERED, {})] * 2


def test_days_are_not_taken_for_utc_days_where_no_event_is_early_enough() -> None:
    """An event at 14:00 stands on the same day in New York."""
    readings = [DateReading()]
    _, days = dates.judge_dates([(sampled("e", 14), readings)])
    assert (days.verdict, dict(days.learned)) == (Verdict.NOT_ANSWERED, {})
    assert days.found.startswith("zones more than 14 h west or 9 h east of UTC are excluded")
    _, days = dates.judge_dates([(sampled("e", 4), readings)])
    assert (days.verdict, dict(days.learned)) == (Verdict.AS_DOCUMENTED, {Fact.DAYS: None})


def sampled(event_id: str, hour: int) -> SampledEvent:
    """Return an event of an hour."""
    starts = datetime(2026, 3, 4, hour, tzinfo=UTC)
    return SampledEvent(event_id, "root", starts, starts + timedelta(hours=1), 5, 50)


def event(uid: str, starts: datetime, **more: object) -> Event:
    """Return an event of an hour, as Sequel lists it."""
    return Event(uid=uid, starts_at=starts, ends_at=starts + timedelta(hours=1), **more)  # type: ignore[arg-type]


def test_the_events_looked_at_are_few_past_and_show_the_edges_of_a_day() -> None:
    """The wanted one first, even if it is old."""
    events = [event(f"e{number:02}", NOW - timedelta(days=2 + number // 20, hours=number % 20)) for number in range(60)]
    events += [event("future", NOW), event("cancelled", NOW - timedelta(days=2), is_cancelled=True)]
    events += [event("old", NOW - timedelta(days=400)), event("just now", NOW - SETTLED), Event(uid="undated")]
    chosen = choose_events(events, NOW, ["old", "nobody's"])
    hours = [one.starts_at.hour for one in chosen if one.starts_at]
    assert len(chosen) == MAX_EVENTS
    assert chosen[0].uid == "old"
    assert not {"future", "cancelled", "just now", "undated"} & {one.uid for one in chosen}
    assert min(hours) == 0
    assert max(hours) == 20


@pytest.mark.parametrize(
    ("api_url", "configured", "expected"),
    [
        (
            "https://api.introvoke.com",
            "https://analytics.introvoke.com",
            ["https://analytics.introvoke.com", "https://api.introvoke.com/api/v1", "https://data.sequel.io"],
        ),
        ("http://127.0.0.1:8700", "http://127.0.0.1:8700", ["http://127.0.0.1:8700", "http://127.0.0.1:8700/api/v1"]),
        (
            "https://x-introvoke.com",
            "https://b",
            ["https://b", "https://x-introvoke.com/api/v1", "https://x-introvoke.com"],
        ),
    ],
)
def test_a_token_goes_to_sequels_hosts_only_where_it_is_sequels(
    api_url: str, configured: str, expected: list[str]
) -> None:
    assert account.candidates(api_url, configured) == expected


def test_totals_that_move_between_two_answers_teach_nothing() -> None:
    """They are not those of the listed people."""
    found = lists.judge_lists("e", ListAnswer(9, 90, 1, 1), ListAnswer(10, 99, 10, 118), None)
    assert (found[0].verdict, dict(found[0].learned)) == (Verdict.NOT_ANSWERED, {})


def test_a_list_that_ends_elsewhere_with_another_limit_has_no_known_cap() -> None:
    found = lists.judge_lists("e", ListAnswer(9, 90, 1, 1), ListAnswer(9, 90, 4, 118), ListAnswer(9, 90, 5, 5))
    assert (found[1].verdict, dict(found[1].learned)) == (Verdict.NOT_ANSWERED, {})


@pytest.mark.parametrize(
    ("times", "unit"), [([30, 31], None), ([1800, 1860], "seconds"), ([0.5, 0.5], "hours"), ([7, 7], "")]
)
def test_the_unit_of_the_activity_follows_from_minutes_of_the_same_people(times: list[float], unit: str | None) -> None:
    """A ratio that no unit has teaches nothing."""
    found = activity.judge_unit("e", 61, times, is_complete=True)
    assert dict(found.learned) == ({} if unit == "" else {Fact.ACTIVITY_UNIT: unit})
    assert (found.verdict is Verdict.AS_DOCUMENTED) == (unit is None)


def test_a_rate_limit_says_how_many_requests_to_send_at_once() -> None:
    found = opt_in.judge_rate(4, throttled=3, retry_after=2.0, was_requested=True)
    assert (found.verdict, found.to_set) == (Verdict.DIFFERENT, "SEQUEL_MAX_CONCURRENCY=4")
    assert found.found == "3 answers 429 with Retry-After: 2 s, 4 at once went through"
