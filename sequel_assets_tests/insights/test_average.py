"""The average: exact to the second decimal, halves up, the same on every engine."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext

import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.insights.sql import average
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.rows import ACME, DAY


def by_hand(minutes: int, users: int) -> float | None:
    """What everybody learns at school."""
    if not users:
        return None
    with localcontext(prec=60):
        return float((Decimal(minutes) / users).quantize(Decimal("0.01"), ROUND_HALF_UP))


def computed(warehouse: Warehouse, pairs: list[tuple[int, int]]) -> list[float | None]:
    """Let the engine compute the averages of (minutes, users)."""
    number = sa.cast(daily_usage.c.event_type, sa.Integer)
    with warehouse.write() as connection:
        rows = [(ACME, DAY, str(n), 0, 0, minutes, users, None, 0, False) for n, (minutes, users) in enumerate(pairs)]
        bulk.insert(connection, daily_usage, rows)
        asked = sa.select(average(daily_usage.c.engaged_minutes, daily_usage.c.unique_users)).order_by(number)
        return list(connection.scalars(asked))


def test_sequels_own_example(warehouse: Warehouse) -> None:
    """898 minutes of 57 people are 15.75, as Sequel's documentation says."""
    assert computed(warehouse, [(898, 57)]) == [15.75]


def test_halves_go_up_exactly(warehouse: Warehouse) -> None:
    """Thousands of random pairs, and those whose third decimal is an exact 5, where floating point goes wrong."""
    chance = random.Random(7)
    pairs = [(chance.randint(0, 10 ** chance.randint(1, 12)), chance.randint(1, 10**5)) for _ in range(3000)]
    halves = [(units * 8 + eighth, 8) for units in range(250) for eighth in (1, 3, 5, 7)]
    hundredths = [(units * 200 + odd, 200) for units in range(100) for odd in (1, 3, 99, 101, 199)]
    borders = [(0, 0), (0, 1), (1, 3), (2, 3), (1, 201), (1, 200), (1, 199), (10**12 - 1, 2), (10**11, 1)]
    pairs += halves + hundredths + borders
    assert computed(warehouse, pairs) == [by_hand(*pair) for pair in pairs]


def test_nobody_has_no_average(warehouse: Warehouse) -> None:
    """Null, not zero and not an error."""
    assert computed(warehouse, [(0, 0), (10, 0)]) == [None, None]
