"""Which parts of an event are unavailable."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.stores import availability
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.support.harness import PlatformUnderTest

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])


def unavailable(it: PlatformUnderTest) -> dict[str, str]:
    """Return why each dataset is unavailable at the kid."""
    with it.warehouse.read() as connection:
        return {one.dataset: one.reason for one in availability.unavailable(connection) if one.company_id == "kid"}


def stored(it: PlatformUnderTest, dataset: str) -> set[Any]:
    """Return the days of the kid's slices of a dataset."""
    r = refreshes.c
    with it.warehouse.read() as connection:
        return set(connection.scalars(sa.select(r.day).where(r.company_id == "kid", r.dataset == dataset)))


def next_hour(it: PlatformUnderTest, hours: int = 1) -> None:
    """Let time go by."""
    it.sandbox.clock.advance(timedelta(hours=hours))
