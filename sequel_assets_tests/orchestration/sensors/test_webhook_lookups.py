"""Notifications about companies and events that are not known yet, or belong elsewhere."""

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Attendance, Company, Event
from sequel_assets.warehouse.stores import subscriptions as subscription_rows
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.processing.sweep import Arrivals, arrivals
from sequel_assets.webhooks.subscriptions.decisions import DesiredSubscription
from sequel_assets.webhooks.subscriptions.status import SubscriptionStatus, undelivered_companies
from sequel_assets_tests.orchestration.sensors.afternoon import TODAY, stage
from sequel_assets_tests.orchestration.sensors.webhook_stage import WebhookStage
from sequel_assets_tests.support.inboxes import CAPABILITY, deliver, notification, outcomes
from sequel_assets_tests.support.small_world import ROOT, ZOE, at

pytestmark = pytest.mark.slow

__all__ = ["stage"]


@pytest.mark.scenario
@pytest.mark.usefixtures("engine_kind")
def test_what_is_told_of_the_company_above_is_the_childs_all_the_same(stage: WebhookStage) -> None:
    """Refreshed at once, closed by the hour, and neither swept for nor counted as missed."""
    warehouse = stage.stage.warehouse
    with warehouse.write() as connection:
        row = {
            "company_id": ROOT,
            "capability_hash": CAPABILITY,
            "event_type": WebhookType.ENDED,
            "subscription_id": "s1",
        }
        connection.execute(subscriptions.insert().values(**row, created_at=at(3, 10)))
    deliver(warehouse, notification(ROOT, "e-talk", stage.now))
    assert stage.ask() == ""
    stage.at(at(3, 15, 5))
    stage.hourly()
    stage.ask()
    stage.at(at(3, 15, 30))
    assert stage.ask() == "nothing waits in the inbox"
    assert outcomes(warehouse) == ["the refresh through 2026-03-03 15:00 covers it"]
    with warehouse.read() as connection:
        assert arrivals(connection, stage.now) == Arrivals(1, (), ())
        states = [
            SubscriptionStatus(DesiredSubscription(ROOT, WebhookType.ENDED), "valid", False, row)
            for row in subscription_rows.living(connection)
        ]
        assert undelivered_companies(connection, states, ROOT, stage.now) == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize("told_of", ["bolt", ROOT])
def test_a_started_event_is_hot_from_the_next_hour_on(stage: WebhookStage, told_of: str) -> None:
    """Also one that is planned for next week, and one that is told of the company above."""
    world = stage.stage.sandbox.world
    early = Event("e-early", "bolt", "Early", at(9, 9), at(9, 10), attendance=[])
    world.add_event(early)
    deliver(stage.stage.warehouse, notification(told_of, "e-early", stage.now, WebhookType.STARTED))
    stage.later(seconds=1)
    assert stage.ask("started") == ""
    assert outcomes(stage.stage.warehouse) == ["its event is fetched every hour from now on"]
    for hour in (15, 16):  # what has just been listed for the first time is asked for anyhow
        stage.at(at(3, hour, 5))
        stage.hourly()
    assert any("e-early" in asked.path and asked.at == stage.now for asked in stage.stage.sandbox.requests)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("told_of", ["bolt", ROOT])
def test_an_end_of_an_event_that_nobody_has_listed_yet_is_in_the_tables_at_once(
    stage: WebhookStage, told_of: str
) -> None:
    """It is listed first, at the company whose it is, and refreshed in the same run."""
    attendance = [Attendance(ZOE, live=[(at(3, 14, 10), 7)])]
    stage.stage.sandbox.world.add_event(
        Event("e-new", "bolt", "New", at(3, 14, 10), at(3, 14, 19), attendance=attendance)
    )
    deliver(stage.stage.warehouse, notification(told_of, "e-new", stage.now))
    assert stage.ask() == ""
    asked = [one.path for one in stage.stage.sandbox.requests if one.at == stage.now and "e-new" in one.path]
    assert "/api/analytics/user-engagement/events/e-new/top-participants" in asked
    stage.at(at(3, 15, 5))
    stage.hourly()
    assert stage.ask() == "nothing waits in the inbox"
    assert outcomes(stage.stage.warehouse) == ["the refresh through 2026-03-03 15:00 covers it"]
    stage.assert_true(TODAY)


@pytest.mark.scenario
def test_an_event_that_cannot_be_looked_up_now_is_looked_up_again(stage: WebhookStage) -> None:
    """It is nobody's only once Sequel has said so, or has listed all else."""
    stage.stage.sandbox.world.add_event(Event("e-new", "bolt", "New", at(9, 9), at(9, 10), attendance=[]))
    deliver(stage.stage.warehouse, notification(ROOT, "e-new", stage.now, "virtual-stage-created"))
    stage.stage.sandbox.faults.always("*/event/e-new", "http_503")
    stage.patch.setenv("SEQUEL_RETRY_BUDGET_SECONDS", "0")
    assert stage.ask("changed") == ""
    assert [run.success for run in stage.runs] == [False]
    assert outcomes(stage.stage.warehouse) == [None]
    stage.stage.sandbox.faults.clear()
    stage.later(minutes=1)
    assert stage.ask("changed") == ""
    assert outcomes(stage.stage.warehouse) == ["its company's events were listed"]
    with stage.stage.warehouse.read() as connection:
        owner = connection.scalars(sa.text("SELECT company_id FROM events WHERE event_id = 'e-new'")).all()
    assert owner == ["bolt"]


@pytest.mark.scenario
def test_unknown_companies_and_events_are_looked_up_and_appear_or_are_noted(stage: WebhookStage) -> None:
    """A new company gets its partition in the same tick; one that is nowhere is not ours."""
    world = stage.stage.sandbox.world
    deliver(
        stage.stage.warehouse,
        notification("stranger", "e1", stage.now, verdict="unknown_company"),
        notification("bolt", "e-nowhere", stage.now),
    )
    stage.later(seconds=1)
    stage.ask()
    assert outcomes(stage.stage.warehouse) == [
        "no such company among yours: not ours",
        "Sequel lists no such event of its company: not ours",
    ]
    world.add_company(Company("late", "Latecomer", ROOT))
    deliver(stage.stage.warehouse, notification("late", None, stage.now, "virtual-stage-created"))
    ticked = stage.look("changed")
    keys = stage.stage.instance.get_dynamic_partitions("company")
    assert any(key.startswith("latecomer.") for key in keys)
    assert len(ticked.run_requests) == 1


@pytest.mark.scenario
def test_changes_of_a_company_are_one_listing(stage: WebhookStage) -> None:
    """Fifty deliveries, one run, one listing; a duplicate changes nothing."""
    stage.stage.sandbox.world.rename_event("e-talk", "Talk of the town")
    many = [notification("bolt", f"e{n}", stage.now, "virtual-stage-updated") for n in range(50)]
    deliver(stage.stage.warehouse, *many)
    stage.later(seconds=1)
    assert stage.ask("changed") == ""
    deliver(stage.stage.warehouse, *many)
    assert stage.ask("changed") == "nothing waits in the inbox"
    assert set(outcomes(stage.stage.warehouse)) == {"its company's events were listed"}
    with stage.stage.warehouse.read() as connection:
        names = connection.scalars(sa.text("SELECT name FROM events WHERE event_id = 'e-talk'")).all()
    assert names == ["Talk of the town"]
