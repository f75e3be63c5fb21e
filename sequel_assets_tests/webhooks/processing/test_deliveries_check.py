"""The check of deliveries: it warns at a twentieth that is late, and names what waits for more than a day."""

from datetime import timedelta

import pytest

from sequel_assets.orchestration.checks.webhook_deliveries import result
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import notifications
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.sweep import Arrivals
from sequel_assets_tests.support.inboxes import deliver, notification
from sequel_assets_tests.webhooks.processing.swept import NOW, warehouse_with_events

__all__ = ["warehouse_with_events"]


@pytest.mark.parametrize(
    ("in_time", "missed", "expected"),
    [
        (0, 0, (True, "ERROR", "Skipped: no event has ended within 7 days.")),
        (20, 0, (True, "ERROR", "Of 20 ends within 7 days 0 were never reported and 0 late.")),
        (96, 4, (True, "WARN", "Of 100 ends within 7 days 4 were never reported and 0 late.")),
        (95, 5, (False, "WARN", "Of 100 ends within 7 days 5 were never reported and 0 late.")),
        (51, 49, (False, "WARN", "Of 100 ends within 7 days 49 were never reported and 0 late.")),
        (50, 50, (False, "ERROR", "Of 100 ends within 7 days 50 were never reported and 0 late.")),
    ],
)
def test_the_check_warns_at_a_twentieth_and_fails_at_a_half(
    in_time: int, missed: int, expected: tuple[bool, str, str]
) -> None:
    """And says that the tables are right all the same."""
    checked = result(Arrivals(in_time, (), tuple(("kid", f"e{n}") for n in range(missed))), {"kid": "kid.1"})
    passed, severity, words = expected
    assert checked.passed is passed
    assert (checked.description or "").startswith(words)
    if missed:
        assert checked.severity.value == severity
        assert "kid.1 event e0: never reported" in (checked.description or "")


def test_hints_that_wait_for_more_than_a_day_are_told_by_the_check(warehouse_with_events: Warehouse) -> None:
    """Whatever the share of those that were told; one that was put back waits from then on."""
    old = NOW - timedelta(days=2)
    deliver(
        warehouse_with_events,
        notification("kid", "e1", old),
        notification("kid", "e1", NOW),
        notification("kid", "e2", NOW),
        notification("kid", "e3", old),
    )
    with warehouse_with_events.write() as connection:
        (groups,) = notifications.waiting(connection, [WebhookType.ENDED])
        notifications.close(connection, groups[-1], "done", at=old)
        notifications.put_back(connection, old, "e3", at=NOW)
    with warehouse_with_events.read() as connection:
        stuck = notifications.stuck(connection, NOW - timedelta(days=1))
    assert stuck == [notifications.Stuck("kid", WebhookType.ENDED, "e1", old)]
    checked = result(Arrivals(20, (), ()), {"kid": "kid.1"}, stuck)
    assert (checked.passed, checked.severity.value, checked.description) == (
        False,
        "WARN",
        "Of 20 ends within 7 days 0 were never reported and 0 late.\n"
        "The notifications about 1 events have waited for more than a day (sequel-assets inbox --waiting says for what):\n"
        "kid.1 event e1: virtual-stage-event-ended, since 2026-03-01 16:00",
    )
    assert result(Arrivals(0, (), ()), {}, stuck).passed is False
