"""Freshness and what is due, over months of simulated hours, against an oracle written from the rule's words alone."""

from datetime import date, datetime, timedelta

import pytest

from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.freshness import Covers, Late, Watermark, late_slices, required
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets_tests.refresh.coverage.history import DAY, HOUR, LATE_WINDOW, SETTLE, History, at


def test_an_hourly_schedule_that_never_misses_never_turns_red() -> None:
    """From the first hour on, through closes, finals, month's ends and a leap day."""
    history, now = History(), at("2028-02-25T00:05")
    while now < at("2028-03-06T00:00"):
        history.refresh(now, due_this_hour(history.slices(), now, settle=SETTLE, late_window=LATE_WINDOW))
        for minutes in (0, 10, 29, 30, 54):
            assert (
                late_slices(
                    "c", history.slices(), now + timedelta(minutes=minutes), settle=SETTLE, late_window=LATE_WINDOW
                )
                == []
            )
        now += HOUR


def test_no_day_is_asked_twice_for_the_same_reason() -> None:
    """Within an hour nothing is due again; a past day is due at its close and at its final, and never after."""
    history, now = History(), at("2026-11-20T00:05")
    asked: dict[date, list[DayCoverage]] = {}
    while now < at("2026-11-26T00:00"):
        due = due_this_hour(history.slices(), now, settle=SETTLE, late_window=LATE_WINDOW)
        history.refresh(now, due)
        assert (
            due_this_hour(history.slices(), now + timedelta(minutes=20), settle=SETTLE, late_window=LATE_WINDOW) == {}
        )
        for day, coverage in due.items():
            asked.setdefault(day, []).append(coverage)
        now += HOUR
    assert asked[date(2026, 11, 21)] == [DayCoverage.ACTIVE] * 24 + [DayCoverage.FULL] * 2


def test_a_week_off_is_made_good_by_the_next_tick_each_day_once() -> None:
    """What should have closed or turned final meanwhile does, in one go."""
    history = History()
    for hour in range(24):
        now = at("2026-11-10T00:05") + hour * HOUR
        history.refresh(now, due_this_hour(history.slices(), now, settle=SETTLE, late_window=LATE_WINDOW))
    back = at("2026-11-18T09:05")
    due = due_this_hour(history.slices(), back, settle=SETTLE, late_window=LATE_WINDOW)
    assert due == {date(2026, 11, n): DayCoverage.FULL for n in range(10, 18)} | {
        date(2026, 11, 18): DayCoverage.ACTIVE
    }
    history.refresh(back, due)
    assert (
        late_slices("c", history.slices(), back + timedelta(minutes=40), settle=SETTLE, late_window=LATE_WINDOW) == []
    )
    assert [day for day, held in history.slices().items() if held.is_final] == [
        date(2026, 11, n) for n in range(10, 16)
    ]


def test_a_late_slice_says_by_how_much_and_which_rule_it_breaks() -> None:
    """Names for people: the hour it should cover, the one it covers."""
    now = at("2026-11-23T15:36")
    slices = {
        date(2026, 11, 20): Watermark(at("2026-11-21T00:00"), at("2026-11-21T00:00"), False),
        date(2026, 11, 22): Watermark(at("2026-11-22T22:00"), None, False),
        date(2026, 11, 23): Watermark(at("2026-11-23T12:00"), None, False),
    }
    assert late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW) == [
        Late("c", date(2026, 11, 20), at("2026-11-23T00:00"), at("2026-11-21T00:00"), "final"),
        Late("c", date(2026, 11, 21), at("2026-11-22T00:00"), None, "close"),
        Late("c", date(2026, 11, 22), at("2026-11-23T00:00"), None, "close"),
        Late("c", date(2026, 11, 23), at("2026-11-23T15:00"), at("2026-11-23T12:00"), "hour"),
    ]
    assert [late.by for late in late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW)] == [
        2 * DAY,
        None,
        None,
        3 * HOUR,
    ]


def test_a_day_that_was_asked_in_full_before_its_end_alone_is_late_and_due() -> None:
    """It has not closed by that: its last hours are missing."""
    day, now, before = date(2026, 11, 22), at("2026-11-23T00:35"), at("2026-11-22T22:00")
    slices = {day: Watermark(before, before, False), DAY + day: Watermark(at("2026-11-23T00:00"), None, False)}
    assert late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW) == [
        Late("c", day, at("2026-11-23T00:00"), before, "close")
    ]
    assert due_this_hour(slices, now, settle=SETTLE, late_window=LATE_WINDOW) == {day: DayCoverage.FULL}


