"""The window of requests under way: halved by a 429, grown by success, never below one or above its maximum."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel.transport.limiter import Limiter
from sequel_assets_tests.sequel.conftest import SleepingClock


def throttle(limiter: Limiter, pause_seconds: float = 0.0) -> None:
    with limiter.permit() as permit:
        permit.throttled(pause_seconds)


def succeed(limiter: Limiter) -> None:
    with limiter.permit() as permit:
        permit.succeeded()


@given(st.integers(1, 64), st.lists(st.sampled_from(["success", "throttled", "neither"]), max_size=200))
def test_the_window_stays_within_its_bounds(maximum: int, outcomes: list[str]) -> None:
    """Each 429 halves it, each success lets it grow by at most one, nothing else moves it."""
    limiter = Limiter(maximum)
    for outcome in outcomes:
        before = limiter._window
        with limiter.permit() as permit:
            if outcome == "success":
                permit.succeeded()
            elif outcome == "throttled":
                permit.throttled()
        after = limiter._window
        assert 1 <= after <= maximum
        if outcome == "throttled":
            assert after == max(1.0, before / 2)
        elif outcome == "success":
            assert after == min(maximum, before + 1 / before)
        else:
            assert after == before
    assert limiter._under_way == 0


@given(st.integers(1, 64))
def test_it_recovers_fully(maximum: int) -> None:
    """From one place back to all of them, in a bounded number of successes."""
    limiter = Limiter(maximum)
    for _ in range(10):
        throttle(limiter)
    assert int(limiter._window) == 1
    for _ in range(maximum**2 + 1):
        succeed(limiter)
    assert int(limiter._window) == maximum


def test_a_burst_of_429s_counts_once() -> None:
    """Eight requests were under way together: they tell of one excess."""
    limiter = Limiter(8)
    slots = [limiter._acquire() for _ in range(8)]
    for permit in slots:
        permit.throttled()
        limiter._release(permit)
    assert int(limiter._window) == 4


def test_a_pause_holds_everybody_until_it_is_over(clock: SleepingClock) -> None:
    """A longer one wins over a shorter one that comes later."""
    limiter = Limiter(4, sleep=clock.sleep, monotonic=clock.monotonic)
    first, second = limiter._acquire(), limiter._acquire()
    first.throttled(30.0)
    limiter._release(first)
    second.throttled(5.0)
    limiter._release(second)
    succeed(limiter)
    assert clock.slept == [30.0]


def test_a_place_is_given_back_after_an_error() -> None:
    """Else the client would starve."""
    limiter = Limiter(1)
    with pytest.raises(KeyError), limiter.permit():
        raise KeyError
    assert limiter._under_way == 0


def test_threads_never_exceed_the_window() -> None:
    """Fifty threads, three places, and every one of them gets its turn."""
    limiter = Limiter(3)
    lock = threading.Lock()
    now, most, turns = 0, 0, 0

    def work(_number: int) -> None:
        nonlocal now, most, turns
        with limiter.permit() as permit:
            with lock:
                now, turns = now + 1, turns + 1
                most = max(most, now)
            threading.Event().wait(0.001)
            with lock:
                now -= 1
            permit.succeeded()

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(work, range(200)))
    assert (now, turns, limiter._under_way) == (0, 200, 0)
    assert most <= 3


def test_a_429_halves_what_the_window_lets_through() -> None:
    """With two places of eight one is left; with all of them again it grows from there."""
    limiter = Limiter(8)
    limiter.share(2, float("inf"))
    throttle(limiter)
    assert limiter._window == 1.0
    limiter.share(8, float("inf"))
    succeed(limiter)
    assert limiter._window == 2.0
