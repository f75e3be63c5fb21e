"""Places for requests: divided by companies, never more in sum than the limit whatever happens to the processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import request_places as store
from sequel_assets.warehouse.stores.request_places import LEASE, Demand, PlacesInUse, Throttle, divide, in_use, renew

DEMANDS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.builds(Demand, st.integers(0, 500), st.integers(0, 64)), max_size=20
)


@given(st.integers(1, 64), DEMANDS, st.integers(0, 1000))
def test_all_places_are_divided_and_no_more(places: int, demands: dict[str, Demand], turn: int) -> None:
    """Each process has one where there are enough."""
    shares = divide(places, demands, turn)
    assert shares.keys() == demands.keys()
    assert sum(shares.values()) == (places if demands else 0)
    assert not demands or len(demands) > places or min(shares.values()) >= 1


def test_places_go_by_companies_among_those_that_want_them() -> None:
    """A bundle of 50 beside a backfill of one; who has little to do gives its places to others; who is alone has all."""
    bundle, backfill, idle = Demand(50, 16), Demand(1, 16), Demand(50, 1)
    assert divide(8, {"bundle": bundle, "backfill": backfill}, 0) == {"bundle": 7, "backfill": 1}
    assert divide(8, {"one": bundle, "two": bundle}, 0) == {"one": 4, "two": 4}
    assert divide(8, {"idle": idle, "backfill": backfill}, 0) == {"idle": 1, "backfill": 7}
    assert divide(8, {"alone": Demand(1, 0)}, 0) == {"alone": 8}


@given(st.integers(1, 8), st.integers(1, 20))
def test_more_processes_than_places_take_turns_and_nobody_starves(places: int, processes: int) -> None:
    """Each has a place within as many turns as there are processes."""
    demands = {f"p{number:02}": Demand(1, 8) for number in range(processes)}
    lucky = {name for turn in range(processes) for name, share in divide(places, demands, turn).items() if share}
    assert lucky == demands.keys()


def test_places_are_given_up_in_two_steps(warehouse: Warehouse) -> None:
    """What a process may still use while its answer is on the way stays its own; the next renewal gives it to the others."""
    demand = Demand(1, 8)
    with warehouse.write() as connection:
        alone = renew(connection, "a", "here", demand, places=8, reserved=0)
        early = renew(connection, "b", "there", demand, places=8, reserved=0)
        told = renew(connection, "a", "here", demand, places=8, reserved=8)
        still = renew(connection, "b", "there", demand, places=8, reserved=0)
        written = renew(connection, "a", "here", demand, places=8, reserved=4)
        given = renew(connection, "b", "there", demand, places=8, reserved=0)
    leases = [(lease.places, lease.is_settled) for lease in (alone, early, told, still, written, given)]
    assert leases == [(8, True), (0, False), (4, False), (0, False), (4, True), (4, True)]


def test_a_429_is_known_to_all_with_their_next_renewal(warehouse: Warehouse) -> None:
    """With the pause that Sequel asked for, by the database's clock."""
    with warehouse.write() as connection:
        before = renew(connection, "b", "there", Demand(1, 1), places=8, reserved=0)
        renew(connection, "a", "here", Demand(1, 1), places=8, reserved=0, throttle=Throttle(7.0, seen=0))
        renew(connection, "b", "there", Demand(1, 1), places=8, reserved=4)
        after = renew(connection, "b", "there", Demand(1, 1), places=8, reserved=4)
    assert (before.throttles, before.pause_seconds, before.places) == (0, 0.0, 8)
    assert (after.throttles, after.holders, after.places) == (1, 2, 4)
    assert 5 < after.pause_seconds <= 7


def test_429s_of_one_burst_count_once_whichever_processes_they_meet(warehouse: Warehouse) -> None:
    """A second process that did not know of the first's; a later one of a burst that was told of; the longest pause stays."""
    counts = []
    with warehouse.write() as connection:
        for throttle in (Throttle(7.0, 0), Throttle(1.0, 0), Throttle(2.0, None), Throttle(0.0, 1), Throttle(0.0, 1)):
            lease = renew(connection, "a", "here", Demand(1, 1), places=8, reserved=0, throttle=throttle)
            counts.append(lease.throttles)
    assert counts == [1, 1, 1, 2, 2]
    assert 5 < lease.pause_seconds <= 7


def test_the_places_in_use_are_those_of_leases_that_have_not_ended(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has any at first; a process that falls silent has none after its lease."""
    now = [datetime(2026, 3, 3, 12, tzinfo=UTC)]
    monkeypatch.setattr(store, "_now", lambda _: now[0])
    with warehouse.write() as connection:
        found = [in_use(connection)]
        renew(connection, "a", "here", Demand(1, 1), places=8, reserved=5)
        now[0] += LEASE - timedelta(seconds=1)
        renew(connection, "b", "there", Demand(1, 1), places=8, reserved=0, throttle=Throttle(0.0, 0))
        renew(connection, "a", "here", Demand(1, 1), places=8, reserved=4)
        renew(connection, "b", "there", Demand(1, 1), places=8, reserved=0)
        found.append(in_use(connection))
        now[0] += timedelta(seconds=2)
        renew(connection, "b", "there", Demand(1, 1), places=8, reserved=4)
        now[0] += LEASE - timedelta(seconds=1)
        found.append(in_use(connection))
    assert found == [PlacesInUse(0, 0, 0), PlacesInUse(2, 8, 1), PlacesInUse(1, 4, 1)]