def test_a_day_that_is_not_final_is_late_from_the_hour_at_which_its_late_window_has_passed() -> None:
    """From the minute on at which that hour is required, not an hour later."""
    day, closed, now = date(2026, 11, 22), at("2026-11-23T00:00"), at("2026-11-25T00:35")
    slices = {day: Watermark(closed, closed, False)}
    slices |= {day + n * DAY: Watermark(now, now, True) for n in (1, 2, 3)}
    assert late_slices("c", slices, now - timedelta(minutes=1), settle=SETTLE, late_window=LATE_WINDOW) == []
    assert late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW) == [
        Late("c", day, at("2026-11-25T00:00"), closed, "final")
    ]


def test_frozen_days_owe_nothing() -> None:
    """Beyond a company's retention nothing can be asked, so nothing is late or due."""
    first_held = date(2026, 11, 21)
    now = at("2026-11-23T15:36")
    slices = {date(2026, 11, 20): Watermark(None, None, False)}
    assert date(2026, 11, 20) not in due_this_hour(
        slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held
    )
    assert date(2026, 11, 20) not in {
        late.day
        for late in late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held)
    }


def test_a_backfill_asks_again_only_for_what_may_have_changed() -> None:
    """Final days and days wholly asked within this hour are skipped; hot ones and older ones are not."""
    now = at("2026-11-23T15:10")
    slices = {
        date(2026, 11, 10): Watermark(at("2026-11-23T10:00"), at("2026-11-23T10:00"), True),
        date(2026, 11, 21): Watermark(at("2026-11-22T10:00"), at("2026-11-22T10:00"), False),
        date(2026, 11, 22): Watermark(at("2026-11-23T15:00"), at("2026-11-23T15:00"), False),
        date(2026, 11, 23): Watermark(at("2026-11-23T15:00"), None, False),
    }
    days = [date(2026, 11, n) for n in (9, 10, 21, 22, 23)]
    assert list(days_to_request(days, slices, now, settle=SETTLE)) == [
        date(2026, 11, 9),
        date(2026, 11, 21),
        date(2026, 11, 23),
    ]


def details_requested(final: date, through: datetime | None) -> dict[date, Watermark]:
    """A final day whose events were last asked about as a whole through an hour."""
    minutes = day_end(final) + LATE_WINDOW
    return {final: Watermark(minutes, minutes, True, of_event_details=Covers(through, through, True))}


def test_what_belongs_to_events_is_asked_once_more_when_their_replay_window_closes() -> None:
    """By the hour and by a backfill, once, whenever somebody runs again, and never of a frozen day. It makes nothing late."""
    final = date(2026, 10, 20)
    closes = at("2026-11-20T00:00")  # the 30th day after it is over
    held = details_requested(final, at("2026-10-23T00:00"))

    def due(now: datetime, slices: dict[date, Watermark], frozen: date = date.min) -> dict[date, DayCoverage]:
        return due_once_more(slices, now, settle=SETTLE, frozen_before=frozen)

    assert due(closes + timedelta(minutes=4), held) == {}
    for now in (closes + SETTLE, closes + 40 * DAY):
        assert due(now, held) == {final: DayCoverage.EVENT_DETAILS}
        assert days_to_request([final], held, now, settle=SETTLE) == {final: DayCoverage.EVENT_DETAILS}
        assert due(now, held, final + DAY) == {}
        assert final not in due_this_hour(held, now, settle=SETTLE, late_window=LATE_WINDOW)
        assert final not in {late.day for late in late_slices("c", held, now, settle=SETTLE, late_window=LATE_WINDOW)}
    assert due(closes + 40 * DAY, details_requested(final, closes)) == {}
    assert days_to_request([final], details_requested(final, closes), closes + 40 * DAY, settle=SETTLE) == {}


def test_a_day_without_anything_of_events_or_that_waits_for_its_owner_is_not_asked_once_more() -> None:
    """What is not there is a backfill's business, and what is held has been told already."""
    final, now = date(2026, 10, 20), at("2026-11-23T10:05")
    for slices in (details_requested(final, None), {final: Watermark(now, now, True)}):
        assert due_once_more(slices, now, settle=SETTLE) == {}


@pytest.mark.parametrize(
    ("now", "through", "need"),
    [
        ("2026-11-23T15:04", "2026-11-23T14:00", "2026-11-23T14:00"),
        ("2026-11-23T15:05", "2026-11-23T15:00", "2026-11-23T14:00"),
        ("2026-11-23T15:35", "2026-11-23T15:00", "2026-11-23T15:00"),
        ("2026-11-24T00:04", "2026-11-23T23:00", "2026-11-23T23:00"),
        ("2026-11-24T00:35", "2026-11-24T00:00", "2026-11-24T00:00"),
    ],
)
def test_what_is_expected_at_a_time_and_what_is_due(now: str, through: str, need: str) -> None:
    """Sequel has settled five minutes after the hour; a refresh may take thirty more."""
    assert data_through(at(now), SETTLE) == at(through)
    assert required(at(now), SETTLE) == at(need)
