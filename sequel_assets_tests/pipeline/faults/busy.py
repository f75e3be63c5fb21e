"""A busy world, and what a failure leaves of it."""

from __future__ import annotations

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import Attendance, World
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    DAYS,
    at,
    event,
    world_of,
)

SLICES = 2 * len(SLICED) * len(DAYS)


def busy_world() -> World:
    """Return a world with minutes on every day in both companies."""
    crowd = [
        Attendance(ADA, live=[(at(n), 5 + n) for n in range(1, 9)], on_demand=[(at(n, 20), n) for n in range(1, 8)]),
        Attendance(BO, on_demand=[(at(n), n) for n in range(1, 9)]),
    ]
    return world_of(event("e", "kid", at(1), crowd), event("f", "root", at(4), crowd[:1]))
