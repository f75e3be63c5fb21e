"""A reconciler beside a Sequel that is a fake, and what goes wrong between them."""

from datetime import timedelta

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.webhooks.subscriptions.reconciler import ReconcilerReport
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import (
    ReconcilerStage,
)

DAY = timedelta(days=1)


@pytest.fixture
def desk(warehouse: Warehouse) -> ReconcilerStage:
    """A desk that nothing was done at."""
    return ReconcilerStage(warehouse)


@pytest.fixture
def settled(desk: ReconcilerStage) -> ReconcilerStage:
    """A desk with both subscriptions."""
    assert done(desk.look()) == [("create", "missing")] * 2
    desk.books.asked.clear()
    return desk


def done(report: ReconcilerReport) -> list[tuple[str, str]]:
    """What a look did and why, where nothing failed."""
    assert report.failures == []
    return [(step.do.value, step.why) for step in report.steps]


def fails(desk: ReconcilerStage, what: str, how: str, times: int = 1) -> None:
    """Let the next requests of a kind fail."""
    left = [times]

    def fault(asked: str) -> str:
        if asked != what or not left[0]:
            return ""
        left[0] -= 1
        return how

    desk.books.fault = fault
