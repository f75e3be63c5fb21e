"""Short afternoons of chaos, on both databases; `make chaos` has 20,000 deliveries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets_tests.campaigns.chaos.afternoon import Afternoon
from sequel_assets_tests.campaigns.chaos.size import Size
from sequel_assets_tests.support.inboxes import rows

pytestmark = pytest.mark.slow


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite", "postgresql"])
def test_every_acknowledged_notification_is_handled_once_and_the_tables_are_right(
    tmp_path: Path, engine_kind: str, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries come twice, late, in bursts or never, and both processes are killed in the middle."""
    monkeypatch.chdir(tmp_path)
    size = Size(companies=2, events=6, people=20, steps=10, deliveries=150, kill_every=10)
    with Afternoon(tmp_path, new_database(engine_kind, migrated=False), size) as afternoon:
        account = afternoon.run()
    assert account.answers.total() >= 150
    assert account.kills >= 2
    assert account.runs <= 10 < account.acknowledged


@pytest.mark.scenario
def test_a_sequel_that_drops_a_third_still_ends_with_right_tables(
    tmp_path: Path, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thanks to the sweep, which asks in place of the hourly refresh too: that is off here. A company per event, so that no other asks for it."""
    monkeypatch.chdir(tmp_path)
    size = Size(
        companies=6, events=6, people=5, steps=12, deliveries=0, kill_every=10**9, rates={"drop": 0.3}, seed=4, has_schedule=False
    )  # fmt: skip
    with Afternoon(tmp_path, new_database("sqlite", migrated=False), size) as afternoon:
        account = afternoon.run()
        missed = {row["event_id"] for row in rows(afternoon.warehouse) if row["verdict"] == "missed"}
    ends = [one for one in afternoon.sandbox.webhooks.deliveries if one.event_type == WebhookType.ENDED]
    never_told = {one.event_id for one in ends} - {one.event_id for one in ends if one.state != "dropped"}
    assert missed == never_told
    assert len(missed) >= 1
    assert account.kills == 0
