"""The clock: pinned, moved, sped up."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sequel_assets.sandbox import Clock

START = datetime(2026, 3, 2, 14, 20, 30, tzinfo=UTC)


class Machine:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_pinned_clock_moves_only_when_told():
    """By a time, by seconds, by parts."""
    clock = Clock.pinned(START)
    clock.advance(30)
    clock.advance(timedelta(minutes=1))
    clock.advance(hours=1, minutes=2)
    assert (clock.now(), clock.is_pinned) == (START + timedelta(hours=1, minutes=3, seconds=30), True)
    clock.set(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_clock_can_run_faster_and_change_its_pace():
    """What has passed stays passed."""
    machine = Machine()
    clock = Clock(START, speed=60, monotonic=machine)
    machine.seconds += 2
    assert clock.now() == START + timedelta(minutes=2)
    clock.speed = 0
    machine.seconds += 2
    assert (clock.now(), clock.is_pinned) == (START + timedelta(minutes=2), True)


def test_the_top_of_the_hour_is_at_or_before_now():
    """Analytics end there."""
    clock = Clock.pinned(START)
    assert clock.top_of_hour() == datetime(2026, 3, 2, 14, tzinfo=UTC)
    clock.set(datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert clock.top_of_hour() == datetime(2026, 3, 2, 15, tzinfo=UTC)


def test_a_clock_without_a_start_is_the_real_one():
    """Give or take a second."""
    assert abs(Clock().now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_a_clock_does_not_run_backwards_and_needs_zones():
    """Mistakes are told at once."""
    with pytest.raises(ValueError, match="cannot run backwards"):
        Clock(speed=-1)
    with pytest.raises(ValueError, match="a time needs its zone"):
        Clock.pinned(START.replace(tzinfo=None))
