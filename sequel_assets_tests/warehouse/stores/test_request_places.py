"""Places for requests: divided by companies, never more in sum than the limit whatever happens to the processes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import request_places as store
from sequel_assets.warehouse.stores.request_places import LEASE, Demand, divide, give_up, renew
from sequel_assets.warehouse.tables.request_places import request_places

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


@dataclass
class PlaceHolder:
    """A process as the others see it: what it may have under way, by its own reckoning."""

    name: str
    places: int = 0
    under_way: int = 0
    until: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))


@pytest.mark.parametrize("seed", range(6))
def test_over_any_history_no_more_is_under_way_than_the_limit(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Processes join, renew, fall silent until their lease has ended, and leave; each fills its places at once."""
    dice, places = random.Random(seed), random.Random(seed).randint(1, 12)
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(store, "_now", lambda _: now)
    processes = [PlaceHolder(f"p{number}") for number in range(5)]
    for _ in range(150):
        now += timedelta(seconds=dice.choice([0.2, 1, 1, 3, 40 if dice.random() < 0.05 else 1]))
        process = dice.choice(processes)
        for one in processes:  # by its own clock its places have ended
            if now >= one.until:
                one.places = one.under_way = 0
        if dice.random() < 0.1:
            with warehouse.write() as connection:
                give_up(connection, process.name)
            process.places = process.under_way = 0
        else:
            process.under_way = dice.randint(0, process.under_way)
            with warehouse.write() as connection:
                lease = renew(
                    connection,
                    process.name,
                    "here",
                    Demand(dice.randint(1, 50), dice.randint(0, 16)),
                    places=places,
                    under_way=process.under_way,
                )
            process.places, process.until = lease.places, now + LEASE - timedelta(seconds=5)
            process.under_way = max(process.under_way, lease.places)
        assert sum(one.under_way for one in processes) <= places
        with warehouse.read() as connection:
            assert (connection.scalar(sa.select(sa.func.sum(request_places.c.places))) or 0) <= places


def test_a_429_is_known_to_all_with_their_next_renewal(warehouse: Warehouse) -> None:
    """With the pause that Sequel asked for, by the database's clock."""
    more = {"places": 8, "under_way": 0}
    with warehouse.write() as connection:
        before = renew(connection, "b", "there", Demand(1, 1), **more)  # type: ignore[arg-type]
        renew(connection, "a", "here", Demand(1, 1), throttled_seconds=7.0, **more)  # type: ignore[arg-type]
        after = renew(connection, "b", "there", Demand(1, 1), **more)  # type: ignore[arg-type]
    assert (before.throttles, before.pause_seconds, before.places) == (0, 0.0, 8)
    assert (after.throttles, after.holders, after.places) == (1, 2, 4)
    assert 5 < after.pause_seconds <= 7
